import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { concat, fromHex } from '../../../src/bytes.js';
import { describeGsiToken } from '../../../src/mechanisms/gsi/index.js';
import { formatRecord } from '../../../src/mechanisms/gsi/tls/records.js';
import { errorOf, onlyRefuses } from '../../helpers.js';
import { tokensOf, VECTORS } from './vectors.js';

const tokens = tokensOf(VECTORS.find(({ name }) => name === 'tls12-rsa-null-sha256-nodeleg')!).map(
  ({ token }) => token,
);
const [hello13, answer13] = tokensOf(VECTORS.find(({ name }) => name === 'tls13-aes256gcm-nodeleg')!);

describe('what a token says without keys', () => {
  test('of the handshake of TLS 1.2: messages, suites, names', () => {
    expect(describeGsiToken(tokens[0]!)).toEqual({
      kind: 'TLS records',
      records: ['handshake, TLS 1.0, 127 octets'],
      messages: ['ClientHello'],
      suites: ['TLS_RSA_WITH_NULL_SHA256', '0x00ff'],
      serverName: 'localhost',
    });
    expect(describeGsiToken(tokens[1]!)).toMatchObject({
      messages: ['ServerHello', 'Certificate', 'CertificateRequest', 'ServerHelloDone'],
      version: 'TLS 1.2',
      suite: 'TLS_RSA_WITH_NULL_SHA256',
      certificates: ['/O=Grid/OU=RigTest/CN=host/localhost', '/O=Grid/OU=RigTest/CN=Rig CA'],
    });
    expect(describeGsiToken(tokens[2]!)['messages']).toEqual(['Certificate', 'ClientKeyExchange', 'CertificateVerify']);
    expect(describeGsiToken(tokens[3]!)).toEqual({
      kind: 'TLS records',
      records: ['ChangeCipherSpec, TLS 1.2, 1 octets', 'handshake, TLS 1.2, 48 octets'],
    });
  });

  test('of TLS 1.3: the hellos', () => {
    expect(describeGsiToken(hello13!.token)['serverName']).toBe('localhost');
    const { version, suite, messages } = describeGsiToken(answer13!.token);
    expect([version, suite, messages]).toEqual(['TLS 1.3', 'TLS_AES_256_GCM_SHA384', ['ServerHello']]);
  });

  test('of messages: records, or the text of an integrity-only token', () => {
    expect(describeGsiToken(fromHex('1703030003010203'))).toEqual({
      kind: 'TLS records',
      records: ['application data, TLS 1.2, 3 octets'],
    });
    const integrity = fromHex(`1a03000020000000000000000700000006${'00'.repeat(20)}4e4f4f500d0a`);
    expect(describeGsiToken(integrity)).toEqual({ kind: 'integrity-only token', sequence: '7', text: 'NOOP\r\n' });
  });

  test('of alerts: their names', () => {
    expect(describeGsiToken(formatRecord(21, 0x0303, Uint8Array.of(2, 48)))['alert']).toBe('unknown_ca');
    expect(describeGsiToken(formatRecord(21, 0x0303, Uint8Array.of(2, 200)))['alert']).toBe('alert 200');
    expect(describeGsiToken(formatRecord(21, 0x0303, new Uint8Array(26)))['alert']).toBeUndefined();
    expect(describeGsiToken(formatRecord(23, 0x0303, Uint8Array.of(2, 48)))['alert']).toBeUndefined();
  });

  test('of handshake messages among other records, and of unknown ones', () => {
    const unknown = formatRecord(22, 0x0303, Uint8Array.of(99, 0, 0, 0));
    expect(describeGsiToken(concat(formatRecord(21, 0x0303, Uint8Array.of(1, 90)), unknown, tokens[0]!))).toMatchObject(
      {
        alert: 'user_canceled',
        messages: ['message 99', 'ClientHello'],
        serverName: 'localhost',
      },
    );
  });

  test('of other octets: that they are none', () => {
    for (const hex of ['', '60', '1603', '160303000501', '150203000100', '17030348010000']) {
      expect(errorOf(() => describeGsiToken(fromHex(hex))).code, hex).toBe('security/bad-token');
    }
    fc.assert(
      fc.property(fc.nat(), fc.nat(255), fc.constantFrom(...tokens), (place, octet, token) => {
        const changed = Uint8Array.from(token);
        changed[place % token.length] = octet;
        onlyRefuses(() => describeGsiToken(changed));
      }),
    );
  });
});
