/** Tokens of RFC 1964 and RFC 4757 that MIT Kerberos and Heimdal made (vectors/krb5/README.md), and their verdicts compared with ours. */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { concat, fromHex, toHex } from '../../../../src/bytes.js';
import { kerberosKey } from '../../../../src/mechanisms/krb5/crypto/kerberos-key.js';
import { formatFrame, openFrame } from '../../../../src/mechanisms/krb5/messages/gss-framing.js';
import { buildRfc1964Wrap, openRfc1964Wrap, verifyRfc1964Mic } from '../../../../src/mechanisms/krb5/tokens/rfc1964.js';
import { type Rfc1964Key, rfc1964Key } from '../../../../src/mechanisms/krb5/tokens/rfc1964-keys.js';
import { nodeCiphers } from '../../../../src/node/index.js';
import { errorOf, expectCode } from '../../../helpers.js';
import { contextOf, expectOpened, type ForeignContext, foreignFiles, verdictOf } from '../foreign-contexts.js';

const FILES = foreignFiles('rfc1964');

function keyOf({ keys }: ForeignContext): Rfc1964Key {
  const { etype, key } = keys.message_key;
  return rfc1964Key(kerberosKey(etype, fromHex(key), { ciphers: nodeCiphers }), fromHex(key), { ciphers: nodeCiphers });
}

/** The confounder in another implementation's token. */
function confounderOf(key: Rfc1964Key, token: Uint8Array): Uint8Array {
  const content = token.subarray(openFrame(token));
  const bodyStart = 16 + key.checksumLength;
  const body = content.subarray(bodyStart);
  if (toHex(content.subarray(4, 6)) === 'ffff') return body.slice(0, 8);
  return key.unseal(body, key.decryptSequence(content.subarray(8, 16), content.subarray(16, bodyStart))).slice(0, 8);
}

it('the vectors have DES, triple DES and RC4', () => {
  const etypes = FILES.map(({ contexts: [{ keys }] }) => keys.message_key.etype);
  expect(new Set(etypes)).toEqual(new Set([3, 16, 23]));
});

describe.each(FILES)('$file', ({ contexts }) => {
  it.each(contexts)('opens every Wrap token, and refuses every GetMIC token: $name', expectOpened);

  it.each(contexts)('makes the same tokens: $name', foreign => {
    const key = keyOf(foreign);
    const wrapped = foreign.messages.filter(({ op }) => op !== 'mic');
    expect(wrapped.length).toBeGreaterThan(10);
    for (const { from, op, plaintext, seq, token } of wrapped) {
      const facts = { sentByAcceptor: from === 'acceptor', sealed: op === 'wrap-conf1', sequence: BigInt(seq) };
      const made = buildRfc1964Wrap(key, facts, fromHex(plaintext), confounderOf(key, fromHex(token)));
      expect(toHex(made)).toBe(token);
    }
  });

  // The libraries return a size that always fits; ours is the greatest that fits.
  it.each(contexts)('fits as much plaintext into a token, or more: $name', foreign => {
    const context = contextOf(foreign, 'initiator');
    for (const { conf, output, max_input } of foreign.wrap_size_limit) {
      expect(context.wrapSizeLimit(conf === 1 ? 'private' : 'safe', output)).toBeGreaterThanOrEqual(max_input);
    }
  });
});

/** Our verdict on each kind of case. Octets 0 to 20 are the frame (with a length field of 1 octet), TOK_ID and algorithms. */
const OUR_VERDICTS: readonly [kind: RegExp, verdict: RegExp][] = [
  [/reflected to its sender/, /^security\/wrong-direction$/],
  [/good$/, /^ok$/],
  [/3rd of three delivered first|skip one then unwrap the next/, /^gap$/],
  [/then the (1st|2nd|skipped one)$/, /^late$/],
  [/replay|again$/, /^security\/replayed$/],
  [/truncated to|truncated by|appended|a MIC token/, /^security\/bad-token$/],
  [/flip byte (\d|1\d|20) /, /^security\/bad-token$/],
  [/flip byte|flip last|last octet xor/, /^security\/bad-checksum$/],
];

