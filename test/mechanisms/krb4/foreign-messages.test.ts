/** What MIT's libkrb4 made and said (vectors/krb4/README.md): made again and opened, and its verdicts beside ours. */
import { describe, expect, it } from 'vitest';
import { fromHex, toHex } from '../../../src/bytes.js';
import { FtpSecurityError } from '../../../src/errors.js';
import { krb4Context } from '../../../src/mechanisms/krb4/context.js';
import { desKey, pcbcDecrypt, pcbcEncrypt, quadCksum } from '../../../src/mechanisms/krb4/crypto.js';
import { address, ciphers, type End, type MessageVector, VECTORS } from './vectors.js';

const endpoint = ({ ip, port }: End) => ({ address: address(ip), port });

function contextOf(vector: MessageVector, local: End, peer: End) {
  return krb4Context({
    key: fromHex(vector.session_key),
    ciphers,
    local: endpoint(local),
    peer: endpoint(peer),
    clock: () => vector.time_sec * 1000 + vector.time_5ms * 5,
    littleEndian: vector.byte_order === 'le',
    allowWeak: true,
  });
}

/** What the library says when its addresses or an octet were changed: 0 is that it takes the message. */
const CHANGES: [field: keyof MessageVector, at: (token: Uint8Array) => number][] = [
  ['rd_status_cksum_flipped', token => token.length - 1],
  ['rd_status_last_octet_flipped', token => token.length - 1],
  ['rd_status_early_octet_flipped', () => 6],
];

describe('quad_cksum', () => {
  it.each(VECTORS.quad_cksum)('of $input with seed $seed', ({ seed, input, ret, out4 }) => {
    expect(quadCksum(fromHex(seed), fromHex(input), 4)).toEqual(out4);
    expect(ret).toBe(out4.at(-2));
  });
});

describe('PCBC', () => {
  it.each(VECTORS.pcbc)('of $input', ({ key_and_iv, input, output }) => {
    const key = desKey(fromHex(key_and_iv), ciphers);
    expect(toHex(pcbcEncrypt(key, fromHex(input)))).toBe(output);
    const filled = input.padEnd(output.length, '0');
    expect(toHex(pcbcDecrypt(key, fromHex(output)))).toBe(filled);
  });

  it('wants a key of 8 octets', () => {
    expect(() => desKey(new Uint8Array(7), ciphers)).toThrow(RangeError);
  });
});

describe('a message of libkrb4', () => {
  it.each(VECTORS.messages)('$kind $byte_order $name from $sender.ip', vector => {
    const { sender, receiver, message, plaintext, kind } = vector;
    const level = kind === 'safe' ? 'safe' : 'private';
    const made = contextOf(vector, sender, receiver).wrap(fromHex(plaintext), level);
    expect([made.level, toHex(made.token)]).toEqual([level, message]);
    const opened = contextOf(vector, receiver, sender).unwrap(fromHex(message));
    expect({ ...opened, plaintext: toHex(opened.plaintext) }).toEqual({ plaintext, level, sequence: 'none' });
    expect(vector.rd_status).toBe(0);
  });

  const reflected = VECTORS.messages.filter(it => it.rd_status_swapped_addresses !== undefined);

  it.each(reflected)('reflected: $kind $byte_order $name from $sender.ip', vector => {
    const { sender, receiver, message, rd_status_swapped_addresses: theirs } = vector;
    const ours = verdict(() => contextOf(vector, sender, receiver).unwrap(fromHex(message)));
    // With the same address and port at both ends there is no direction.
    expect(ours).toBe(theirs === 0 ? 'taken' : 'security/wrong-direction');
  });

  it('is refused if changed, even where the library accepts it', () => {
    let taken = 0;
    for (const vector of VECTORS.messages) {
      for (const [field, at] of CHANGES) {
        if (vector[field] === undefined) continue;
        const token = fromHex(vector.message);
        const place = at(token);
        for (let bits = 1; bits < 256; bits++) {
          const changed = Uint8Array.from(token, (octet, i) => (i === place ? octet ^ bits : octet));
          expect(verdict(() => contextOf(vector, vector.receiver, vector.sender).unwrap(changed))).toMatch(
            /^security\/(bad-checksum|wrong-direction)$/,
          );
        }
        if (vector[field] === 0) taken++;
      }
    }
    expect(taken).toBe(4);
  });

  it('has a verdict of the library to compare with ours, whatever was changed', () => {
    const judged = ['rd_status', 'rd_status_swapped_addresses', ...CHANGES.map(([field]) => field)];
    const recorded = VECTORS.messages.flatMap(vector => Object.keys(vector).filter(field => /^rd_/.test(field)));
    expect([...new Set(recorded)].sort()).toEqual(judged.sort());
  });

  it('of another time is refused', () => {
    const vector = VECTORS.messages[0]!;
    for (const [seconds, expected] of [
      [-301, 'security/expired'],
      [-299, 'taken'],
      [299, 'taken'],
      [301, 'security/expired'],
    ] as const) {
      const context = krb4Context({
        key: fromHex(vector.session_key),
        ciphers,
        local: endpoint(vector.receiver),
        peer: endpoint(vector.sender),
        clock: () => (vector.time_sec + seconds) * 1000,
        allowWeak: true,
      });
      expect(verdict(() => context.unwrap(fromHex(vector.message)))).toBe(expected);
    }
  });
});

function verdict(run: () => unknown): string {
  try {
    run();
    return 'taken';
  } catch (error) {
    if (!(error instanceof FtpSecurityError)) throw error;
    return error.code;
  }
}
