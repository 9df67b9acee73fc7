/** A security data exchange as a third party sees it: its tokens go to the mechanism that recognises the first one. */
import type { ExchangeObserver, Mechanism, ObservedStep, Peer, SecurityContext } from '../protection/mechanism.js';
import { chooseMechanism } from './choose-mechanism.js';
import type { ObservedExchange } from './observation.js';

/** The security association that stands; a direction without a context can't be opened. */
export interface Association {
  fromClient: SecurityContext | undefined;
  fromServer: SecurityContext | undefined;
  weak: boolean;
  /** A command has come that could not be opened. */
  hidden: boolean;
}

export class ExchangeWatch {
  readonly #mechanisms: readonly Mechanism[];
  readonly #name: string | undefined;
  #mechanism: Mechanism | undefined;
  #observer: ExchangeObserver | undefined;
  #last: ObservedStep = { facts: {} };

  /** @param name  what AUTH named; undefined when the recording starts behind it */
  constructor(mechanisms: readonly Mechanism[], name: string | undefined) {
    this.#mechanisms = mechanisms;
    this.#name = name;
  }

  /** @throws FtpSecurityError when the mechanism can't read the token */
  observe(from: Peer, token: Uint8Array): void {
    if (this.#observer === undefined && from === 'client') {
      this.#mechanism = chooseMechanism(this.#mechanisms, this.#name, token);
      this.#observer = this.#mechanism?.observer?.();
    }
    if (this.#observer === undefined || token.length === 0) return;
    const step = this.#observer.observe(from, token);
    this.#last = { ...step, facts: { ...this.#last.facts, ...step.facts } };
  }

  /**
   * The association that the server may hold to stand already: the client's tokens have settled it, or nobody here can
   * tell. Undefined where the server has more to say.
   */
  get early(): Association | undefined {
    const isOpen =
      this.#observer !== undefined && this.#last.fromServer === undefined && this.#last.problem === undefined;
    return isOpen ? undefined : this.#association;
  }

  get #association(): Association {
    const { facts, fromClient, fromServer } = this.#last;
    return { fromClient, fromServer, weak: facts.weak === true, hidden: false };
  }

  /** What is known when the server has said that the exchange is complete. */
  complete(): { association: Association; observed: ObservedExchange } {
    const { facts, fromClient, fromServer, problem } = this.#last;
    return {
      association: this.#association,
      observed: {
        type: 'exchange',
        mechanism: this.#name ?? this.#mechanism?.name,
        variant: this.#mechanism?.variant,
        facts,
        keyed: fromClient !== undefined && fromServer !== undefined,
        problem,
      },
    };
  }
}
