/** Tokens of RFC 4121 that MIT Kerberos and Heimdal made (vectors/krb5/README.md), and their verdicts compared with ours. */
import { sha256, sha384 } from '@noble/hashes/sha2.js';
import { describe, expect, it } from 'vitest';
import type { BlockCipher } from '../../../../src/block-cipher.js';
import { concat, fromHex, toHex } from '../../../../src/bytes.js';
import { aes } from '../../../../src/mechanisms/krb5/crypto/aes-hmac.js';
import { cmac, kdfFeedbackCmac } from '../../../../src/mechanisms/krb5/crypto/cmac.js';
import { enctypeOf } from '../../../../src/mechanisms/krb5/crypto/enctypes.js';
import { kerberosKey } from '../../../../src/mechanisms/krb5/crypto/kerberos-key.js';
import {
  deriveRandom,
  KEY_KIND,
  kdfHmacSha2,
  keyConstant,
} from '../../../../src/mechanisms/krb5/crypto/key-derivation.js';
import { buildWrapToken } from '../../../../src/mechanisms/krb5/tokens/rfc4121.js';
import { readTokenHeader, type WrapHeader } from '../../../../src/mechanisms/krb5/tokens/token-header.js';
import { nodeCiphers } from '../../../../src/node/index.js';
import { expectCode } from '../../../helpers.js';
import { decrypted } from '../crypto/cts-arrays.js';
import { contextOf, expectOpened, type ForeignContext, foreignFiles, verdictOf } from '../foreign-contexts.js';

const FILES = foreignFiles('rfc4121');

function wrapHeaderOf(token: Uint8Array): WrapHeader {
  const header = readTokenHeader(token);
  if (header.kind !== 'wrap') throw new Error('no Wrap token');
  return header;
}

/** The token before its rotation. */
function unrotated(token: Uint8Array): Uint8Array {
  const { rrc } = wrapHeaderOf(token);
  const header = token.slice(0, 16).fill(0, 6, 8);
  const body = token.slice(16);
  const count = rrc % body.length;
  return concat(header, body.slice(count), body.slice(0, count));
}

/** The confounder in another implementation's encrypted token. */
function confounderOf(foreign: ForeignContext, token: Uint8Array): Uint8Array {
  const { etype, key: hex } = foreign.keys.message_key;
  const key = fromHex(hex);
  const constant = keyConstant(wrapHeaderOf(token).sentByAcceptor ? 22 : 24, KEY_KIND.encryption);
  const cipher = encryptionKey(etype, key, constant);
  const { checksumLength } = enctypeOf(etype)!;
  return decrypted(cipher, unrotated(token).slice(16, -checksumLength)).slice(0, 16);
}

function encryptionKey(etype: number, key: Uint8Array, constant: Uint8Array): BlockCipher {
  const camellia = nodeCiphers.camellia!;
  if (etype >= 25) return camellia(kdfFeedbackCmac(cmac(camellia(key)), constant, key.length));
  if (etype >= 19) return aes(kdfHmacSha2(etype === 19 ? sha256 : sha384, key, constant, key.length));
  return aes(deriveRandom(aes(key), constant, key.length));
}

describe.each(FILES)('$file', ({ contexts }) => {
  it.each(contexts)('opens every Wrap token, and refuses every GetMIC token: $name', expectOpened);

  it.each(contexts)('makes the same tokens: $name', foreign => {
    const { etype, key } = foreign.keys.message_key;
    const ours = kerberosKey(etype, fromHex(key), { ciphers: nodeCiphers });
    let made = 0;
    for (const { from, op, plaintext, seq, token: hex } of foreign.messages) {
      if (op === 'mic') continue;
      const token = fromHex(hex);
      const sealed = op === 'wrap-conf1';
      const facts = {
        sentByAcceptor: from === 'acceptor',
        acceptorSubkey: foreign.message_key_is_acceptor_subkey,
        sealed,
        sequence: BigInt(seq),
      };
      const confounder = sealed ? confounderOf(foreign, token) : undefined;
      // Heimdal rotates its tokens and MIT Kerberos does not. Without the rotation they must be the same as ours.
      expect(toHex(buildWrapToken(ours, facts, fromHex(plaintext), confounder))).toBe(toHex(unrotated(token)));
      made++;
    }
    expect(made).toBeGreaterThan(10);
  });

  it.each(contexts)('fits as much plaintext into a token: $name', foreign => {
    const context = contextOf(foreign, 'initiator');
    for (const { conf, output, max_input } of foreign.wrap_size_limit) {
      expect(context.wrapSizeLimit(conf === 1 ? 'private' : 'safe', output)).toBe(max_input);
    }
  });
});

