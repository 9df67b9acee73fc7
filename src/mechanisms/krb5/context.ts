/** A security context of Kerberos V5 from its key alone (RFC 4121 §2 and §4.2), as an exchange leaves it. */
import { assertBytes } from '../../bytes.js';
import { FtpSecurityError } from '../../errors.js';
import { ReceivedNumbers } from '../../received-numbers.js';
import type { TokenLevel } from '../../secure/protection-level.js';
import type { SecurityContext, Unwrapped, Wrapped } from '../../secure/security-context.js';
import { type KerberosKey, kerberosKey } from './enctypes.js';
import { buildWrapToken, openWrapToken, wrapOverhead } from './wrap-token.js';

export interface Krb5ContextOptions {
  /** Whose tokens `wrap` makes; `unwrap` opens the other side's. */
  role: 'initiator' | 'acceptor';
  /** Number of the encryption type of `key`. */
  enctype: number;
  /** The acceptor's subkey if it asserted one, else the initiator's, else the session key (RFC 4121 §2). Copied. */
  key: Uint8Array;
  /** Whether `key` is a subkey that the acceptor asserted. */
  acceptorSubkey: boolean;
  /** Of the next token that this side sends; below 2^64. */
  sendSequence: bigint | number;
  /** Of the next token that the other side sends. */
  receiveSequence: bigint | number;
  /** Refuse every token but the next one. Default false: data connections share the numbers, and make gaps. */
  strictOrder?: boolean;
  /** Take an encryption type that is not to be trusted any more. Default false. */
  allowWeak?: boolean;
}

/** SND_SEQ has 64 bits (RFC 4121 §4.2.1). */
const NUMBERS = 1n << 64n;

/** Whether the tokens of a level are sealed. Kerberos has no confidentiality without integrity: no CONF, no 633. */
const SEALED = new Map<TokenLevel, boolean>([
  ['safe', false],
  ['private', true],
]);

/**
 * A context for levels safe and private.
 * @throws FtpSecurityError `security/no-key` when the encryption type is unknown or its keys have another length,
 *   `security/weak`, side local, without `allowWeak`
 */
export function krb5Context(options: Krb5ContextOptions): SecurityContext {
  const { role, enctype, key, allowWeak = false } = options;
  if (role !== 'initiator' && role !== 'acceptor') throw new TypeError('role must be initiator or acceptor');
  const prepared = kerberosKey(enctype, key);
  if (prepared.enctype.weak && !allowWeak) {
    throw new FtpSecurityError('security/weak', `${prepared.enctype.name} is weak`, { side: 'local' });
  }
  return new Krb5Context(prepared, options);
}

class Krb5Context implements SecurityContext {
  readonly mechanism = 'GSSAPI';
  readonly #acceptor: boolean;
  readonly #acceptorSubkey: boolean;
  readonly #key: KerberosKey;
  readonly #received: ReceivedNumbers;
  #next: bigint;
  #closed = false;

  constructor(key: KerberosKey, options: Krb5ContextOptions) {
    this.#key = key;
    this.#acceptor = options.role === 'acceptor';
    this.#acceptorSubkey = options.acceptorSubkey;
    this.#next = sequenceNumber(options.sendSequence, 'sendSequence');
    const first = sequenceNumber(options.receiveSequence, 'receiveSequence');
    this.#received = new ReceivedNumbers(first, { strict: options.strictOrder, modulus: NUMBERS });
  }

  supports(level: TokenLevel): boolean {
    this.#assertOpen();
    return SEALED.has(level);
  }

  wrap(plaintext: Uint8Array, level: TokenLevel): Wrapped {
    assertBytes(plaintext, 'plaintext');
    const sealed = this.#isSealed(level);
    const sender = { sentByAcceptor: this.#acceptor, acceptorSubkey: this.#acceptorSubkey };
    const token = buildWrapToken(this.#key, { ...sender, sealed, sequence: this.#next }, plaintext);
    this.#next = (this.#next + 1n) % NUMBERS;
    return { token, level };
  }

  unwrap(token: Uint8Array): Unwrapped {
    assertBytes(token, 'token');
    this.#assertOpen();
    const sender = { sentByAcceptor: !this.#acceptor, acceptorSubkey: this.#acceptorSubkey };
    const { plaintext, sealed, sequence } = openWrapToken(this.#key, sender, token);
    return { plaintext, level: sealed ? 'private' : 'safe', sequence: this.#received.accept(sequence) };
  }

  wrapSizeLimit(level: TokenLevel, maxToken: number): number {
    const overhead = wrapOverhead(this.#key.enctype, this.#isSealed(level));
    if (!Number.isSafeInteger(maxToken) || maxToken < 0) throw new RangeError('maxToken must be an integer, 0 or more');
    return Math.max(0, maxToken - overhead);
  }

  destroy(): void {
    this.#closed = true;
    this.#key.destroy();
  }

  #isSealed(level: TokenLevel): boolean {
    this.#assertOpen();
    const sealed = SEALED.get(level);
    if (sealed === undefined) {
      throw new FtpSecurityError('security/level-unsupported', `Kerberos has no level ${level}`, { side: 'local' });
    }
    return sealed;
  }

  #assertOpen(): void {
    if (this.#closed) throw new FtpSecurityError('sequence/closed', 'the context is destroyed', { side: 'local' });
  }
}

function sequenceNumber(value: bigint | number, name: string): bigint {
  if (typeof value !== 'bigint' && !Number.isSafeInteger(value)) throw new RangeError(`${name} is no whole number`);
  const number = BigInt(value);
  if (number < 0n || number >= NUMBERS) throw new RangeError(`${name} is not below 2^64, or negative`);
  return number;
}
