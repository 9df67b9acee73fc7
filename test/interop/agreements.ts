/** What else an exchange carries, taken on both sides. */
import { readFileSync } from 'node:fs';
import { describe, expect, inject, test } from 'vitest';
import { channelBindings, parseKeytab, principalText } from '../../src/mechanisms/krb5/index.js';
import { agree, ourAcceptor, ourInitiator, theirAcceptor, theirInitiator, USUAL } from './conversation.js';
import { SeededOctets } from './messages.js';
import { FLAG, FTP_FLAGS } from './peer.js';
import { enctypesOf, keytabOf, type Library, userOf } from './realm.js';
import { exchangeMessages } from './traffic.js';

export function agreements(library: Library): void {
  const realm = () => inject(library);
  const initiator = (options = {}) => theirInitiator(realm(), USUAL, { flags: FTP_FLAGS[library], ...options });

  describe(`${library}: channel bindings that are equal`, () => {
    const ends = { initiator: Uint8Array.of(192, 0, 2, 10), acceptor: Uint8Array.of(192, 0, 2, 21) };
    const bindings = channelBindings({ ...ends, application: new TextEncoder().encode('tls') });
    const theirs = { bindings: 'c000020ac0000215746c73' };

    test('are taken by both acceptors', async () => {
      const one = initiator(theirs);
      await agree(ourAcceptor(realm(), USUAL, { bindings }), one, 'acceptor');
      const other = theirAcceptor(realm(), USUAL, theirs);
      await agree(ourInitiator(realm(), USUAL, { bindings }), other, 'initiator');
      await Promise.all([one.close(), other.close()]);
    });
  });

  describe(`${library}: bindings of the connection`, () => {
    test.each([
      ['7f0000017f000001', Uint8Array.of(127, 0, 0, 1)],
      [undefined, Uint8Array.of(127, 0, 0, 1)],
    ])('%s is taken', async (bindings, address) => {
      const peer = initiator(bindings === undefined ? {} : { bindings });
      const channel = { initiator: address, acceptor: address };
      const ours = ourAcceptor(realm(), USUAL);
      await agree({ step: token => ours.step(token, channel) }, peer, 'acceptor');
      await peer.close();
    });
  });

  describe(`${library}: a keytab as Active Directory’s`, () => {
    test.each([
      ['another version', { kvno: 77 }],
      ['version 0', { kvno: 0 }],
      ['an alias', { name: ['host', 'alias.test'] }],
      ['another case', { name: ['FTP', 'ETYPE-18.TEST'] }],
      ['the account of a machine', { name: ['ETYPE-18$'] }],
    ])('%s', async (_what, { name, ...change }: { name?: string[]; kvno?: number }) => {
      const [entry] = parseKeytab(readFileSync(keytabOf(realm(), USUAL)));
      const { principal } = entry!;
      const own = { ...entry!, ...change, principal: { ...principal, name: name ?? principal.name } };
      const peer = initiator();
      const { facts } = await agree(ourAcceptor(realm(), USUAL, { keytab: [own] }), peer, 'acceptor');
      expect(facts.serverName).toBe(principalText(own.principal));
      await peer.close();
    });
  });

  describe(`${library}: delegated credentials`, () => {
    test('are taken from their initiator, and their acceptor takes them from us', async () => {
      const peer = initiator({ flags: FTP_FLAGS[library] | FLAG.deleg });
      const { facts, context } = await agree(ourAcceptor(realm(), USUAL), peer, 'acceptor');
      expect(facts.flags).toContain('deleg');
      expect((await exchangeMessages(context, peer, new SeededOctets('delegation'), 50)).differing).toBe(0);
      await peer.close();

      // A KRB-CRED is under the session key of the ticket, which our initiator has too.
      const acceptor = theirAcceptor(realm(), USUAL);
      await agree(ourInitiator(realm(), USUAL, { delegation: facts.delegation! }), acceptor, 'initiator');
      expect((await acceptor.facts()).get('delegated')).toBe(userOf(library));
      await acceptor.close();
    });
  });

  /** What the libraries agree on when both permit more than the ticket's type (RFC 4537). */
  describe.each(enctypesOf(library).filter(enctype => enctype !== 20))(
    `${library}: a ticket of enctype %i`,
    enctype => {
      test.each(['acceptor', 'initiator'] as const)('leads to better keys, we are %s', async weAre => {
        const its = { permitted: 'every', flags: FTP_FLAGS[library] } as const;
        const peer =
          weAre === 'acceptor' ? theirInitiator(realm(), enctype, its) : theirAcceptor(realm(), enctype, its);
        const ours = weAre === 'acceptor' ? ourAcceptor(realm(), enctype) : ourInitiator(realm(), enctype);
        const { facts, context } = await agree(ours, peer, weAre);
        expect(facts.ticketEnctype).toBe(enctype);
        expect([18, 20]).toContain(facts.enctype);
        const seed = `upgrade ${library} ${enctype} ${weAre}`;
        expect((await exchangeMessages(context, peer, new SeededOctets(seed), 300)).differing).toBe(0);
        await peer.close();
      });
    },
  );
}
