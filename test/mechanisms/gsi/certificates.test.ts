/** Names in certificates: real ones, and small ones that are made here for the forms of proxies. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { concat, fromHex, toUtf8 } from '../../../src/bytes.js';
import { formatElement } from '../../../src/mechanisms/der.js';
import { certificateNames, firstCertificate, identityOf } from '../../../src/mechanisms/gsi/certificates.js';
import { errorOf, onlyRefuses } from '../../helpers.js';
import { file } from './vectors.js';

const SEQUENCE = 0x30;
const sequence = (...parts: Uint8Array[]) => formatElement(SEQUENCE, concat(...parts));
const OIDS: Readonly<Record<string, string>> = { O: '55040a', CN: '550403', DC: '0992268993f22c640119', odd: '2a03' };

/** A name from pairs of type and text, each its own set. */
function nameOf(...attributes: [type: string, text: string, tag?: number][]): Uint8Array {
  return sequence(
    ...attributes.map(([type, text, tag = 0x0c]) =>
      formatElement(0x31, sequence(formatElement(6, fromHex(OIDS[type]!)), formatElement(tag, toUtf8(text)))),
    ),
  );
}

/** As much of a certificate as is looked at. */
function certificate(
  subject: Uint8Array,
  issuer: Uint8Array,
  extension?: string | string[],
  version = true,
): Uint8Array {
  const some = sequence();
  const extensions =
    extension === undefined
      ? []
      : [
          formatElement(
            0xa3,
            sequence(
              ...[extension]
                .flat()
                .map(oid => sequence(formatElement(6, fromHex(oid)), formatElement(4, fromHex('3000')))),
            ),
          ),
        ];
  const fields = [formatElement(2, Uint8Array.of(1)), some, issuer, some, subject, some, ...extensions];
  const signed = sequence(...(version ? [formatElement(0xa0, fromHex('020102'))] : []), ...fields);
  return sequence(signed, some, formatElement(3, Uint8Array.of(0)));
}

const USER: [string, string][] = [
  ['O', 'Grid'],
  ['CN', 'Anna'],
];
const user = nameOf(...USER);
const ca = nameOf(['O', 'Grid'], ['CN', 'CA']);
const below = (...more: string[]) => nameOf(...USER, ...more.map((text): [string, string] => ['CN', text]));
const pem = (name: string) =>
  Buffer.from(
    file(`certificates/${name}.crt`)
      .toString()
      .replace(/-----.*-----|\s/g, ''),
    'base64',
  );

describe('names', () => {
  test('are written as Globus writes them', () => {
    expect(certificateNames(pem('rsa'))).toEqual({
      subject: '/O=Grid/OU=Test/CN=host/localhost',
      issuer: '/O=Grid/OU=Test/CN=host/localhost',
      isProxy: false,
    });
    expect(certificateNames(pem('ecdsa')).subject).toBe('/O=Grid/OU=Test/CN=Anna Example');
  });

  test('may have attributes that are not known, sets of several, and 16-bit characters', () => {
    const attribute = (oid: string, tag: number, octets: Uint8Array) =>
      sequence(formatElement(6, fromHex(oid)), formatElement(tag, octets));
    const name = sequence(
      formatElement(0x31, concat(attribute('2a03', 0x0c, toUtf8('x')), attribute('550403', 0x0c, toUtf8('y')))),
      // The last octet is half a character.
      formatElement(0x31, attribute('550403', 0x1e, fromHex('00c40062002041'))),
    );
    expect(certificateNames(certificate(name, nameOf(['DC', 'org']), undefined, false))).toEqual({
      subject: '/2a03=x+CN=y/CN=Äb \\x41',
      issuer: '/DC=org',
      isProxy: false,
    });
  });
});

describe('a value that looks like further attributes', () => {
  test.each([
    ['Anna/CN=proxy', 'Anna\\x2FCN=proxy'],
    ['Anna/1.2.3=x', 'Anna\\x2F1.2.3=x'],
    ['Anna+CN=Bob', 'Anna\\x2BCN=Bob'],
    ['Anna\\x2FCN=proxy', 'Anna\\x5Cx2FCN=proxy'],
    ['An\u202Ena\n', 'An\\xE2\\x80\\xAEna\\x0A'],
    ['host/ftp.example.org', 'host/ftp.example.org'],
    ['1+1=2/3', '1\\x2B1=2/3'],
  ])('%j is written as %j', (value, written) => {
    const name = nameOf(['O', 'Grid'], ['CN', value]);
    const { subject, isProxy } = certificateNames(certificate(name, nameOf(['O', 'Grid'], ['CN', 'Anna'])));
    expect({ subject, isProxy }).toEqual({ subject: `/O=Grid/CN=${written}`, isProxy: false });
  });
});

