/** Fragments that a peer with the right keys has made, as they may be and as they may not; and the end of a cipher. */
import { createCipheriv, createHmac } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { concat, concatAll, toUtf8, u64be } from '../../../../src/bytes.js';
import { type Aead, nobleAead } from '../../../../src/mechanisms/gsi/tls/aead.js';
import { recordKeys, TLS_1_1, TLS_1_2, trafficKeys } from '../../../../src/mechanisms/gsi/tls/key-schedule.js';
import { recordCipher } from '../../../../src/mechanisms/gsi/tls/record-cipher.js';
import {
  type Direction,
  directionOf13,
  directionsOf,
  openRecord,
  sealRecord,
} from '../../../../src/mechanisms/gsi/tls/records.js';
import { type Suite, suiteByNumber } from '../../../../src/mechanisms/gsi/tls/suites.js';
import { errorOf } from '../../../helpers.js';
import { directionsFor, PROTOCOLS } from '../pairs.js';

const TEXT = toUtf8('NOOP\r\n');
const zeros = (length: number) => new Uint8Array(length);
/** The version in the header of records that are encrypted. */
const wire = (version: number) => Math.min(version, TLS_1_2);
const open = (direction: Direction, fragment: Uint8Array) =>
  openRecord(direction, { type: 23, version: wire(direction.version), fragment });
const codeOf = (direction: Direction, fragment: Uint8Array) => errorOf(() => open(direction, fragment)).code;

describe.each(PROTOCOLS)('$name', protocol => {
  test('a record without content opens', () => {
    const { client } = directionsFor(protocol);
    const { octets } = sealRecord(client, { type: 23, content: zeros(0) });
    expect(open(client, octets.subarray(5))).toMatchObject({ type: 23, content: zeros(0) });
  });

  test('every fragment that is too short has a wrong checksum', () => {
    const { client } = directionsFor(protocol);
    for (let length = 0; length < client.cipher.sealedLength(0); length++) {
      expect(codeOf(client, zeros(length)), `${length} octets`).toBe('security/bad-checksum');
    }
  });
});

describe.each([
  ['aes-128-gcm', 0x1301],
  ['chacha20-poly1305', 0x1303],
] as const)('TLS 1.3 with %s: behind the type', (algorithm, number) => {
  const suite = suiteByNumber(number)!;
  const secret = zeros(32).fill(7);
  const direction = directionOf13(suite, secret);

  /** The first record, its plaintext any octets (RFC 8446 §5.2). */
  function fragmentOf(plaintext: Uint8Array): Uint8Array {
    const { key, iv } = trafficKeys(suite, secret);
    const cipher = createCipheriv(algorithm as 'aes-128-gcm', key, iv, { authTagLength: 16 });
    const length = plaintext.length + 16;
    cipher.setAAD(Uint8Array.of(23, 3, 3, length >> 8, length));
    return Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
  }

  test.each([0, 1, 15, 16, 300])('may be %i zeros', padding => {
    const { type, content } = open(direction, fragmentOf(concat(TEXT, Uint8Array.of(23), zeros(padding))));
    expect([type, content]).toEqual([23, TEXT]);
    const empty = open(direction, fragmentOf(concat(Uint8Array.of(22), zeros(padding))));
    expect([empty.type, empty.content]).toEqual([22, zeros(0)]);
  });

  test('zeros of the content stay', () => {
    const content = concat(zeros(3), TEXT, zeros(3));
    expect(open(direction, fragmentOf(concat(content, Uint8Array.of(23), zeros(5)))).content).toEqual(content);
  });

  test('there is none if all are zeros', () => {
    for (let length = 1; length < 40; length++) {
      const { type, content } = open(direction, fragmentOf(zeros(length)));
      expect([type, content], `${length} zeros`).toEqual([0, zeros(0)]);
    }
    expect(codeOf(direction, fragmentOf(zeros(0)))).toBe('security/bad-checksum');
  });
});