/** Our verdict on each kind of case. */
const OUR_VERDICTS: readonly [kind: RegExp, verdict: string][] = [
  [/reflected to its sender/, 'security/wrong-direction'],
  [/good$|rotated|EC=(1|16|255) /, 'ok'],
  [/3rd of three delivered first|EC=0 |skip one then unwrap the next/, 'gap'],
  [/then the (1st|2nd|skipped one)$/, 'late'],
  [/replay|again$/, 'security/replayed'],
  [/flip byte 2 /, 'security/wrong-direction'],
  [/flip byte [013] |flip byte 4 |conf0 flip byte 5 |truncated to|a MIC token/, 'security/bad-token'],
  [/flip byte|flip last|truncated by 1|appended|last octet xor/, 'security/bad-checksum'],
];

/** The library accepts these and we refuse them; vectors/deviations.json has the reason for each. */
const STRICTER = /replay of the previous|then the 3rd again/;
/** The library refuses these and we accept them: Heimdal stops at a gap. With strictOrder we refuse them, too. */
const MORE_LENIENT = /skip one then unwrap the next|then the skipped one/;

/** The sequence number that the acceptor expects before the verdicts. */
function firstNumber({ verdicts }: ForeignContext): bigint {
  const first = verdicts.find(({ case: kind }) => kind === 'conf0 good' || kind === 'then the skipped one');
  return wrapHeaderOf(fromHex(first!.token)).sequence;
}

const judged = FILES.flatMap(({ file, contexts }) =>
  contexts
    .filter(({ verdicts }) => verdicts.length > 0)
    .map(foreign => ({ title: `${file} ${foreign.name}`, foreign })),
);

describe('verdicts', () => {
  it.each(judged)('are equal or stricter: $title', ({ foreign }) => {
    const receiveSequence = firstNumber(foreign);
    const receivers = {
      initiator: contextOf(foreign, 'initiator'),
      acceptor: contextOf(foreign, 'acceptor', { receiveSequence }),
    };
    for (const theirs of foreign.verdicts) {
      const expected = OUR_VERDICTS.find(([kind]) => kind.test(theirs.case))?.[1];
      const ours = verdictOf(receivers[theirs.receiver], theirs.token);
      expect([theirs.case, ours.verdict]).toEqual([theirs.case, expected]);
      const sameText = ours.plaintext === theirs.plaintext && ours.conf === theirs.conf;
      if (STRICTER.test(theirs.case) && theirs.plaintext !== null) expect(ours.plaintext).toBe(null);
      else if (MORE_LENIENT.test(theirs.case)) expect(ours.plaintext).toBe(theirs.sent_plaintext);
      else expect([theirs.case, sameText]).toEqual([theirs.case, true]);
    }
  });

  it.each(judged)('in strict order are never more lenient than Heimdal on a gap: $title', ({ foreign }) => {
    const strict = contextOf(foreign, 'acceptor', { receiveSequence: firstNumber(foreign), strictOrder: true });
    const skipping = foreign.verdicts.filter(({ case: kind }) => /skip one|3rd of three delivered first/.test(kind));
    expect(skipping.length).toBeGreaterThan(0);
    for (const { token } of skipping) expectCode(() => strict.unwrap(fromHex(token)), 'security/out-of-sequence');
  });
});
