/** The nine classes of invalid tokens, for each format: tokens that a library once read past its end, or took for valid. */
import { concat, fromHex, u32be } from '../../src/bytes.js';
import { enctypeOf } from '../../src/mechanisms/krb5/crypto/enctypes.js';
import { openFrame } from '../../src/mechanisms/krb5/messages/gss-framing.js';
import type { TokenLevel } from '../../src/protection/protection-level.js';
import type { Format, Row } from './paths.js';

/** Tokens to alter. */
export interface Sample {
  row: Row;
  level: TokenLevel;
  /** The valid token of this level. */
  token: Uint8Array;
  /** A token that the receiver itself has made. */
  own: Uint8Array;
}

export interface TokenClass {
  name: string;
  /** The flaw that it guards against. */
  flaw: string;
  /** Absent where the format has nothing of the kind. */
  tokens: Partial<Record<Format, (sample: Sample) => Uint8Array[]>>;
}

const HEADER = { rfc4121: 16, rfc1964: 16, psk: 9, krb4: 6, tls: 5 } as const;
const KERBEROS = fromHex('06092a864886f712010202');
const SPNEGO = fromHex('06062b0601050502');
const AT = { ec: 4, rrc: 6, sealing: 4, signing: 16 } as const;

/** The token with these octets from `at` on. */
export function withOctets(token: Uint8Array, at: number, ...octets: number[]): Uint8Array {
  const changed = Uint8Array.from(token);
  changed.set(octets, at);
  return changed;
}

const u16 = (value: number) => [(value >> 8) & 0xff, value & 0xff];
const range = (start: number, end: number) => Array.from({ length: Math.max(0, end - start) }, (_, i) => start + i);
const differing = (token: Uint8Array, changed: Uint8Array[]) => changed.filter(one => Buffer.compare(one, token) !== 0);

/** The frame of RFC 2743 §3.1, made without the code under test. */
export function framed(content: Uint8Array, oid = KERBEROS, length = oid.length + content.length): Uint8Array {
  const octets = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, ...u16(length)];
  return concat(Uint8Array.of(0x60, ...octets), oid, content);
}

/** What is in the frame of a token of RFC 1964. */
export function contentOf(token: Uint8Array): Uint8Array {
  return token.slice(openFrame(token));
}

/** The token of KERBEROS_V4 or TLS that has another number of octets, with a length that says so. */
function resized(token: Uint8Array, format: 'krb4' | 'tls', sealed: boolean): Uint8Array {
  if (format === 'tls') return withOctets(token, 3, ...u16(token.length - 5));
  const length = u32be(token.length - (sealed ? 6 : 31));
  return withOctets(token, 2, ...(token[1]! & 1 ? length.reverse() : length));
}

function checksumLengthOf({ name }: Row): number {
  const number = [17, 18, 19, 20, 25, 26, 23, 16, 3, 1].find(it => enctypeOf(it)!.name === name)!;
  const { tokens, checksumLength } = enctypeOf(number)!;
  // RFC 1964 has checksums of 8 octets, but 20 with triple DES.
  return tokens === 'rfc4121' ? checksumLength : number === 16 ? 20 : 8;
}

