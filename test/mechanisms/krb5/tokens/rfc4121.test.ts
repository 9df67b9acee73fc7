import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concat, copy, fromHex, toUtf8 } from '../../../../src/bytes.js';
import { buildWrapToken, openWrapToken, wrapOverhead } from '../../../../src/mechanisms/krb5/tokens/rfc4121.js';
import { readTokenHeader } from '../../../../src/mechanisms/krb5/tokens/token-header.js';
import { errorOf, expectCode, onlyRefuses } from '../../../helpers.js';
import { forge, keyOf, RFC4121_NUMBERS } from '../tokens.js';

const TEXT = toUtf8('200 Command okay.\r\n');
const NO_FILLER = new Uint8Array(0);

describe('readTokenHeader', () => {
  it('reads the header of a Wrap token', () => {
    expect(readTokenHeader(fromHex('050407ff000c001cfffefdfcfbfaf9f8aabb'))).toEqual({
      kind: 'wrap',
      sentByAcceptor: true,
      sealed: true,
      acceptorSubkey: true,
      ec: 12,
      rrc: 28,
      sequence: 0xfffefdfcfbfaf9f8n,
    });
    expect(readTokenHeader(fromHex('050400ff000000000000000000000001'))).toMatchObject({
      sentByAcceptor: false,
      sealed: false,
      acceptorSubkey: false,
      sequence: 1n,
    });
  });

  it('recognises the other per-message tokens', () => {
    expect(readTokenHeader(fromHex('040405ffffffffff0000000000000009'))).toEqual({
      kind: 'mic',
      sentByAcceptor: true,
      acceptorSubkey: true,
      sequence: 9n,
    });
    expect(readTokenHeader(fromHex('040500ffffffffff0000000000000009'))).toMatchObject({ kind: 'deletion' });
    const rfc1964 = (id: string) => readTokenHeader(fromHex(`600d06092a864886f712010202${id}`));
    expect(rfc1964('0201')).toEqual({ kind: 'rfc1964-wrap' });
    expect(rfc1964('0101')).toEqual({ kind: 'rfc1964-mic' });
    expect(rfc1964('0102')).toEqual({ kind: 'rfc1964-deletion' });
    expect(readTokenHeader(fromHex(`60820100${'06092a864886f712010202'}0201`))).toEqual({ kind: 'rfc1964-wrap' });
  });

  it.each([
    ['an empty token', ''],
    ['one octet', '05'],
    ['a truncated header', '050404ff000c00000000000000000a'],
    ['an unknown TOK_ID', '050304ff000000000000000000000000'],
    ['an unknown TOK_ID with the filler of a GetMIC token', '040604ffffffffff0000000000000000'],
    ['a Wrap token of another mechanism', '600d06092a864886f7120102030201'],
    ['an AP-REQ', '600d06092a864886f7120102020100'],
    ['a frame without TOK_ID', '600b06092a864886f71201020202'],
    ['a truncated frame', '60ff'],
  ])('refuses %s', (_, token) => {
    expectCode(() => readTokenHeader(fromHex(token)), 'security/bad-token');
  });

  it('refuses filler other than FF, and reports its offset', () => {
    expect(errorOf(() => readTokenHeader(fromHex('050404fe000c00000000000000000000'))).offset).toBe(3);
    expect(errorOf(() => readTokenHeader(fromHex('040404ffffffff7f0000000000000000'))).offset).toBe(7);
  });

  it('throws nothing but FtpSecurityError for arbitrary octets', () => {
    const starts = fc.constantFrom('', '0504', '0404', '0405', '60', '6081', '600d06092a864886f712010202').map(fromHex);
    fc.assert(
      fc.property(starts, fc.uint8Array({ maxLength: 40 }), (start, rest) => {
        onlyRefuses(() => readTokenHeader(concat(start, rest)));
      }),
    );
  });
});

