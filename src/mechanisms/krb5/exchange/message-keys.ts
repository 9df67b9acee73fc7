/** The contexts of a recorded exchange that stays closed, where a bare key may be that of its messages: a subkey, or the session key. */
import { FtpSecurityError } from '../../../errors.js';
import type { SecurityContext, Unwrapped } from '../../../protection/mechanism.js';
import { type CipherOptions, isUsable } from '../crypto/enctypes.js';
import { type Krb5Context, krb5Context } from '../tokens/context.js';
import type { ServiceKey } from './ticket-keys.js';

const LEVELS: readonly string[] = ['safe', 'private'];

/**
 * A context that opens the tokens of the other side with whichever of the keys opens the first one; the sender's numbers count
 * from there. It makes no tokens.
 * @param role  as of krb5Context
 * @param keys  without a principal
 * @param options  `problem`: what its errors say, `security/no-key`, if no key opens the first token
 */
export function contextOfMessageKeys(
  role: 'initiator' | 'acceptor',
  keys: readonly ServiceKey[],
  options: CipherOptions & { problem: string },
): SecurityContext {
  let context: Krb5Context | undefined;
  /** Place of the first token: what was sent before it nobody can know. */
  let start: bigint | undefined;

  function first(token: Uint8Array): Unwrapped {
    for (const candidate of candidates(role, keys, options)) {
      try {
        const opened = candidate.unwrap(token);
        context = candidate;
        start = candidate.lastReceived;
        return { ...opened, sequence: 'ok' };
      } catch (error) {
        candidate.destroy();
        if (!(error instanceof FtpSecurityError)) throw error;
      }
    }
    throw noKey();
  }

  function noKey(): FtpSecurityError {
    return new FtpSecurityError('security/no-key', options.problem);
  }

  return {
    mechanism: 'GSSAPI',
    supports: level => LEVELS.includes(level),
    wrap: () => {
      throw noKey();
    },
    unwrap: token => context?.unwrap(token) ?? first(token),
    reopen: token => {
      if (context === undefined) throw noKey();
      return context.reopen!(token);
    },
    wrapSizeLimit: () => 0,
    get lastReceived() {
      return context?.lastReceived;
    },
    get lastFollows() {
      return context?.lastReceived === start || context?.lastFollows;
    },
    destroy: () => context?.destroy(),
  };
}

/** Each key as either side's subkey: tokens of RFC 4121 tell whose it is. */
function* candidates(
  role: 'initiator' | 'acceptor',
  keys: readonly ServiceKey[],
  { ciphers }: CipherOptions,
): Generator<Krb5Context> {
  for (const { enctype, key } of keys) {
    if (!isUsable(enctype, { ciphers })) continue;
    for (const acceptorSubkey of [true, false]) {
      const numbers = { sendSequence: 0, receiveSequence: 0 };
      yield krb5Context({ role, enctype, key, acceptorSubkey, ...numbers, ciphers, allowWeak: true });
    }
  }
}
