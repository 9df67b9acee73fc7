/** A small mechanism with the numbering of TLS records: no number in a token, the receiver counts (RFC 8446 §5.3). */
import { gcm } from '@noble/ciphers/aes.js';
import { assertBytes, copy } from '../../src/bytes.js';
import { FtpSecurityError } from '../../src/errors.js';
import type { ConformancePair, ConformanceSubject } from '../../src/mechanisms/conformance.js';
import type { SecurityContext } from '../../src/protection/mechanism.js';

const TAG = 16;

function context(sends: Uint8Array, receives: Uint8Array): SecurityContext {
  let [sent, received] = [0, 0];
  let destroyed = false;
  const assertOpen = () => {
    if (destroyed) throw new FtpSecurityError('sequence/closed', 'the context is destroyed', { side: 'local' });
  };
  const cipher = (key: Uint8Array, number: number) => {
    const nonce = new Uint8Array(12);
    new DataView(nonce.buffer).setUint32(8, number);
    return gcm(key, nonce);
  };
  return {
    mechanism: 'X-RECORDS',
    supports(level) {
      assertOpen();
      return level !== 'confidential';
    },
    wrap(plaintext, level) {
      assertOpen();
      assertBytes(plaintext, 'plaintext');
      if (level === 'confidential') {
        throw new FtpSecurityError('security/level-unsupported', 'records have integrity', { side: 'local' });
      }
      return { token: cipher(sends, sent++).encrypt(copy(plaintext)), level: 'private' };
    },
    unwrap(token) {
      assertOpen();
      assertBytes(token, 'token');
      let plaintext: Uint8Array;
      try {
        plaintext = cipher(receives, received).decrypt(copy(token));
      } catch {
        throw new FtpSecurityError('security/bad-checksum', 'checksum mismatch');
      }
      received++;
      return { plaintext, level: 'private', sequence: 'ok' };
    },
    get lastReceived() {
      return received === 0 ? undefined : BigInt(received - 1);
    },
    get lastFollows() {
      return received === 0 ? undefined : true;
    },
    wrapSizeLimit(_level, maxToken) {
      assertOpen();
      return Math.max(0, maxToken - TAG);
    },
    destroy() {
      destroyed = true;
    },
  };
}

let pairs = 0;

export const inOrderSubject: ConformanceSubject = {
  contexts(): ConformancePair {
    const [ours, theirs] = [new Uint8Array(16).fill(++pairs), new Uint8Array(16).fill(++pairs)];
    return { initiator: context(ours, theirs), acceptor: context(theirs, ours) };
  },
  levels: ['safe', 'private'],
  numbering: 'in-order',
};