describe('a value that is no UTF-8', () => {
  const LATIN_1 = 0x14;
  const BMP = 0x1e;
  test.each([
    ['Latin-1', LATIN_1, '52656ee9', 'Ren\\xE9'],
    ['other Latin-1', LATIN_1, '52656ee8', 'Ren\\xE8'],
    ['the sign that replaces it', 0x0c, '52656eefbfbd', 'Ren\ufffd'],
    ['an escape', 0x0c, '52656e5c784539', 'Ren\\x5CxE9'],
    ['UTF-8 and Latin-1', 0x0c, 'c3a9e9', '\\xC3\\xA9\\xE9'],
    ['UTF-8 under another tag', LATIN_1, 'c3a9', 'é'],
    ['half a character of 32 bits', BMP, '0041dce90042', 'A\\xDC\\xE9B'],
    ['a character of 32 bits', BMP, 'd83dde00', '😀'],
    ['half a character of 16 bits', BMP, '004100', 'A\\x00'],
    ['a character that turns text round', BMP, '0041202e', 'A\\xE2\\x80\\xAE'],
  ])('%s is written so that no other has this form', (_, tag, octets, written) => {
    const attribute = sequence(formatElement(6, fromHex('550403')), formatElement(tag, fromHex(octets)));
    const name = sequence(formatElement(0x31, attribute));
    expect(certificateNames(certificate(name, nameOf(['O', 'Grid']))).subject).toBe(`/CN=${written}`);
  });
});

describe('whose a chain is', () => {
  const own = certificate(user, ca);
  const RFC_3820 = '2b0601050507010e';
  const DRAFT = '2b060104019b5001815e';

  test('is told by the certificate itself, if it is no proxy', () => {
    expect(identityOf([own, certificate(ca, ca)])).toBe('/O=Grid/CN=Anna');
    expect(identityOf([])).toBeUndefined();
  });

  test.each([
    ['RFC 3820', certificate(below('123'), user, RFC_3820)],
    ['its draft', certificate(below('123'), user, DRAFT)],
    ["Globus's first form", certificate(below('proxy'), user)],
    ["Globus's first form, limited", certificate(below('limited proxy'), user)],
  ])('is told by the one behind a proxy of %s, or by its issuer', (_, proxy) => {
    expect(certificateNames(proxy).isProxy).toBe(true);
    expect(identityOf([proxy, own])).toBe('/O=Grid/CN=Anna');
    expect(identityOf([proxy])).toBe('/O=Grid/CN=Anna');
    // The next is not its issuer.
    expect(identityOf([proxy, certificate(ca, ca)])).toBe('/O=Grid/CN=Anna');
  });

  test('is told behind a proxy with other extensions too, which alone make none', () => {
    const KEY_USAGE = '551d0f';
    for (const extensions of [
      [RFC_3820, KEY_USAGE],
      [KEY_USAGE, DRAFT],
    ]) {
      expect(identityOf([certificate(below('123'), user, extensions), own])).toBe('/O=Grid/CN=Anna');
    }
    expect(identityOf([certificate(below('123'), user, [KEY_USAGE]), own])).toBe('/O=Grid/CN=Anna/CN=123');
    expect(identityOf([certificate(below('123'), user, []), own])).toBe('/O=Grid/CN=Anna/CN=123');
  });

  test('is told behind several proxies', () => {
    const second = certificate(below('1', '2'), below('1'), RFC_3820);
    expect(identityOf([second, certificate(below('1'), user, RFC_3820), own])).toBe('/O=Grid/CN=Anna');
  });

  test('is no other where a name only looks like a proxy', () => {
    expect(identityOf([certificate(below('proxy'), ca)])).toBe('/O=Grid/CN=Anna/CN=proxy');
  });
});

describe('what is no certificate', () => {
  test.each([
    ['nothing', new Uint8Array()],
    ['two', concat(certificate(user, ca), certificate(user, ca))],
    ['an empty one', sequence()],
    ['one without fields', sequence(sequence())],
    [
      'a name without a value',
      certificate(sequence(formatElement(0x31, sequence(formatElement(6, fromHex('550403'))))), ca),
    ],
    [
      'a value with another behind it',
      certificate(
        sequence(
          formatElement(
            0x31,
            sequence(
              formatElement(6, fromHex('550403')),
              formatElement(0x0c, toUtf8('Anna')),
              formatElement(0x0c, toUtf8('Bob')),
            ),
          ),
        ),
        ca,
      ),
    ],
    [
      'a part of a name without an attribute',
      certificate(sequence(user.subarray(2), formatElement(0x31, new Uint8Array())), ca),
    ],
    ['octets in place of a name', certificate(formatElement(4, user), ca)],
  ])('%s is refused', (_, octets) => {
    expect(errorOf(() => certificateNames(octets)).code).toBe('security/bad-token');
  });

  test('cut anywhere, or with any octet changed, it gives an FtpSecurityError at most', () => {
    const real = pem('rsa');
    for (let end = 0; end < real.length; end++) {
      expect(errorOf(() => certificateNames(real.subarray(0, end))).code).toBe('security/bad-token');
    }
    fc.assert(
      fc.property(fc.nat(real.length - 1), fc.nat(255), (place, octet) => {
        const changed = Uint8Array.from(real);
        changed[place] = octet;
        onlyRefuses(() => certificateNames(changed));
        onlyRefuses(() => firstCertificate(changed));
      }),
    );
    expect(errorOf(() => firstCertificate(new Uint8Array())).code).toBe('security/bad-token');
  });
});
