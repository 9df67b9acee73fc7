/** A security data exchange as a third party sees it: its tokens go to the mechanism that recognises the first one. */
import type { Peer, SecurityContext, Sight, Witness } from '../secure/security-context.js';
import type { ObservedExchange } from './observation.js';

/** A mechanism that can watch, with its keys already in hand. */
export interface ObservedMechanism {
  /** The name that AUTH knows it by. */
  readonly name: string;
  readonly variant: string;
  recognises(firstToken: Uint8Array): boolean;
  /** A witness for one exchange. */
  witness(): Witness;
}

/** The security association that stands; a direction without a context can't be opened. */
export interface Association {
  fromClient: SecurityContext | undefined;
  fromServer: SecurityContext | undefined;
  weak: boolean;
  /** A command has come that could not be opened. */
  hidden: boolean;
}

export class ExchangeWatch {
  readonly #mechanisms: readonly ObservedMechanism[];
  readonly #name: string | undefined;
  #mechanism: ObservedMechanism | undefined;
  #witness: Witness | undefined;
  #sight: Sight = { facts: {} };

  /** @param name  what AUTH named; undefined when the recording starts behind it */
  constructor(mechanisms: readonly ObservedMechanism[], name: string | undefined) {
    this.#mechanisms = mechanisms;
    this.#name = name;
  }

  /** @throws FtpSecurityError when the mechanism can't read the token */
  see(from: Peer, token: Uint8Array): void {
    if (this.#witness === undefined && from === 'client') {
      this.#mechanism = this.#mechanisms.find(
        ({ name, recognises }) => (this.#name ?? name) === name && recognises(token),
      );
      this.#witness = this.#mechanism?.witness();
    }
    if (this.#witness === undefined || token.length === 0) return;
    const sight = this.#witness.see(from, token);
    this.#sight = { ...sight, facts: { ...this.#sight.facts, ...sight.facts } };
  }

  /**
   * The association that the server may hold to stand already: the client's tokens have settled it, or nobody here can
   * tell. Undefined where the server has more to say.
   */
  get early(): Association | undefined {
    const isOpen =
      this.#witness !== undefined && this.#sight.fromServer === undefined && this.#sight.problem === undefined;
    return isOpen ? undefined : this.#association;
  }

  get #association(): Association {
    const { facts, fromClient, fromServer } = this.#sight;
    return { fromClient, fromServer, weak: facts.weak === true, hidden: false };
  }

  /** What is known when the server has said that the exchange is complete. */
  complete(): { association: Association; observed: ObservedExchange } {
    const { facts, fromClient, fromServer, problem } = this.#sight;
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