export const TOKEN_CLASSES: readonly TokenClass[] = [
  {
    name: 'a wrong token id',
    flaw: 'a token of another kind is read by the rules of a Wrap token (CVE-2014-4342, CVE-2014-5352)',
    tokens: {
      rfc4121: ({ token }) =>
        [0x0404, 0x0405, 0x0501, 0x0505, 0x0604, 0x0201, 0x0101, 0x0102, 0, 0xffff].map(id =>
          withOctets(token, 0, ...u16(id)),
        ),
      rfc1964: ({ token }) =>
        [0x0101, 0x0102, 0x0100, 0x0200, 0x0300, 0x0504, 0x0404, 0, 0xffff].map(id =>
          withOctets(token, openFrame(token), ...u16(id)),
        ),
      psk: ({ token }) =>
        differing(
          token,
          [...'SPEspe\0\xff'].map(it => withOctets(token, 0, it.charCodeAt(0))),
        ),
      krb4: ({ token }) => [
        ...[0, 3, 5, 0x84].map(version => withOctets(token, 0, version)),
        ...differing(
          token,
          range(0, 20).map(type => withOctets(token, 1, type)),
        ),
      ],
      tls: ({ token }) => [0, 20, 21, 22, 24, 26, 0x80, 255].map(type => withOctets(token, 0, type)),
    },
  },
  {
    name: 'a truncated header',
    flaw: 'a field is read behind the end of the token (CVE-2014-4341, CVE-2024-37371)',
    tokens: {
      ...Object.fromEntries(
        (['rfc4121', 'psk', 'krb4', 'tls'] as const).map(format => [
          format,
          ({ token }: Sample) => range(1, HEADER[format]).map(length => token.slice(0, length)),
        ]),
      ),
      rfc1964: ({ token }) => [
        ...range(1, openFrame(token)).map(length => token.slice(0, length)),
        ...range(0, HEADER.rfc1964).map(length => framed(contentOf(token).slice(0, length))),
      ],
    },
  },
  {
    name: 'a short checksum',
    flaw: 'only the octets that are there are compared, or octets behind the token (CVE-2014-4341)',
    tokens: {
      rfc4121: ({ row, level, token }) => {
        const missing = range(1, checksumLengthOf(row) + 1);
        const cut = missing.map(count => token.slice(0, -count));
        if (level === 'private') return cut;
        return [...cut, ...missing.map((count, i) => withOctets(cut[i]!, AT.ec, ...u16(missing.length - count)))];
      },
      rfc1964: ({ row, token }) => {
        const content = contentOf(token);
        const end = AT.signing + checksumLengthOf(row);
        return [...range(AT.signing, end + 1), content.length - 8, content.length - 1].map(length =>
          framed(content.slice(0, length)),
        );
      },
      psk: ({ token }) => range(1, 17).map(count => token.slice(0, -count)),
      krb4: ({ level, token }) =>
        range(1, 17).flatMap(count => {
          const cut = token.slice(0, -count);
          return [cut, resized(cut, 'krb4', level === 'private')];
        }),
      tls: ({ token }) =>
        range(1, 17).flatMap(count => {
          const cut = token.slice(0, -count);
          return [cut, resized(cut, 'tls', true)];
        }),
    },
  },
  {
    name: 'a length or rotation beyond the token (EC, RRC)',
    flaw: 'a number of the clear header moves the end of the text, or the place that is read (CVE-2024-37370)',
    tokens: {
      rfc4121: ({ token }) => {
        const [body, ec] = [token.length - 16, (token[4]! << 8) | token[5]!];
        const counts = [ec - 1, ec + 1, ec + 16, body, body + 1, 0x7fff, 0x8000, 0xffff].filter(it => it >= 0);
        const rotations = [1, body - 1, body + 1, token.length, 0x7fff, 0x8000, 0xffff].filter(it => it % body !== 0);
        return [
          ...counts.map(count => withOctets(token, AT.ec, ...u16(count))),
          ...rotations.map(count => withOctets(token, AT.rrc, ...u16(count))),
          ...rotations.map(count => withOctets(token, AT.ec, ...u16(count), ...u16(count))),
        ];
      },
      krb4: ({ level, token }) => {
        const at = level === 'private' ? 6 : 2;
        const lengths = [0, token.length, 0x7f_ff_ff_ff, 0x80_00_00_00, 0xff_ff_ff_ff];
        return lengths.flatMap(length => [
          withOctets(token, 2, ...u32be(length)),
          withOctets(token, at, ...u32be(length)),
          withOctets(token, 2, ...u32be(length).reverse()),
        ]);
      },
      tls: ({ token }) =>
        [0, 1, token.length - 6, token.length - 4, 0x4000, 0x4101, 0xffff].map(it => withOctets(token, 3, ...u16(it))),
    },
  },
  {
    name: 'a bad DER length',
    flaw: 'a length that is negative, endless or longer than the token is believed (CVE-2009-0844, CVE-2020-28196)',
    tokens: {
      rfc1964: ({ token }) => {
        const inside = token.slice(openFrame(token) - KERBEROS.length);
        const lengths = [
          '00',
          '01',
          '7f',
          '80',
          'ff',
          '8100',
          '8101',
          '820000',
          '84ffffffff',
          '8480000000',
          '857fffffffff',
        ];
        const minimal = inside.length < 0x80 ? '81' : '82';
        const padded = `${minimal}${inside.length.toString(16).padStart(minimal === '81' ? 2 : 4, '0')}`;
        const others = [inside.length - 1, inside.length + 1].map(length => framed(new Uint8Array(), inside, length));
        return differing(token, [
          ...lengths.map(length => concat(fromHex(`60${length}`), inside)),
          concat(fromHex(`6083${inside.length.toString(16).padStart(6, '0')}`), inside),
          ...(inside.length < 0x80 || inside.length > 0xff ? [concat(fromHex(`60${padded}`), inside)] : []),
          ...others,
        ]);
      },
    },
  },
  {
    name: 'a wrong OID',
    flaw: 'a token of another mechanism is handed to this one, without keys of its own (CVE-2014-4342)',
    tokens: {
      rfc4121: ({ token }) => [framed(token), framed(token, SPNEGO), concat(KERBEROS, token)],
      rfc1964: ({ token }) => {
        const content = contentOf(token);
        const changed = range(0, KERBEROS.length).map(at =>
          framed(content, withOctets(KERBEROS, at, KERBEROS[at]! ^ 1)),
        );
        return [
          ...changed,
          framed(content, SPNEGO),
          framed(content, fromHex('0600')),
          framed(content, fromHex('')),
          content,
        ];
      },
    },
  },
  {
    name: 'clear text where it should be sealed',
    flaw: 'a bit of the header decides whether the text is decrypted and what its level is called',
    tokens: {
      rfc4121: ({ token }) => [withOctets(token, 2, token[2]! ^ 2)],
      rfc1964: ({ level, token }) => {
        const at = openFrame(token) + AT.sealing;
        const algorithms = level === 'private' ? [0xffff, 0x0300] : [0x0000, 0x0200, 0x1000];
        return algorithms.map(algorithm => withOctets(token, at, ...u16(algorithm)));
      },
      psk: ({ level, token }) => [withOctets(token, 0, token[0]! + (level === 'private' ? 3 : -3))],
      krb4: ({ token }) => [withOctets(token, 1, token[1]! ^ 2)],
    },
  },
  {
    name: 'the wrong direction',
    flaw: 'a token that we made ourselves comes back to us as one of the peer',
    tokens: {
      rfc4121: ({ token, own }) => [own, withOctets(token, 2, token[2]! ^ 1), withOctets(own, 2, own[2]! ^ 1)],
      rfc1964: ({ own }) => [own],
      psk: ({ token, own }) => [own, withOctets(token, 0, token[0]! ^ 0x20), withOctets(own, 0, own[0]! ^ 0x20)],
      krb4: ({ own }) => [own],
      tls: ({ own }) => [own],
    },
  },
  {
    name: 'trailing octets',
    flaw: 'octets behind the token are skipped, or are read as its checksum (CVE-2024-37371)',
    tokens: {
      rfc4121: ({ token }) => [1, 8, 12, 16, 64].map(count => concat(token, token.slice(-count))),
      rfc1964: ({ token }) =>
        [1, 8, 16, 64].flatMap(count => [
          concat(token, token.slice(-count)),
          framed(concat(contentOf(token), token.slice(-count))),
        ]),
      psk: ({ token }) => [1, 8, 16, 64].map(count => concat(token, token.slice(-count))),
      krb4: ({ level, token }) =>
        [1, 8, 16, 64].flatMap(count => {
          const longer = concat(token, token.slice(-count));
          return [longer, resized(longer, 'krb4', level === 'private')];
        }),
      tls: ({ token }) =>
        [1, 4, 5, 16, 64].flatMap(count => {
          const longer = concat(token, token.slice(-count));
          return [longer, resized(longer, 'tls', true), concat(token, token.slice(0, count))];
        }),
    },
  },
];
