/** The contexts of a recorded exchange that stays closed, where a bare key may be that of its messages: a subkey, or the session key. */
import { FtpSecurityError, refusalFrom } from '../../../errors.js';
import type { SecurityContext, Unwrapped } from '../../../protection/mechanism.js';
import { type CipherOptions, enctypeOf } from '../crypto/enctypes.js';
import { type Krb5Context, krb5Context } from '../tokens/context.js';
import type { ServiceKey } from './ticket-keys.js';

const LEVELS: readonly string[] = ['safe', 'private'];

/**
 * A context that opens the tokens of the other side with whichever of the keys opens the first one; the sender's numbers count
 * from there. It makes no tokens.
 * @param role  as of krb5Context
 * @param keys  without a principal, of enctypes that can be used
 * @param options  `problem`: what its errors say, `security/no-key`, if no key opens the first token
 */
export function contextOfMessageKeys(
  role: 'initiator' | 'acceptor',
  keys: readonly ServiceKey[],
  options: CipherOptions & { problem: string },
): SecurityContext {
  let context: Krb5Context | undefined;
  /** The position of the first token. How many were sent before it is not known. */
  let start: bigint | undefined;
  let closed = false;

  function assertOpen(): void {
    if (closed) throw new FtpSecurityError('sequence/closed', 'the context is destroyed', { side: 'local' });
  }

  function first(token: Uint8Array): Unwrapped {
    for (const candidate of candidates(role, keys, options)) {
      try {
        const opened = candidate.unwrap(token);
        context = candidate;
        start = candidate.lastReceived;
        return { ...opened, sequence: 'ok' };
      } catch (error) {
        candidate.destroy();
        refusalFrom(error);
      }
    }
    throw noKey();
  }

  function noKey(): FtpSecurityError {
    return new FtpSecurityError('security/no-key', options.problem);
  }

  return {
    mechanism: 'GSSAPI',
    supports: level => {
      assertOpen();
      return LEVELS.includes(level);
    },
    wrap: () => {
      assertOpen();
      throw noKey();
    },
    unwrap: token => {
      assertOpen();
      return context?.unwrap(token) ?? first(token);
    },
    reopen: token => {
      assertOpen();
      if (context === undefined) throw noKey();
      return context.reopen!(token);
    },
    wrapSizeLimit: () => {
      assertOpen();
      return 0;
    },
    get lastReceived() {
      return context?.lastReceived;
    },
    get lastFollows() {
      return context && (context.lastReceived === start || context.lastFollows);
    },
    destroy: () => {
      closed = true;
      context?.destroy();
    },
  };
}

/**
 * Each key as either side's subkey: tokens of RFC 4121 show whose it is. Numbers start again at 0 after the last one, so a
 * window from 0 on accepts only the lower half as the first number; the second window accepts the upper half.
 */
function* candidates(
  role: 'initiator' | 'acceptor',
  keys: readonly ServiceKey[],
  { ciphers }: CipherOptions,
): Generator<Krb5Context> {
  for (const { enctype, key } of keys) {
    const upperHalf = enctypeOf(enctype)!.tokens === 'rfc4121' ? 1n << 63n : 1n << 31n;
    for (const receiveSequence of [0n, upperHalf]) {
      for (const acceptorSubkey of [true, false]) {
        const numbers = { sendSequence: 0, receiveSequence };
        yield krb5Context({ role, enctype, key, acceptorSubkey, ...numbers, ciphers, allowWeak: true });
      }
    }
  }
}
