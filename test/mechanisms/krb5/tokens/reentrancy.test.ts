/** Working memory is kept between messages. Ciphers of the caller may use other contexts meanwhile, and nothing gets mixed up. */
import { describe, expect, it } from 'vitest';
import type { BlockCipher, BlockCiphers } from '../../../../src/block-cipher.js';
import { ENCTYPES } from '../../../../src/mechanisms/krb5/crypto/enctypes.js';
import { krb5Context } from '../../../../src/mechanisms/krb5/index.js';
import { nodeCiphers } from '../../../../src/node/index.js';
import { keptOctets } from '../../../../src/work-memory.js';

const LEVELS = ['safe', 'private'] as const;

/** Node's ciphers, which run `meanwhile` after each call. */
function interrupted(meanwhile: () => void): BlockCiphers {
  const after = <T>(result: T): T => {
    meanwhile();
    return result;
  };
  const around = (cipher: BlockCipher): BlockCipher => ({
    ...cipher,
    encrypt: (blocks, iv) => after(cipher.encrypt(blocks, iv)),
    decrypt: (blocks, iv) => after(cipher.decrypt(blocks, iv)),
  });
  return {
    camellia: key => around(nodeCiphers.camellia!(key)),
    aes: key => around(nodeCiphers.aes!(key)),
    hmac(hash, key) {
      const mac = nodeCiphers.hmac!(hash, key);
      return { ...mac, digest: parts => after(mac.digest(parts)) };
    },
  };
}

function pair(enctype: number, keyLength: number, ours: BlockCiphers, theirs: BlockCiphers) {
  const key = new Uint8Array(keyLength).fill(enctype);
  const both = { enctype, key, acceptorSubkey: true, sendSequence: 0, receiveSequence: 0 };
  return [
    krb5Context({ ...both, role: 'initiator', ciphers: ours }),
    krb5Context({ ...both, role: 'acceptor', ciphers: theirs }),
  ] as const;
}

/** `toEqual` would take long for so many octets. */
function expectSame(plaintext: Uint8Array, text: Uint8Array): void {
  expect(Buffer.compare(plaintext, text)).toBe(0);
}

const RFC4121 = ENCTYPES.filter(({ tokens }) => tokens === 'rfc4121');

describe.each(RFC4121)('$name', ({ number, keyLength }) => {
  it.each([600, 3000, 20_000])('wraps and unwraps %i octets while its ciphers use another context', length => {
    const [from, to] = pair(number, keyLength, nodeCiphers, nodeCiphers);
    const other = new Uint8Array(length + 7).fill(0x55);
    let count = 0;
    let busy = false;
    const meanwhile = () => {
      if (busy) return;
      busy = true;
      for (const level of LEVELS) expectSame(to.unwrap(from.wrap(other, level).token).plaintext, other);
      busy = false;
      count++;
    };
    const [ours, theirs] = pair(number, keyLength, interrupted(meanwhile), nodeCiphers);
    const text = Uint8Array.from({ length }, (_, i) => i * 3);
    for (const level of LEVELS) {
      expectSame(theirs.unwrap(ours.wrap(text, level).token).plaintext, text);
      expectSame(ours.unwrap(theirs.wrap(text, level).token).plaintext, text);
    }
    expect(count).toBeGreaterThan(0);
    for (const kept of keptOctets()) expectSame(kept, new Uint8Array(kept.length));
  });
});
