/** The context that an exchange leaves to each side: its key and first numbers (RFC 4121 §2, RFC 4120 §5.1.2 and §5.5.1). */
import { copy, viewOf } from '../../../bytes.js';
import type { EncApRepPart } from '../messages/kerberos.js';
import { type Krb5Context, type Krb5ContextOptions, krb5Context } from '../tokens/context.js';
import { type MessageKey, messageKey, type RequestKeys } from './ap-exchange.js';

export interface EstablishedOptions
  extends Pick<Krb5ContextOptions, 'ciphers' | 'allowWeak' | 'strictOrder' | 'levels'> {
  /**
   * Told what the context is made of, its key among it: for tools that open recordings, or make tokens that no sound peer
   * makes. Whoever has the key can read and forge everything.
   */
  keylog?: ((options: Krb5ContextOptions) => void) | undefined;
}

export interface Established {
  context: Krb5Context;
  base: MessageKey;
}

/**
 * A number that was left out is zero; without an AP-REP the acceptor starts at the initiator's.
 * @throws FtpSecurityError as {@link krb5Context} does
 */
export function established(
  role: Krb5ContextOptions['role'],
  request: RequestKeys,
  answer: EncApRepPart | undefined,
  { keylog, ...options }: EstablishedOptions,
): Established {
  const base = messageKey(request, answer);
  const initiator = request.authenticator.seqNumber ?? 0;
  const acceptor = answer === undefined ? initiator : (answer.seqNumber ?? 0);
  const [sendSequence, receiveSequence] = role === 'initiator' ? [initiator, acceptor] : [acceptor, initiator];
  const its: Krb5ContextOptions = {
    ...options,
    role,
    enctype: base.key.keytype,
    key: base.key.keyvalue,
    acceptorSubkey: base.from === 'acceptor subkey',
    sendSequence,
    receiveSequence,
  };
  keylog?.({ ...its, key: copy(its.key) });
  return { context: krb5Context(its), base };
}

/** Below 2^30, as those of all libraries: there are peers that take greater ones for negative (RFC 4120 §5.5.1). */
export function initialSequence(random: (length: number) => Uint8Array): number {
  return viewOf(random(4)).getUint32(0) >>> 2;
}
