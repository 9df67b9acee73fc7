import { expect, test } from 'vitest';
import { fromHex } from '../../../src/bytes.js';
import { formatElement } from '../../../src/mechanisms/der.js';
import { parseCertificate } from '../../../src/node/gsi/certificate.js';
import { isCertificateOf } from '../../../src/node/gsi/host-name.js';
import { errorOf } from '../../helpers.js';
import { alternativeNames, make, sequence } from './certificates.js';

const address = { type: '551d11', value: sequence(formatElement(0x87, Uint8Array.of(192, 0, 2, 7))) };

test.each([
  ['its DNS name', '/CN=x', [alternativeNames('ftp.example.org')], 'FTP.example.org', true],
  ['one of its DNS names', '/CN=x', [alternativeNames('a.example', 'ftp.example.org')], 'ftp.example.org', true],
  ['a wildcard', '/CN=x', [alternativeNames('*.example.org')], 'ftp.example.org', true],
  ['a wildcard for two labels', '/CN=x', [alternativeNames('*.example.org')], 'a.b.example.org', false],
  ['a part of a wildcard', '/CN=x', [alternativeNames('f*.example.org')], 'ftp.example.org', false],
  [
    'its common name, beside a DNS name',
    '/CN=ftp.example.org',
    [alternativeNames('a.example')],
    'ftp.example.org',
    false,
  ],
  ['its common name', '/O=Grid/CN=ftp.example.org', [], 'ftp.example.org', true],
  ['its common name, beside an address', '/O=Grid/CN=ftp.example.org', [address], 'ftp.example.org', true],
  ['host/ and its name', '/O=Grid/CN=host\\/ftp.example.org', [], 'ftp.example.org', true],
  ['ftp/ and its name', '/O=Grid/CN=ftp\\/ftp.example.org', [], 'ftp.example.org', true],
  ['another service', '/O=Grid/CN=http\\/ftp.example.org', [], 'ftp.example.org', false],
  ['another name', '/O=Grid/CN=host\\/ftp.example.org', [], 'example.org', false],
  ['a common name before the last', '/CN=ftp.example.org/CN=12', [], 'ftp.example.org', false],
  ['a name without a common name', '/O=ftp.example.org', [], 'ftp.example.org', false],
  ['its address', '/CN=x', [address], '192.0.2.7', true],
  ['another address', '/CN=x', [address], '192.0.2.8', false],
  ['a value of another attribute that looks like it', '/O=x\\/CN=ftp.example.org', [], 'ftp.example.org', false],
  ['the end of a common name', '/CN=x\\/CN=ftp.example.org', [], 'ftp.example.org', false],
  ['an address as common name', '/CN=192.0.2.7', [], '192.0.2.7', false],
  ['a common name with the sign for kelvin', '/CN=\u212aelvin.example.org', [], 'kelvin.example.org', false],
  ['octets of DNS text in the common name', '/CN=DNS:ftp.example.org', [], 'ftp.example.org', false],
] as const)('a certificate and a host: %s', (_, name, extensions, host, isRight) => {
  const certificate = parseCertificate(make(name, { extensions: [...extensions] }).der);
  expect(isCertificateOf(certificate, host)).toBe(isRight);
});

test.each([
  ['of an unknown kind', '30038901ff'],
  ['that is cut', '30058203'],
  ['in another order of elements', '0500'],
  ['with octets behind', '3003820178' + '00'],
])('a certificate with an alternative name %s is that of no host, not even of its common name', (_, value) => {
  const extension = { type: '551d11', value: fromHex(value) };
  const certificate = parseCertificate(make('/CN=ftp.example.org', { extensions: [extension] }).der);
  expect(errorOf(() => isCertificateOf(certificate, 'ftp.example.org')).code).toBe('security/bad-token');
});
