/** From the messages of an exchange to a security context: its key and first sequence numbers (RFC 4121 §2, RFC 4120 §5.5). */
import { copy, viewOf } from '../../../bytes.js';
import type { EncApRepPart } from '../messages/kerberos.js';
import { type Krb5Context, type Krb5ContextOptions, krb5Context } from '../tokens/context.js';
import { type MessageKey, messageKey, type RequestKeys } from './ap-exchange.js';

export interface EstablishedOptions
  extends Pick<Krb5ContextOptions, 'ciphers' | 'allowWeak' | 'strictOrder' | 'levels'> {
  /** Called with the options of the context, including its key. */
  keylog?: ((options: Krb5ContextOptions) => void) | undefined;
}

export interface Established {
  context: Krb5Context;
  base: MessageKey;
}

/**
 * Creates the context of one side. An absent sequence number is zero; without an AP-REP the acceptor starts at the
 * initiator's number.
 * @throws FtpSecurityError the same errors as {@link krb5Context}
 */
export function establishContext(
  role: Krb5ContextOptions['role'],
  request: RequestKeys,
  answer: EncApRepPart | undefined,
  { keylog, ...options }: EstablishedOptions,
): Established {
  const base = messageKey(request, answer);
  const initiator = request.authenticator.seqNumber ?? 0;
  const acceptor = answer === undefined ? initiator : (answer.seqNumber ?? 0);
  const [sendSequence, receiveSequence] = role === 'initiator' ? [initiator, acceptor] : [acceptor, initiator];
  const contextOptions: Krb5ContextOptions = {
    ...options,
    role,
    enctype: base.key.keytype,
    key: base.key.keyvalue,
    acceptorSubkey: base.from === 'acceptor subkey',
    sendSequence,
    receiveSequence,
  };
  keylog?.({ ...contextOptions, key: copy(contextOptions.key) });
  return { context: krb5Context(contextOptions), base };
}

/** A number below 2^30, as in all implementations, since some peers take greater ones for negative (RFC 4120 §5.5.1). */
export function initialSequence(random: (length: number) => Uint8Array): number {
  return viewOf(random(4)).getUint32(0) >>> 2;
}