describe.each([false, true])('CBC in TLS 1.1, encrypt-then-MAC: %s', encryptThenMac => {
  const master = {
    ...{ version: TLS_1_1, suite: suiteByNumber(0x2f)!, secret: zeros(48).fill(1), encryptThenMac },
    ...{ clientRandom: zeros(32).fill(2), serverRandom: zeros(32).fill(3) },
  };
  const { client: direction } = directionsOf(master);
  const keys = recordKeys(master).client;
  const IV = zeros(16).fill(9);

  const macOf = (octets: Uint8Array) => {
    const head = concat(u64be(0n), Uint8Array.of(23, 3, 2, octets.length >> 8, octets.length));
    return Uint8Array.from(createHmac('sha1', keys.mac).update(concat(head, octets)).digest());
  };
  const encrypted = (blocks: Uint8Array) => {
    const cipher = createCipheriv('aes-128-cbc', keys.key, IV).setAutoPadding(false);
    return concatAll([IV, cipher.update(blocks), cipher.final()]);
  };
  /** The first record (RFC 4346 §6.2.3.2, RFC 7366), with any padding, its last octet included. */
  const fragmentOf = (content: Uint8Array, padding: Uint8Array) => {
    if (!encryptThenMac) return encrypted(concat(content, macOf(content), padding));
    const whole = encrypted(concat(content, padding));
    return concat(whole, macOf(whole));
  };

  /** All lengths that fill the blocks up. */
  const lengthsFor = (content: Uint8Array) => {
    const least = 16 - ((content.length + (encryptThenMac ? 0 : 20)) % 16);
    return Array.from({ length: 16 }, (_, i) => least + 16 * i);
  };
  const refusalOf = (fragment: Uint8Array) => {
    const { code, message } = errorOf(() => open(direction, fragment));
    return [code, message];
  };
  const WRONG_MAC = [
    'security/bad-checksum',
    'wrong checksum of a TLS record: changed on the way, or made with another key',
  ];

  // Among them: nothing but padding and MAC, one octet of padding, and 256.
  describe.each([0, 6, 11, 12, 15, 16])('padding behind %i octets', length => {
    const content = zeros(length).fill(65);
    const lengths = lengthsFor(content);

    test('may have any length', () => {
      for (const padding of lengths) {
        const opened = open(direction, fragmentOf(content, zeros(padding).fill(padding - 1)));
        expect(opened.content, `${padding} octets`).toEqual(content);
      }
    });

    test('is refused if any octet of it is wrong, as a wrong MAC is', () => {
      for (const padding of [lengths[0]!, lengths[1]!, lengths.at(-1)!]) {
        for (let i = 0; i < padding; i += padding > 32 ? 85 : 1) {
          const octets = zeros(padding).fill(padding - 1);
          octets[i]! ^= 1;
          expect(refusalOf(fragmentOf(content, octets)), `octet ${i} of ${padding}`).toEqual(WRONG_MAC);
        }
      }
    });

    test('is refused if it would reach into the MAC, or before the record', () => {
      const [least] = lengths as [number];
      for (const last of [length + least, length + least + 1, 64, 200, 255]) {
        expect(refusalOf(fragmentOf(zeros(length).fill(last), zeros(least).fill(last)))).toEqual(WRONG_MAC);
      }
    });
  });

  test('is refused where there are no whole blocks, also with a right MAC', () => {
    for (let length = 0; length < 70; length++) expect(refusalOf(zeros(length))).toEqual(WRONG_MAC);
    for (const length of [0, 5, 16, 21]) {
      expect(refusalOf(concat(zeros(length), macOf(zeros(length))))).toEqual(WRONG_MAC);
    }
  });
});

test.each(PROTOCOLS)('$name: the end of a cipher erases its keys', ({ version, suite }) => {
  const keys = { key: zeros(suite.keyLength).fill(1), iv: zeros(12).fill(2), mac: zeros(20).fill(3) };
  let destroyed = 0;
  const newAead = (...input: [Suite, Uint8Array]): Aead => ({
    ...nobleAead(...input),
    destroy: () => void destroyed++,
  });
  const cipher = recordCipher({ version, suite, keys, newAead });
  const other = cipher.copy();
  cipher.destroy();
  expect([keys.key, keys.iv, keys.mac].flatMap(octets => [...octets]).filter(octet => octet !== 0)).toEqual([]);
  expect(destroyed).toBe(suite.mac ? 0 : 1);
  other.destroy();
  expect(destroyed).toBe(suite.mac ? 0 : 2);
});