/** The sequence number of an RC4 token that is not encrypted: no checksum covers it (vectors/deviations.json, `unprotected`). */
const UNPROTECTED = /conf0 flip byte 2[1-4] /;
/** The library accepts these and we refuse them; vectors/deviations.json has the reason for each. */
const STRICTER = /replay of the previous|then the 3rd again/;
/** The library refuses these and we accept them: Heimdal stops at a gap. With strictOrder we refuse them, too. */
const MORE_LENIENT = /skip one then unwrap the next|then the skipped one/;

const judged = FILES.flatMap(({ file, contexts }) =>
  contexts
    .filter(({ verdicts }) => verdicts.length > 0)
    .map(foreign => ({ title: `${file} ${foreign.name}`, foreign })),
);

/** The sequence number that the acceptor expects before the verdicts. */
function firstNumber(foreign: ForeignContext): bigint {
  const first = foreign.verdicts.find(({ case: kind }) => kind === 'conf0 good' || kind === 'then the skipped one')!;
  return openRfc1964Wrap(keyOf(foreign), false, fromHex(first.token)).sequence;
}

describe('verdicts', () => {
  it.each(judged)('are equal or stricter: $title', ({ foreign }) => {
    const isRc4 = foreign.keys.message_key.etype === 23;
    const receivers = {
      initiator: contextOf(foreign, 'initiator'),
      acceptor: contextOf(foreign, 'acceptor', { receiveSequence: firstNumber(foreign) }),
    };
    for (const theirs of foreign.verdicts) {
      const ours = verdictOf(receivers[theirs.receiver], theirs.token);
      if (isRc4 && UNPROTECTED.test(theirs.case)) {
        expect(['gap', 'late', 'security/replayed', 'security/out-of-sequence']).toContain(ours.verdict);
        expect([null, theirs.plaintext]).toContain(ours.plaintext);
        continue;
      }
      const expected = OUR_VERDICTS.find(([kind]) => kind.test(theirs.case))?.[1];
      expect(ours.verdict, theirs.case).toMatch(expected!);
      const sameText = ours.plaintext === theirs.plaintext && ours.conf === theirs.conf;
      if (STRICTER.test(theirs.case) && theirs.plaintext !== null) expect(ours.plaintext).toBe(null);
      else if (MORE_LENIENT.test(theirs.case)) expect(ours.plaintext).toBe(theirs.sent_plaintext);
      else expect([theirs.case, sameText]).toEqual([theirs.case, true]);
    }
  });

  it.each(judged)('in strict order are never more lenient than Heimdal on a gap: $title', ({ foreign }) => {
    const strict = contextOf(foreign, 'acceptor', { receiveSequence: firstNumber(foreign), strictOrder: true });
    const skipping = foreign.verdicts.filter(({ case: kind }) => /skip one|3rd of three delivered first/.test(kind));
    for (const { token } of skipping) expectCode(() => strict.unwrap(fromHex(token)), 'security/out-of-sequence');
    expect(skipping.length).toBeGreaterThan(0);
  });
});