describe.each(RFC4121_NUMBERS)('Wrap tokens of enctype %i', number => {
  const key = keyOf(number);
  const { checksumLength, confounderLength } = key.enctype;
  const senders = fc.record({ sentByAcceptor: fc.boolean(), acceptorSubkey: fc.boolean() });
  const sequences = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });

  it('open to what they were built from', () => {
    fc.assert(
      fc.property(
        senders,
        fc.boolean(),
        sequences,
        fc.uint8Array({ maxLength: 100 }),
        (sender, sealed, sequence, text) => {
          const token = buildWrapToken(key, { ...sender, sealed, sequence }, text);
          expect(token.length).toBe(text.length + wrapOverhead(key.enctype, sealed));
          expect(readTokenHeader(token)).toEqual({
            kind: 'wrap',
            ...sender,
            sealed,
            ec: sealed ? 0 : checksumLength,
            rrc: 0,
            sequence,
          });
          const received = copy(token);
          expect(openWrapToken(key, sender, received)).toEqual({ plaintext: text, sealed, sequence });
          expect(received).toEqual(token);
        },
      ),
    );
  });

  it('open with any rotation, any filler, and unknown flags', () => {
    const parts = fc.record({
      flags: fc.nat(255),
      filler: fc.uint8Array({ maxLength: 300 }),
      rrc: fc.nat(0xffff),
      sequence: sequences,
    });
    fc.assert(
      fc.property(parts, fc.uint8Array({ maxLength: 60 }), (given, text) => {
        const sender = { sentByAcceptor: (given.flags & 1) !== 0, acceptorSubkey: (given.flags & 4) !== 0 };
        const sealed = (given.flags & 2) !== 0;
        expect(openWrapToken(key, sender, forge(key, given, text))).toEqual({
          plaintext: text,
          sealed,
          sequence: given.sequence,
        });
      }),
    );
  });

  it('open with every rotation count up to three times the length', () => {
    for (const flags of [0, 2]) {
      const body = forge(key, { flags, filler: NO_FILLER, rrc: 0, sequence: 0n }, TEXT).length - 16;
      for (let rrc = 0; rrc <= 3 * body; rrc++) {
        const token = forge(key, { flags, filler: NO_FILLER, rrc, sequence: 0n }, TEXT);
        const { plaintext } = openWrapToken(key, { sentByAcceptor: false, acceptorSubkey: false }, token);
        expect(plaintext).toEqual(TEXT);
      }
    }
  });

  const sender = { sentByAcceptor: true, acceptorSubkey: true };
  const directions = [
    { sealed: false, sequence: 77n },
    { sealed: true, sequence: 77n },
  ];

  it.each(directions)('are refused with a code for what is wrong, sealed $sealed', ({ sealed, sequence }) => {
    const token = buildWrapToken(key, { ...sender, sealed, sequence }, TEXT);
    const open = (who: typeof sender) => () => openWrapToken(key, who, token);
    expectCode(open({ sentByAcceptor: false, acceptorSubkey: true }), 'security/wrong-direction');
    expectCode(open({ sentByAcceptor: true, acceptorSubkey: false }), 'security/bad-token');
    const changed = (at: number, value: number) => {
      const other = copy(token);
      other[at] = value;
      return () => openWrapToken(key, sender, other);
    };
    expectCode(changed(2, token[2]! ^ 2), sealed ? 'security/bad-token' : 'security/bad-checksum');
    expectCode(changed(3, 0), 'security/bad-token');
    expectCode(changed(4, 1), 'security/bad-token');
    expectCode(changed(15, 0), 'security/bad-checksum');
    expectCode(changed(token.length - 1, token.at(-1)! ^ 1), 'security/bad-checksum');
    const short = 16 + (sealed ? confounderLength : 0) + checksumLength - 1;
    expectCode(() => openWrapToken(key, sender, token.slice(0, short)), 'security/bad-token');
  });

  it.each([
    ['a GetMIC token', '040405ffffffffff000000000000004d', 'got a GetMIC token'],
    ['a deletion token', '040505ffffffffff000000000000004d', 'got a context deletion token'],
    ['a Wrap token of RFC 1964', '600d06092a864886f7120102020201', 'got one of RFC 1964'],
    ['a GetMIC token of RFC 1964', '600d06092a864886f7120102020101', 'got a GetMIC token of RFC 1964'],
    ['a deletion token of RFC 1964', '600d06092a864886f7120102020102', 'got a context deletion token'],
  ])('are not confused with %s', (_, token, words) => {
    const error = errorOf(() => openWrapToken(key, sender, fromHex(token)));
    expect(error.code).toBe('security/bad-token');
    expect(error.message).toContain(words);
  });

  it('are not confused with a valid GetMIC token', () => {
    const header = fromHex('040405ffffffffff000000000000004d');
    const token = concat(header, key.checksum(23, concat(TEXT, header)));
    expectCode(() => openWrapToken(key, sender, token), 'security/bad-token');
  });

  it('are refused if the encrypted header differs or is missing', () => {
    const header = fromHex('050407ff00000000000000000000004d');
    const sealedWith = (inner: Uint8Array) => concat(header, key.encrypt(22, inner));
    const rotated = copy(header);
    rotated[7] = 1;
    expect(openWrapToken(key, sender, sealedWith(concat(TEXT, header))).plaintext).toEqual(TEXT);
    expectCode(() => openWrapToken(key, sender, sealedWith(concat(TEXT, rotated))), 'security/bad-checksum');
    expectCode(() => openWrapToken(key, sender, sealedWith(header.slice(1))), 'security/bad-token');
    expectCode(() => openWrapToken(key, sender, sealedWith(NO_FILLER)), 'security/bad-token');
  });

  /** The bits, counted from the start of the token, that can be flipped without an error. */
  function openingFlips(token: Uint8Array, text: Uint8Array): number[] {
    const opening: number[] = [];
    for (let bit = 0; bit < 8 * token.length; bit++) {
      const changed = copy(token);
      changed[bit >> 3]! ^= 0x80 >> (bit & 7);
      const opened = onlyRefuses(() => openWrapToken(key, sender, changed));
      if (opened === undefined) continue;
      expect(opened.plaintext).toEqual(text);
      opening.push(bit);
    }
    return opening;
  }

  it.each(directions)('open with one bit flipped only if RRC then has the same effect, sealed $sealed', facts => {
    // RRC is bits 48 to 63; bit 63 - k changes it by 2^k, a multiple of the body's 64 octets if k is 6 or more.
    const overhead = wrapOverhead(key.enctype, facts.sealed) - 16;
    for (const { body, opening } of [
      { body: 64, opening: [48, 49, 50, 51, 52, 53, 54, 55, 56, 57] },
      { body: 66, opening: [] },
    ]) {
      const text = new Uint8Array(body - overhead).fill(0x41);
      const token = buildWrapToken(key, { ...sender, ...facts }, text);
      expect(token.length).toBe(16 + body);
      expect(openingFlips(token, text)).toEqual(opening);
    }
  });

  it.each(directions)('are refused if truncated or extended, sealed $sealed', facts => {
    const token = buildWrapToken(key, { ...sender, ...facts }, TEXT);
    for (let length = 0; length < token.length; length++) {
      errorOf(() => openWrapToken(key, sender, token.slice(0, length)));
    }
    expectCode(() => openWrapToken(key, sender, concat(token, Uint8Array.of(0))), 'security/bad-checksum');
  });

  it('are refused with FtpSecurityError if they are arbitrary octets', () => {
    const flags = fc.constantFrom(5, 7, 13, 15);
    fc.assert(
      fc.property(flags, fc.uint8Array({ maxLength: 90 }), (flag, rest) => {
        const token = concat(Uint8Array.of(5, 4, flag, 0xff), rest);
        expect(onlyRefuses(() => openWrapToken(key, sender, token))).toBe(undefined);
      }),
    );
  });

  it('leave no plaintext and no checksum in an error', () => {
    const token = buildWrapToken(key, { ...sender, sealed: false, sequence: 1n }, toUtf8('230 secret\r\n'));
    token[16]! ^= 1;
    const error = errorOf(() => openWrapToken(key, sender, token));
    expect(JSON.stringify({ ...error, message: error.message })).toBe(
      '{"name":"FtpSecurityError","code":"security/bad-checksum","side":"peer","message":"checksum mismatch in the Wrap token: changed on the way, or made with another key"}',
    );
  });
});
