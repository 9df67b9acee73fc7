/** Key derivation, held against samples that others have published. */
import { sha256 } from '@noble/hashes/sha2.js';
import { describe, expect, test } from 'vitest';
import { fromHex, toHex } from '../../../../src/bytes.js';
import {
  expandLabel,
  prf,
  recordKeys,
  TLS_1_0,
  TLS_1_1,
  TLS_1_2,
  trafficKeys,
} from '../../../../src/mechanisms/gsi/tls/key-schedule.js';
import { SUITES, suiteByNumber, suiteName } from '../../../../src/mechanisms/gsi/tls/suites.js';

describe('the PRF of TLS 1.2', () => {
  test('gives the octets that were posted to the TLS working group for P_SHA256', () => {
    const output = prf(
      { version: TLS_1_2, suite: suiteByNumber(0x2f)! },
      fromHex('9bbe436ba940f017b17652849a71db35'),
      'test label',
      fromHex('a0ba9f936cda311827a6f796ffd5198c'),
      100,
    );
    expect(toHex(output)).toBe(
      'e3f229ba727be17b8d122620557cd453c2aab21d07c3d495329b52d4e61edb5a6b301791e90d35c9c9a46b4e14baf9af' +
        '0fa022f7077def17abfd3797c0564bab4fbc91666e9def9b97fce34f796789baa48082d122ee42c5a72e5a5110fff701' +
        '87347b66',
    );
  });
});

test('CBC has an initialisation vector among its keys only in TLS 1.0 (RFC 4346 §6.3)', () => {
  const ivOf = (version: number) => {
    const secret = new Uint8Array(48);
    const randoms = { clientRandom: new Uint8Array(32), serverRandom: new Uint8Array(32) };
    return recordKeys({ version, suite: suiteByNumber(0x2f)!, secret, ...randoms, encryptThenMac: false }).client.iv;
  };
  expect([TLS_1_0, TLS_1_1, TLS_1_2].map(version => ivOf(version).length)).toEqual([16, 0, 0]);
});

describe('TLS 1.3, RFC 8448 §3', () => {
  test.each([
    [
      'b67b7d690cc16c4e75e54213cb2d37b4e9c912bcded9105d42befd59d391ad38',
      '3fce516009c21727d0f2e4e86ee403bc',
      '5d313eb2671276ee13000b30',
    ],
    [
      'b3eddb126e067f35a780b3abf45e2d8f3b1a950738f52e9600746a0e27a55a21',
      'dbfaa693d1762c5b666af5d950258d01',
      '5bd3c71b836e0b76bb73265f',
    ],
  ])('the secret %s gives its key and nonce', (secret, key, iv) => {
    const keys = trafficKeys(suiteByNumber(0x1301)!, fromHex(secret));
    expect([toHex(keys.key), toHex(keys.iv)]).toEqual([key, iv]);
  });

  test('the finished key of the server', () => {
    const secret = fromHex('b67b7d690cc16c4e75e54213cb2d37b4e9c912bcded9105d42befd59d391ad38');
    expect(toHex(expandLabel(sha256, secret, 'finished', new Uint8Array(), 32))).toBe(
      '008d3b66f816ea559f96b537e885c31fc068bf492c652f01f288a1d8cdc19fc8',
    );
  });
});

describe('the table of suites', () => {
  test('each has what its kind needs', () => {
    for (const { name, kind, keyLength, tagLength, mac } of SUITES) {
      expect(mac !== undefined, name).toBe(kind === 'NULL' || kind === 'CBC');
      expect(tagLength > 0, name).toBe(mac === undefined);
      expect(keyLength > 0, name).toBe(kind !== 'NULL');
    }
  });

  test.each([
    [
      0xc030,
      'TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384',
      { kind: 'GCM', keyLength: 32, tagLength: 16, keyExchange: 'ECDHE_RSA' },
    ],
    [0xc0a1, 'TLS_RSA_WITH_AES_256_CCM_8', { kind: 'CCM', keyLength: 32, tagLength: 8, keyExchange: 'RSA' }],
    [0x1305, 'TLS_AES_128_CCM_8_SHA256', { kind: 'CCM', keyLength: 16, tagLength: 8 }],
    [0xcca8, 'TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256', { kind: 'POLY1305', keyLength: 32, tagLength: 16 }],
    [0x3d, 'TLS_RSA_WITH_AES_256_CBC_SHA256', { kind: 'CBC', keyLength: 32, tagLength: 0 }],
  ])('%i is %s', (number, name, facts) => {
    expect(suiteByNumber(number)).toMatchObject({ number, name, ...facts });
  });

  test('a suite that it does not have is named by its number', () => {
    expect([suiteByNumber(0x000a), suiteName(0x000a), suiteName(0x2f)]).toEqual([
      undefined,
      '0x000a',
      'TLS_RSA_WITH_AES_128_CBC_SHA',
    ]);
  });
});
