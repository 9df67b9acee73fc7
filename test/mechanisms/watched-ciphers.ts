/** The ciphers of Node, and how many of them have not been destroyed. */
import type { BlockCiphers, NewBlockCipher } from '../../src/block-cipher.js';
import { nodeCiphers } from '../../src/node/index.js';

export function watchedCiphers(): { passed: { ciphers: BlockCiphers }; inUse(): number } {
  const there = new Set<object>();
  const watched =
    (make: NewBlockCipher): NewBlockCipher =>
    key => {
      const cipher = make(key);
      there.add(cipher);
      return {
        ...cipher,
        destroy() {
          there.delete(cipher);
          cipher.destroy();
        },
      };
    };
  const { des, tripleDes, camellia } = nodeCiphers;
  const ciphers = { des: watched(des!), tripleDes: watched(tripleDes!), camellia: watched(camellia!) };
  return { passed: { ciphers }, inUse: () => there.size };
}
