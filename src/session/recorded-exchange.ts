/** A security data exchange in a recording: its tokens go to the mechanism that recognises the first one. */
import { FtpSecurityError, refusalFrom } from '../errors.js';
import type { ExchangeObserver, Mechanism, ObservedStep, Peer } from '../protection/mechanism.js';
import { TOKEN_LEVELS } from '../protection/protection-level.js';
import { chooseMechanism } from './choose-mechanism.js';
import type { ObservedExchange } from './events.js';
import type { Association } from './state.js';

/** One exchange of a recorded connection, from AUTH on. */
export class RecordedExchange {
  readonly #mechanisms: readonly Mechanism[];
  readonly #name: string | undefined;
  #mechanism: Mechanism | undefined;
  #observer: ExchangeObserver | undefined;
  #last: ObservedStep = { facts: {} };
  #incomplete = false;

  /** @param name  the argument of AUTH; undefined if the recording starts after it */
  constructor(mechanisms: readonly Mechanism[], name: string | undefined) {
    this.#mechanisms = mechanisms;
    this.#name = name;
  }

  /** Whether the recording may lack a part of it. */
  get incomplete(): boolean {
    return this.#incomplete;
  }

  /** The recording has lost octets. */
  gap(): void {
    this.#incomplete = true;
  }

  /**
   * Takes the next token.
   * @throws FtpSecurityError when the mechanism can't read it; not if that may be because another token is missing
   */
  observe(from: Peer, token: Uint8Array): void {
    try {
      this.#observe(from, token);
    } catch (error) {
      const refusal = refusalFrom(error);
      if (!this.#incomplete) throw refusal;
      this.#last = { ...this.#last, problem: exchangeMissing() };
    }
  }

  #observe(from: Peer, token: Uint8Array): void {
    if (this.#observer === undefined && from === 'client') {
      this.#mechanism = chooseMechanism(this.#mechanisms, this.#name, token);
      this.#observer = this.#mechanism?.observer?.();
    }
    if (this.#observer === undefined || token.length === 0) return;
    const { facts, fromClient, fromServer } = this.#last;
    const step = this.#observer.observe(from, token);
    this.#last = { ...step, facts: { ...facts, ...step.facts } };
    if (fromClient !== step.fromClient) fromClient?.destroy();
    if (fromServer !== step.fromServer) fromServer?.destroy();
  }

  /** Whether the server may consider the exchange complete: the client's tokens have settled it, or the keys are not known. */
  get mayBeComplete(): boolean {
    return this.#observer === undefined || this.#last.fromServer !== undefined || this.#last.problem !== undefined;
  }

  /** What is known of the association. Without the server's context it is taken to have every level. */
  get association(): Association {
    const { fromClient, fromServer } = this.#last;
    const levels = TOKEN_LEVELS.map(({ level }) => level).filter(level => fromServer?.supports(level) ?? true);
    return { levels, contexts: { client: fromClient, server: fromServer } };
  }

  /** Erases the keys of the exchange; those of its contexts remain. */
  destroy(): void {
    this.#observer?.destroy?.();
  }

  /** What is known when the server has said that the exchange is complete. */
  get observed(): ObservedExchange {
    const { facts, fromClient, fromServer } = this.#last;
    const hasKeys = fromClient !== undefined && fromServer !== undefined;
    const reason = this.#mechanism === undefined ? 'the mechanism is unknown' : 'the exchange had no keys';
    const problem = this.#last.problem ?? (hasKeys ? undefined : new FtpSecurityError('security/no-key', reason));
    return {
      type: 'exchange',
      mechanism: this.#name ?? this.#mechanism?.name,
      variant: this.#mechanism?.variant,
      facts,
      keyed: problem === undefined,
      problem,
      provisional: hasKeys && problem !== undefined,
    };
  }
}

/** The problem of a recording that lacks an exchange, or a part of it. */
export function exchangeMissing(): FtpSecurityError {
  return new FtpSecurityError('sequence/no-context', 'the exchange is not in the capture');
}
