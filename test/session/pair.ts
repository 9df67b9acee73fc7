/** A client and a server session on a wire that a test holds in its hand. */
import { concat, toUtf8 } from '../../src/bytes.js';
import { krb5Context } from '../../src/mechanisms/krb5/index.js';
import { PskContext } from '../../src/mechanisms/psk/context.js';
import type { SecurityContext, Step } from '../../src/protection/mechanism.js';
import { ClientSession } from '../../src/session/client.js';
import type {
  ClientEvent,
  ClientSessionOptions,
  CommandEvent,
  ReplyEvent,
  ServerEvent,
  ServerSessionOptions,
} from '../../src/session/events.js';
import { ServerSession } from '../../src/session/server.js';

export interface Contexts {
  initiator: SecurityContext;
  acceptor: SecurityContext;
}

export function pskContexts(): Contexts {
  const shared = { key: new Uint8Array(32).fill(7), nonces: new Uint8Array(64).fill(9) };
  return {
    initiator: new PskContext({ ...shared, role: 'initiator' }),
    acceptor: new PskContext({ ...shared, role: 'acceptor' }),
  };
}

/** @param octet  of the key */
export function krb5Contexts(octet = 1): Contexts {
  const shared = { enctype: 18, key: new Uint8Array(32).fill(octet), acceptorSubkey: true };
  return {
    initiator: krb5Context({ ...shared, role: 'initiator', sendSequence: 7, receiveSequence: 9 }),
    acceptor: krb5Context({ ...shared, role: 'acceptor', sendSequence: 9, receiveSequence: 7 }),
  };
}

/** A context that has some of its levels only. */
export function having(levels: readonly string[], context: SecurityContext): SecurityContext {
  return {
    mechanism: context.mechanism,
    supports: level => levels.includes(level) && context.supports(level),
    wrap: (plaintext, level) => context.wrap(plaintext, level),
    unwrap: token => context.unwrap(token),
    wrapSizeLimit: (level, maxToken) => context.wrapSizeLimit(level, maxToken),
    destroy: () => context.destroy(),
  };
}

export interface PairOptions {
  client?: ClientSessionOptions;
  server?: Partial<ServerSessionOptions>;
  contexts?: Contexts;
}

export class Pair {
  readonly client: ClientSession;
  readonly server: ServerSession;

  constructor({ client, server }: PairOptions = {}) {
    this.client = new ClientSession(client);
    this.server = new ServerSession({ mechanisms: [{ name: 'X-TEST' }], ccc: 'allowed', ...server });
  }

  /** What the server makes of a line. */
  toServer(...lines: (string | Uint8Array)[]): ServerEvent | undefined {
    for (const line of lines) this.server.receive(octetsOf(line));
    return this.server.next();
  }

  /** What the client makes of a line. */
  toClient(...lines: (string | Uint8Array)[]): ClientEvent | undefined {
    for (const line of lines) this.client.receive(octetsOf(line));
    return this.client.next();
  }

  /** Sends a command that the session itself answers, and gives what the client is told of it. */
  settle(command: string, level?: 'safe' | 'private'): ReplyEvent {
    const event = this.toServer(this.client.send(toUtf8(command), level));
    if (event?.type !== 'answered') throw new Error(`${command} was not answered: ${event?.type}`);
    return this.reply(event.octets);
  }

  /** Sends a command that the application answers. */
  command(command: string, level?: 'safe' | 'private' | 'clear'): CommandEvent {
    const event = this.toServer(this.client.send(toUtf8(command), level));
    if (event?.type !== 'command') throw new Error(`${command} did not come: ${event?.type}`);
    return event;
  }

  reply(octets: Uint8Array): ReplyEvent {
    const event = this.toClient(octets);
    if (event?.type !== 'reply') throw new Error(`no reply: ${event?.type}`);
    return event;
  }

  /** AUTH, and one ADAT that brings both contexts. */
  secure({ initiator, acceptor }: Contexts = pskContexts(), facts: Step['facts'] = {}): this {
    const auth = this.toServer(this.client.send(toUtf8('AUTH X-TEST')));
    if (auth?.type !== 'auth') throw new Error(`no auth: ${auth?.type}`);
    const due = this.toClient(this.server.proceed({}));
    if (due?.type !== 'security-data') throw new Error(`no security data: ${due?.type}`);
    const data = this.toServer(this.client.proceed({ token: toUtf8('hello'), context: initiator, facts })!);
    if (data?.type !== 'security-data') throw new Error(`no security data: ${data?.type}`);
    this.reply(this.server.proceed({ context: acceptor, facts }));
    return this;
  }
}

/** A pair with a security association. */
export function secured(options: PairOptions = {}): Pair {
  return new Pair(options).secure(options.contexts ?? pskContexts());
}

/** A line without its end gets one. */
export function octetsOf(line: string | Uint8Array): Uint8Array {
  if (typeof line !== 'string') return line;
  return line.endsWith('\n') ? toUtf8(line) : concat(toUtf8(line), toUtf8('\r\n'));
}
