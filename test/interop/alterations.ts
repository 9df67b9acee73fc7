/** Octets changed on their way: neither side may take them. */
import { describe, expect, inject, test } from 'vitest';
import { FtpSecurityError } from '../../src/errors.js';
import type { SecurityContext } from '../../src/protection/mechanism.js';
import { agree, ourAcceptor, ourInitiator, refusal, theirAcceptor, theirInitiator, USUAL } from './conversation.js';
import { SeededOctets } from './messages.js';
import { FTP_FLAGS, GSS, isRefused, type Peer } from './peer.js';
import { enctypesOf, type Library } from './realm.js';

/** Altered copies of each token. */
const ALTERED = 60;

export function alterations(library: Library): void {
  const realm = () => inject(library);

  describe(`${library}: an altered AP-REP is refused`, () => {
    test('ours by their initiator', async () => {
      const peer = theirInitiator(realm(), USUAL, { flags: FTP_FLAGS[library] });
      const { token } = await ourAcceptor(realm(), USUAL).step((await peer.step()).token);
      expect(isRefused((await peer.request('s', flip(token!, 8 * token!.length - 1))).major)).toBe(true);
      await peer.close();
    });

    test('theirs by our initiator', async () => {
      const peer = theirAcceptor(realm(), USUAL);
      const ours = ourInitiator(realm(), USUAL);
      const { token } = await peer.step((await ours.step()).token);
      await refusal(ours, flip(token!, 8 * token!.length - 1), 'security/bad-checksum');
      await peer.close();
    });
  });

  describe.each(enctypesOf(library))(`${library}: altered tokens of enctype %i`, enctype => {
    test('are refused on both sides, and change nothing', async () => {
      const peer = theirInitiator(realm(), enctype, { flags: FTP_FLAGS[library] });
      const { context } = await agree(ourAcceptor(realm(), enctype), peer, 'acceptor');
      const random = new SeededOctets(`altered ${library} ${enctype}`);
      for (const level of levelsToAlter(enctype)) {
        await theyRefuse(library, context, peer, level, random);
        await weRefuse(context, peer, level, random);
      }
      await peer.close();
    });
  });
}

/** A copy with one bit changed, counted from the first octet's highest. */
export function flip(octets: Uint8Array, bit: number): Uint8Array {
  const altered = Uint8Array.from(octets);
  altered[bit >> 3]! ^= 0x80 >> (bit & 7);
  return altered;
}

/** Of an unsealed token of RC4, half of the sequence number is covered by no checksum. */
const levelsToAlter = (enctype: number) => (enctype === 23 ? (['private'] as const) : (['safe', 'private'] as const));

/** To Heimdal an altered token uses up its number, and the next one with it is a replay; of which it gives no text. */
async function theyRefuse(
  library: Library,
  context: SecurityContext,
  peer: Peer,
  level: 'safe' | 'private',
  random: SeededOctets,
) {
  const plaintext = random.take(100);
  const { token } = context.wrap(plaintext, level);
  for (let i = 0; i < ALTERED; i++) {
    const bit = random.below(8 * token.length);
    const { major, result } = await peer.request('u', flip(token, bit));
    const what = `bit ${bit} of ${token.length} octets, ${level}`;
    expect(library === 'mit' ? isRefused(major) : major !== GSS.complete, what).toBe(true);
    expect(result, what).toHaveLength(0);
  }
  if (library === 'heimdal') return;
  const { major, result } = await peer.request('u', token);
  expect([major, result]).toEqual([GSS.complete, plaintext]);
}

async function weRefuse(context: SecurityContext, peer: Peer, level: 'safe' | 'private', random: SeededOctets) {
  const plaintext = random.take(100);
  const { result: token } = await peer.request(level === 'private' ? 'W' : 'w', plaintext);
  for (let i = 0; i < ALTERED; i++) {
    const bit = random.below(8 * token.length);
    expect(() => context.unwrap(flip(token, bit)), `bit ${bit} of ${token.length} octets, ${level}`).toThrow(
      FtpSecurityError,
    );
  }
  expect(context.unwrap(token)).toEqual({ plaintext, level, sequence: 'ok' });
}
