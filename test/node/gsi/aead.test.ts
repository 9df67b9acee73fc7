/** Node's ciphers give the same octets as noble's. */
import { describe, expect, test } from 'vitest';
import { TLS_1_2 } from '../../../src/mechanisms/gsi/tls/key-schedule.js';
import {
  type PlainRecord,
  type RecordCipher,
  type RecordPlace,
  recordCipher,
} from '../../../src/mechanisms/gsi/tls/record-cipher.js';
import { nodeAead } from '../../../src/node/gsi/aead.js';
import { PROTOCOLS } from '../../mechanisms/gsi/pairs.js';

const WITH_AEAD = PROTOCOLS.filter(({ version, suite }) => version >= TLS_1_2 && suite.mac === undefined);

describe.each(WITH_AEAD)('$name', ({ version, suite }) => {
  const octets = (length: number, seed: number) => Uint8Array.from({ length }, (_, i) => (i * 7 + seed) & 0xff);
  const keys = () => ({
    key: octets(suite.keyLength, 1),
    iv: octets(version === TLS_1_2 && suite.kind !== 'POLY1305' ? 4 : 12, 2),
    mac: new Uint8Array(),
  });
  const sealed = (cipher: RecordCipher, record: PlainRecord, place: RecordPlace) => {
    const fragment = new Uint8Array(cipher.sealedLength(record.content.length));
    cipher.seal(fragment, 0, record, place);
    return fragment;
  };
  const noble = recordCipher({ version, suite, keys: keys() });
  const node = recordCipher({ version, suite, keys: keys(), newAead: nodeAead });

  test('each opens what the other has sealed, which is the same', () => {
    for (const length of [0, 1, 15, 16, 100, 255, 256, 16_384]) {
      const place = { number: length, previous: new Uint8Array() };
      const record = { type: 23, content: octets(length, 3) };
      const made = sealed(node, record, place);
      expect(made).toEqual(sealed(noble, record, place));
      expect(node.open(23, made, place)).toEqual(record);
      expect(node.open(23, made, place)!.content.constructor).toBe(Uint8Array);
    }
  });

  test.each([40, 300])('an error of the caller, with %i octets, is not taken for a wrong tag', length => {
    const aead = nodeAead(suite, keys().key);
    const [nonce, aad] = [new Uint8Array(12), new Uint8Array(13)];
    const record = new Uint8Array(length + suite.tagLength);
    aead.seal(record, 0, length, nonce, aad);
    const fault = () => {
      throw new Error('a fault');
    };
    expect(() => aead.open(record, nonce, aad, fault)).toThrow('a fault');
    expect(aead.open(record, nonce, aad, (octets, start, end) => octets.slice(start, end))).toHaveLength(length);
  });

  test.each([40, 300])('a changed octet of %i is refused', length => {
    const place = { number: 1, previous: new Uint8Array() };
    const made = sealed(node, { type: 23, content: octets(length, 3) }, place);
    for (let at = 0; at < made.length; at++) {
      const changed = Uint8Array.from(made, (octet, i) => (i === at ? octet ^ 1 : octet));
      expect(node.open(23, changed, place), `octet ${at}`).toBeUndefined();
    }
    for (let end = 0; end < made.length; end++) {
      expect(node.open(23, made.subarray(0, end), place), `${end} octets`).toBeUndefined();
    }
  });
});