describe('a token of RFC 1964', () => {
  it('may have any of the three checksums of DES (RFC 1964 §1.2.1.1)', () => {
    const des = FILES.find(({ contexts: [{ keys }] }) => keys.message_key.etype === 3)!.contexts[0];
    const key = keyOf(des);
    expect([...key.signing.keys()]).toEqual([0x0000, 0x0100, 0x0200]);
    const facts = { sentByAcceptor: false, sealed: true, sequence: 5n };
    for (const [number, checksumOf] of key.signing) {
      const other: Rfc1964Key = { ...key, signing: new Map([[number, checksumOf]]) };
      const token = buildRfc1964Wrap(other, facts, fromHex('4e4f4f50'));
      expect(openRfc1964Wrap(key, false, token)).toEqual({
        plaintext: fromHex('4e4f4f50'),
        sealed: true,
        sequence: 5n,
      });
      expectCode(() => openRfc1964Wrap({ ...key, signing: new Map() }, false, token), 'security/bad-token');
      const changed = token.slice();
      changed[token.length - 1]! ^= 1;
      expectCode(() => openRfc1964Wrap(key, false, changed), 'security/bad-checksum');
    }
  });

  it('may have the checksum that begins with a block of zeros under the reversed key', () => {
    const des = FILES.find(({ contexts: [{ keys }] }) => keys.message_key.etype === 3)!.contexts[0];
    const key = keyOf(des);
    // RFC 1964 §1.2.1.1: the key is that of the context with its octets reversed.
    const reversed = nodeCiphers.des!(fromHex(des.keys.message_key.key).reverse());
    const prefix = reversed.encrypt(new Uint8Array(16));
    const text = fromHex('4e4f4f50');
    const header = fromHex('01010100ffffffff');
    const checksum = createHash('md5')
      .update(concat(prefix, header, text))
      .digest()
      .subarray(0, 8);
    // Number 5, little-endian, from the acceptor.
    const number = key.encryptSequence(fromHex('05000000ffffffff'), checksum);
    expect(verifyRfc1964Mic(key, true, formatFrame(concat(header, number, checksum)), text)).toBe(5n);
  });

  it('may have a whole block of padding, each octet of which is checked', () => {
    for (const { contexts } of FILES) {
      const key = keyOf(contexts[0]);
      const { blockSize } = key;
      const facts = { sentByAcceptor: true, sealed: false, sequence: 5n };
      const text = new Uint8Array(2 * blockSize);
      expect(openRfc1964Wrap(key, true, buildRfc1964Wrap(key, facts, text)).plaintext).toEqual(text);
      for (let at = 0; at < blockSize; at++) {
        const padding = new Uint8Array(blockSize).fill(blockSize);
        padding[at]! ^= 0x40;
        const over = (data: Uint8Array) => concat(data.subarray(0, -blockSize), padding);
        const signing = new Map(
          [...key.signing].map(([number, make]) => [number, (data: Uint8Array) => make(over(data))] as const),
        );
        const token = over(buildRfc1964Wrap({ ...key, signing }, facts, text));
        expectCode(() => openRfc1964Wrap(key, true, token), 'security/bad-checksum');
      }
    }
  });

  it.each([
    ['SGN_ALG', 2],
    ['SEAL_ALG', 4],
    ['filler', 6],
  ])('with a wrong %s is refused', (_, at) => {
    for (const { contexts } of FILES) {
      const key = keyOf(contexts[0]);
      const token = buildRfc1964Wrap(key, { sentByAcceptor: true, sealed: true, sequence: 5n }, new Uint8Array(14));
      token[openFrame(token) + at]! ^= 0x80;
      expectCode(() => openRfc1964Wrap(key, true, token), 'security/bad-token');
    }
  });

  it('that is truncated inside a correct frame is refused', () => {
    for (const { contexts } of FILES) {
      const key = keyOf(contexts[0]);
      const token = buildRfc1964Wrap(key, { sentByAcceptor: true, sealed: true, sequence: 5n }, new Uint8Array(14));
      const content = token.subarray(openFrame(token));
      for (let length = 2; length < content.length; length++) {
        const error = errorOf(() => openRfc1964Wrap(key, true, formatFrame(content.subarray(0, length))));
        const isPossibleLength =
          length >= 16 + key.checksumLength + 8 + key.blockSize &&
          length % key.blockSize === content.length % key.blockSize;
        expect(error.code).toBe(isPossibleLength ? 'security/bad-checksum' : 'security/bad-token');
      }
    }
  });

  it('does not exist for keys of AES', () => {
    expectCode(() => rfc1964Key(kerberosKey(17, new Uint8Array(16)), new Uint8Array(16), {}), 'security/no-key');
  });

  it('with wrong padding and a correct checksum has the same error as with a wrong checksum', () => {
    for (const { contexts } of FILES) {
      const key = keyOf(contexts[0]);
      const facts = { sentByAcceptor: true, sealed: false, sequence: 5n };
      for (const count of [0, key.blockSize + 1, 255, ...(key.blockSize > 1 ? [2, 8] : [])]) {
        // The checksum is that of the changed body, so only a peer with the key could make this token.
        const end = key.blockSize > 1 ? concat(Uint8Array.of(7), Uint8Array.of(count)) : Uint8Array.of(count);
        const forged: Rfc1964Key = {
          ...key,
          signing: new Map(
            [...key.signing].map(([number, make]) => [
              number,
              (data: Uint8Array) => make(concat(data.subarray(0, -end.length), end)),
            ]),
          ),
        };
        const token = buildRfc1964Wrap(forged, facts, new Uint8Array(14));
        token.set(end, token.length - end.length);
        expectCode(() => openRfc1964Wrap(key, true, token), 'security/bad-checksum');
      }
    }
  });
});
