/** A security context whose tokens can be read: level letter, number, text. For tests of the codec, which is not about crypto. */
import { concat, copy, fromUtf8, toUtf8 } from '../../src/bytes.js';
import { FtpSecurityError } from '../../src/errors.js';
import type { SecurityContext, SequenceState } from '../../src/protection/mechanism.js';
import type { TokenLevel } from '../../src/protection/protection-level.js';

const LETTERS: Record<TokenLevel, string> = { safe: 'S', private: 'P', confidential: 'E' };

/** The token `S7:text` in octets. */
export function visibleToken(level: TokenLevel, number: number, text: string | Uint8Array): Uint8Array {
  return concat(toUtf8(`${LETTERS[level]}${number}:`), typeof text === 'string' ? toUtf8(text) : text);
}

export function visibleContext(levels: readonly TokenLevel[] = ['safe', 'private']): SecurityContext {
  let sent = 0;
  let expected = 0;
  return {
    mechanism: 'X-VISIBLE',
    supports: level => levels.includes(level),
    wrap: (plaintext, level) => ({ token: visibleToken(level, sent++, plaintext), level }),
    unwrap(token) {
      const colon = token.indexOf(0x3a);
      const head = /^([SPE])([0-9]+)$/.exec(fromUtf8(token.subarray(0, Math.max(colon, 0))));
      if (head === null) throw new FtpSecurityError('security/bad-checksum', 'not a visible token');
      const number = Number(head[2]);
      const sequence: SequenceState = number === expected ? 'ok' : number > expected ? 'gap' : 'late';
      expected = Math.max(expected, number + 1);
      const level = (Object.keys(LETTERS) as TokenLevel[]).find(name => LETTERS[name] === head[1])!;
      return { plaintext: copy(token, colon + 1), level, sequence };
    },
    wrapSizeLimit: (_level, maxToken) => Math.max(0, maxToken - 10),
    destroy() {},
  };
}

/** Mechanisms that pass everything through: as it is, in Buffers, and in Buffers with the same memory. */
export const PASSING: readonly (readonly [what: string, context: SecurityContext])[] = [
  ['the token as plaintext', passing(octets => octets)],
  ['a Buffer as plaintext', passing(octets => Buffer.alloc(octets.length, octets))],
  ['the token in a Buffer', passing(octets => Buffer.from(octets.buffer, octets.byteOffset, octets.length))],
];

/** No token is empty, so an empty text is sent as one octet. */
function passing(pass: (octets: Uint8Array) => Uint8Array): SecurityContext {
  return {
    mechanism: 'X-PASSING',
    supports: () => true,
    wrap: (plaintext, level) => ({ token: plaintext.length > 0 ? pass(plaintext) : new Uint8Array(1), level }),
    unwrap: token => ({
      plaintext: pass(token.length > 1 ? token : token.subarray(1)),
      level: 'safe',
      sequence: 'none',
    }),
    wrapSizeLimit: (_level, maxToken) => maxToken,
    destroy() {},
  };
}
