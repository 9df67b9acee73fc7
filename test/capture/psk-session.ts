/** Sessions secured with X-PSK, for captures of several ones, or of transfers that fail. */
import { concat, u32be } from '../../src/bytes.js';
import type { Segment } from '../../src/capture/link-layer.js';
import { pskAcceptor, pskInitiator } from '../../src/mechanisms/psk/index.js';
import type { Peer, SecurityContext } from '../../src/protection/mechanism.js';
import { protectCommand, protectReply } from '../../src/protection/protect.js';
import { type Line, latin1, talk } from './helpers.js';

export const KEY = new Uint8Array(16).fill(7);

type Step = Line | { data: Segment[] };

/** A session; its lines, and the data connections between them, in their order. */
export class PskSession {
  readonly ends: [string, string];
  readonly #client: SecurityContext;
  readonly #server: SecurityContext;
  readonly #steps: Step[];

  private constructor(ends: [string, string], contexts: [SecurityContext, SecurityContext], opening: Line[]) {
    this.ends = ends;
    [this.#client, this.#server] = contexts;
    this.#steps = opening;
  }

  /** @param before  what is said before the greeting */
  static async begin(client: string, key = KEY, before: Line[] = []): Promise<PskSession> {
    const [initiator, acceptor] = [pskInitiator({ key }), pskAcceptor({ key })];
    const adat = (token?: Uint8Array) => Buffer.from(token!).toString('base64');
    const first = await initiator.step();
    const answer = await acceptor.step(first.token);
    const last = await initiator.step(answer.token);
    const server = (await acceptor.step(last.token)).context!;
    const opening = [
      ...before,
      ...[said(1, '220 Ready'), said(0, 'AUTH X-PSK'), said(1, '334 Go on'), said(0, `ADAT ${adat(first.token)}`)],
      ...[said(1, `335 ADAT=${adat(answer.token)}`), said(0, `ADAT ${adat(last.token)}`), said(1, '235 Done')],
    ];
    const session = new PskSession([client, '192.0.2.2:21'], [last.context!, server], opening);
    return session.asks('USER anna', '232 Welcome').asks('PBSZ 10000', '200 Done').asks('PROT P', '200 Done');
  }

  /** A command and its replies. */
  asks(command: string, ...replies: string[]): this {
    this.#steps.push({ from: 0, text: latin1(protectCommand(this.#client, 'private', Buffer.from(`${command}\r\n`))) });
    return this.replies(...replies);
  }

  replies(...replies: string[]): this {
    for (const text of replies)
      this.#steps.push({ from: 1, text: latin1(protectReply(this.#server, 'private', Buffer.from(text))) });
    return this;
  }

  /** A data connection with blocks. @param from  the end that sends; @param by  its side */
  sends(ends: [string, string], from: 0 | 1, texts: string[], by: Peer = 'server'): this {
    this.#steps.push({ data: talk(this.blocks(from, texts, by), { ends }) });
    return this;
  }

  /** Blocks that may be sent, or not. */
  blocks(from: 0 | 1, texts: string[], by: Peer = 'server'): Line[] {
    const context = by === 'server' ? this.#server : this.#client;
    const tokens = texts.map(text => context.wrap(Buffer.from(text), 'private').token);
    return tokens.map(token => ({ from, text: latin1(concat(u32be(token.length), token)) }));
  }

  /** A line in the clear, or a data connection. */
  adds(...steps: Step[]): this {
    this.#steps.push(...steps);
    return this;
  }

  /** A whole transfer after EPSV. */
  retrieves(name: string, ends: [string, string]): this {
    const port = ends[1].split(':')[1];
    this.asks('EPSV', `229 Extended (|||${port}|)`).asks(`RETR ${name}`, '150 Go');
    return this.sends(ends, 1, [`text of ${name}`, '']).replies('226 Done');
  }

  /** The packets in parts: before the first line, and with each step. */
  get parts(): Segment[][] {
    const lines = this.#steps.filter((it): it is Line => 'text' in it);
    const segments = talk(lines, { ends: this.ends });
    const parts = [segments.splice(0, 3)];
    for (const step of this.#steps) parts.push('text' in step ? segments.splice(0, 2) : step.data);
    return [...parts, segments];
  }
}

export function said(from: 0 | 1, text: string): Line {
  return { from, text: `${text}\r\n` };
}
