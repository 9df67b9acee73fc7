/** Follows who is logged in on a control connection (RFC 959 §5.4). */
import type { ObservedReply } from '../session/events.js';

/** 230; 232 for a login that the security data authorised (RFC 2228 §5.1); 202 to a password that is not needed. */
const LOGGED_IN: ReadonlySet<number> = new Set([202, 230, 232]);
const VERBS: ReadonlySet<string> = new Set(['USER', 'PASS', 'ACCT']);

export class Login {
  #named: string | undefined;
  #user: string | undefined;

  /** The user who is logged in, as named in USER; undefined if none is. */
  get user(): string | undefined {
    return this.#user;
  }

  reply({ command, reply: { code } }: Pick<ObservedReply, 'command' | 'reply'>): void {
    if (command === undefined || code < 200) return;
    if (command.verb === 'REIN' && code < 300) this.#user = undefined;
    if (!VERBS.has(command.verb)) return;
    if (command.verb === 'USER') this.#named = command.argument ?? '';
    // A new USER, and a password that is refused, end the login before.
    if (LOGGED_IN.has(code)) this.#user = this.#named;
    else if (command.verb === 'USER' && code < 400) this.#user = undefined;
  }
}
