/** What an acceptor must not take, and what its KRB-ERROR reports to the initiator. */
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, inject, test } from 'vitest';
import type { ErrorCode, FtpSecurityError } from '../../src/errors.js';
import {
  channelBindings,
  type Krb5AcceptorOptions,
  parseKeytab,
  ReplayCache,
} from '../../src/mechanisms/krb5/index.js';
import type { Exchange } from '../../src/protection/mechanism.js';
import { flip } from './alterations.js';
import { ourAcceptor, ourInitiator, refusal, theirAcceptor, theirInitiator, USUAL } from './conversation.js';
import { FLAG, FTP_FLAGS, isRefused, type Peer } from './peer.js';
import { cacheOf, keytabOf, type Library, type Realm } from './realm.js';

const inAnHour = () => Date.now() + 3_600_000;

export function refusals(library: Library): void {
  const realm = () => inject(library);
  const initiator = (options = {}) => theirInitiator(realm(), USUAL, { flags: FTP_FLAGS[library], ...options });

  describe(`${library}: our acceptor refuses, and its KRB-ERROR informs their initiator`, () => {
    test('a replayed AP-REQ', async () => {
      const peer = initiator();
      const { token } = await peer.step();
      await ourAcceptor(realm(), USUAL).step(token);
      await expectReported(await refusal(ourAcceptor(realm(), USUAL), token, 'security/replayed'), peer, /replay/i);
    });

    test.each<[what: string, code: ErrorCode, said: RegExp, options: (realm: Realm) => Partial<Krb5AcceptorOptions>]>([
      [
        'a ticket under another key',
        'security/bad-checksum',
        /integrity|modified/i,
        its => ({ keytab: wrongKeys(its) }),
      ],
      [
        'a ticket of whose encryption type there is no key',
        'security/no-key',
        /service key not available|generic error|key/i,
        its => ({ keytab: otherKeys(its) }),
      ],
      [
        'a ticket for another service',
        'security/wrong-name',
        /isn't for us|not for us/i,
        () => ({ services: ['HTTP'] }),
      ],
      ['other channel bindings', 'security/bad-bindings', /./, () => ({ bindings: channelBindings({}) })],
    ])('%s', async (_what, code, said, options) => {
      const peer = initiator({ bindings: '7f0000017f000001' });
      const { token } = await peer.step();
      await expectReported(await refusal(ourAcceptor(realm(), USUAL, options(realm())), token, code), peer, said);
    });

    test('an AP-REQ without mutual authentication that is older than the replay cache', async () => {
      const peer = theirInitiator(realm(), USUAL, { flags: FTP_FLAGS[library] & ~FLAG.mutual });
      const { token } = await peer.step();
      // MIT’s clients take over what their clock differs from the KDC’s, to the second.
      await sleep(2100);
      const replayCache = new ReplayCache();
      const error = await refusal(ourAcceptor(realm(), USUAL, { replayCache }), token, 'security/replayed');
      expect(error.message).toMatch(/older than the replay cache/);
      await ourAcceptor(realm(), USUAL).step(token);
      await peer.close();
    });

    test('a clock that is an hour off', async () => {
      const peer = initiator({ cache: ownCache(realm()) });
      const error = await refusal(
        ourAcceptor(realm(), USUAL, { clock: inAnHour }),
        (await peer.step()).token,
        'security/clock-skew',
      );
      if (library === 'mit') return expectReported(error, peer, /skew/i);
      // Heimdal's takes our time from the KRB-ERROR, and tries again.
      const again = await peer.step(error.token);
      await ourAcceptor(realm(), USUAL, { clock: inAnHour }).step(again.token);
      await peer.close();
    });

    test('a weak ticket', async () => {
      const peer = theirInitiator(realm(), 23, { flags: FTP_FLAGS[library] });
      const { token } = await peer.step();
      const error = await refusal(ourAcceptor(realm(), 23, { allowWeak: false }), token, 'security/weak');
      await expectReported(error, peer, /encryption type/i);
    });
  });

  describe(`${library}: their acceptor refuses, and its KRB-ERROR informs our initiator`, () => {
    test('a clock that is an hour off', async () => {
      await told(
        theirAcceptor(realm(), USUAL),
        ourInitiator(realm(), USUAL, { clock: inAnHour }),
        'security/clock-skew',
      );
    });

    // Heimdal's has an answer for the clock alone.
    test.runIf(library === 'mit')('a ticket under another key', async () => {
      const file = `${keytabOf(realm(), USUAL)}.wrong`;
      writeFileSync(file, wrongKeytab(realm()));
      await told(
        theirAcceptor(realm(), USUAL, { keytab: file }),
        ourInitiator(realm(), USUAL),
        'security/bad-checksum',
      );
    });

    // Heimdal's acceptor keeps no record of what it has seen.
    test.runIf(library === 'mit')('a replayed AP-REQ', async () => {
      const ours = ourInitiator(realm(), USUAL);
      const { token } = await ours.step();
      const first = theirAcceptor(realm(), USUAL);
      await first.step(token);
      await first.close();
      await told(
        theirAcceptor(realm(), USUAL),
        { step: said => (said ? ours.step(said) : { token: token! }) },
        'security/replayed',
      );
    });

    test('other channel bindings', async () => {
      const bindings = channelBindings({
        initiator: Uint8Array.of(127, 0, 0, 1),
        acceptor: Uint8Array.of(127, 0, 0, 1),
      });
      const peer = theirAcceptor(realm(), USUAL, { bindings: '7f0000017f000002' });
      const { token } = await ourInitiator(realm(), USUAL, { bindings }).step();
      expect(isRefused((await peer.request('s', token)).major)).toBe(true);
      expect(await peer.errorText()).toMatch(/binding/i);
      await peer.close();
    });
  });
}

/** Their initiator, given our KRB-ERROR, says the same. */
async function expectReported({ token }: FtpSecurityError, peer: Peer, said: RegExp): Promise<void> {
  expect(token).toBeDefined();
  expect(isRefused((await peer.request('s', token)).major)).toBe(true);
  expect(await peer.errorText()).toMatch(said);
  await peer.close();
}

/** Our initiator, given their KRB-ERROR, says the same. */
async function told(peer: Peer, ours: Exchange, code: ErrorCode): Promise<void> {
  const { token } = await ours.step();
  const { flag, result } = await peer.request('s', token);
  expect(flag).toBe(false);
  expect(result.length, await peer.errorText()).toBeGreaterThan(0);
  await refusal(ours, result, code);
  await peer.close();
}

function wrongKeys(realm: Realm) {
  return parseKeytab(wrongKeytab(realm));
}

function otherKeys(realm: Realm) {
  return parseKeytab(readFileSync(keytabOf(realm, 17)));
}

/** A copy, as Heimdal's initiator notes in it how far its clock is off. */
function ownCache(realm: Realm): string {
  const copy = `${cacheOf(realm, USUAL)}.own`;
  copyFileSync(cacheOf(realm, USUAL), copy);
  return copy;
}

/** The keytab with one bit of its key changed. */
function wrongKeytab(realm: Realm): Uint8Array {
  const octets = readFileSync(keytabOf(realm, USUAL));
  return flip(octets, 8 * octets.indexOf(parseKeytab(octets)[0]!.key));
}
