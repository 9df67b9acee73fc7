/**
 * A security context that costs next to nothing, so that the loop spends its time in the codec and the sessions: direction,
 * level, number and a short checksum are before the text. It refuses what a real one refuses, unless a caller forges.
 */
import { concat, copy, u32be, viewOf } from '../../../src/bytes.js';
import { FtpSecurityError } from '../../../src/errors.js';
import type { SecurityContext } from '../../../src/protection/mechanism.js';
import type { TokenLevel } from '../../../src/protection/protection-level.js';
import { ReplayWindow } from '../../../src/replay-window.js';

const LEVELS: readonly TokenLevel[] = ['safe', 'private', 'confidential'];
const HEADER = 10;

export function quickContext(role: 'initiator' | 'acceptor'): SecurityContext {
  const direction = role === 'initiator' ? 1 : 2;
  const received = new ReplayWindow(0n);
  let sent = 0;
  let last: bigint | undefined;
  return {
    mechanism: 'X-QUICK',
    supports: level => LEVELS.includes(level),
    wrap(plaintext, level) {
      const header = concat(Uint8Array.of(direction, LEVELS.indexOf(level)), u32be(sent++));
      return { token: concat(header, u32be(checksum(header, plaintext)), plaintext), level };
    },
    unwrap(token) {
      const level = LEVELS[token[1] ?? -1];
      if (token.length < HEADER || level === undefined)
        throw new FtpSecurityError('security/bad-token', 'no quick token');
      if (token[0] === direction) throw new FtpSecurityError('security/wrong-direction', 'our own token');
      const plaintext = copy(token, HEADER);
      if (checksum(token.subarray(0, 6), plaintext) !== viewOf(token).getUint32(6)) {
        throw new FtpSecurityError('security/bad-checksum', 'wrong checksum');
      }
      const number = BigInt(viewOf(token).getUint32(2));
      const sequence = received.accept(number);
      last = number;
      return { plaintext, level, sequence };
    },
    get lastReceived() {
      return last;
    },
    get lastFollows() {
      return received.lastFollows;
    },
    wrapSizeLimit: (_level, maxToken) => Math.max(0, maxToken - HEADER),
    destroy() {},
  };
}

/** FNV-1a, from a start that is no other's. */
function checksum(...parts: readonly Uint8Array[]): number {
  let hash = 0x2a5f_1c37;
  for (const part of parts) for (const octet of part) hash = Math.imul(hash ^ octet, 0x0100_0193);
  return hash >>> 0;
}
