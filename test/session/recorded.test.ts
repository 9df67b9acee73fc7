/** What real clients and servers said, said to our sessions: each as if it had the keys of the other side. */
import { describe, expect, it } from 'vitest';
import { fromHex, fromUtf8, toUtf8 } from '../../src/bytes.js';
import { FtpSecurityError } from '../../src/errors.js';
import { parseCommand } from '../../src/ftp/command.js';
import { parseReply } from '../../src/ftp/reply.js';
import { Deviations } from '../../src/protection/deviations.js';
import type { ObservedStep, Step } from '../../src/protection/mechanism.js';
import { parseInnerCommand } from '../../src/protection/protect.js';
import { parseAdatCommand, parseAdatReply } from '../../src/protection/security-data.js';
import { ClientSession } from '../../src/session/client.js';
import { ServerSession } from '../../src/session/server.js';
import { CAPTURES, type Recorded, type RecordedLine, recorded } from './recorded.js';

const RECORDED = CAPTURES.flatMap(recorded);

interface Outcome {
  /** Commands or replies that were understood, and those that the observer understood. */
  understood: string[];
  expected: string[];
  refused: string[];
  expectedRefused: string[];
}

/** The server's next ADAT= behind a line. */
function answerBehind(lines: readonly RecordedLine[], at: number): Uint8Array | undefined {
  const behind = lines.slice(at + 1).filter(({ from }) => from === 'server');
  let text = '';
  for (const { raw } of behind) {
    text += fromUtf8(raw);
    try {
      const reply = parseReply(toUtf8(text));
      return [235, 335].includes(reply.code) ? (parseAdatReply(reply).token ?? new Uint8Array()) : undefined;
    } catch {
      // It goes on in the next line.
    }
  }
  return undefined;
}

function throughServer({ lines, mechanism, observer }: Recorded): Outcome {
  const outcome: Outcome = { understood: [], expected: [], refused: [], expectedRefused: [] };
  const server = new ServerSession({ mechanisms: [{ name: mechanism }], ccc: 'allowed', allowWeak: true });
  let watch = observer();
  for (const [at, { from, raw, message }] of lines.entries()) {
    if (from !== 'client') continue;
    server.receive(raw);
    if (message.sequence === 'late') outcome.expectedRefused.push('security/out-of-sequence');
    else if (message.level !== 'clear' && message.verdict === 'verified' && message.error === null) {
      outcome.expected.push(textOf(message.plain_hex!));
    } else if (message.level !== 'clear') outcome.expectedRefused.push(message.error?.code ?? message.verdict);
    for (let event = server.next(); event !== undefined; event = server.next()) {
      if (event.type === 'auth') {
        if (message.level !== 'clear') outcome.understood.push(`AUTH ${event.mechanism}`);
        watch = observer();
        // The recorded servers refuse a second AUTH.
        if (event.again) server.refuse(new FtpSecurityError('security/no-key', 'none'));
        else server.proceed({});
      } else if (event.type === 'security-data') {
        try {
          let observed = watch.observe('client', event.token);
          const token = answerBehind(lines, at);
          if (token !== undefined && token.length > 0) observed = watch.observe('server', token);
          if (token === undefined || observed.fromClient === undefined)
            throw new FtpSecurityError('security/no-key', 'none');
          server.proceed({ token, context: observed.fromClient, facts: observed.facts });
        } catch (error) {
          server.refuse(error as FtpSecurityError);
        }
      } else if (event.type === 'command') {
        if (event.level !== 'clear') outcome.understood.push(fromUtf8(event.command.raw).replace(/\r\n$/, ''));
        server.reply(event.command.verb === 'REIN' ? 502 : 200, 'ok');
      } else if (event.command !== undefined && message.level !== 'clear') {
        outcome.understood.push(fromUtf8(event.command.raw).replace(/\r\n$/, ''));
      } else if (message.level !== 'clear') outcome.refused.push(event.error!.code);
    }
  }
  return outcome;
}

function textOf(hex: string): string {
  return fromUtf8(parseInnerCommand(fromHex(hex), new Deviations({})).raw).replace(/\r\n$/, '');
}

describe('a server session understands every recorded client', () => {
  it.each(RECORDED.map((it, index) => [`${it.name} ${index}`, it] as const))('%s', (_, it) => {
    const { understood, expected, refused, expectedRefused } = throughServer(it);
    expect(understood).toEqual(expected);
    expect(refused).toEqual(expectedRefused);
  });
});

interface Heard {
  replies: string[];
  /** The line that closed it, and why. */
  closed?: { code: string; message: RecordedLine['message'] };
  /** From here on the recorded client does what ours does not. */
  left?: string;
}

function throughClient({ lines, observer }: Recorded): Heard {
  const replies: string[] = [];
  // Some have refused commands by 533 and 535, and gone on.
  const client = new ClientSession({ allowWeak: true, allowClearPassword: true, allowInsertedLines: true });
  const watch = observer();
  for (const { from, raw, message } of lines) {
    if (from === 'client') {
      const token = message.wire === 'ADAT' ? attempt(() => parseAdatCommand(parseCommand(raw)).token) : undefined;
      if (client.phase === 'secured' && fromUtf8(raw).startsWith('AUTH')) return { replies, left: 'AUTH in the clear' };
      if (client.paused && token === undefined) client.abandon();
      if (client.paused) client.proceed({ token: token!, ...seen(attempt(() => watch.observe('client', token!))) });
      else say(client, raw, message);
      continue;
    }
    client.receive(raw);
    try {
      for (let event = client.next(); event !== undefined; event = client.next()) {
        if (event.type === 'reply' || !event.complete) {
          replies.push(`${event.reply.code} ${event.reply.lines.join('|')}`);
          continue;
        }
        const step = seen(attempt(() => watch.observe('server', event.token ?? new Uint8Array())));
        if (step.context === undefined) return { replies, left: 'an exchange whose key is not there' };
        client.proceed(step);
      }
    } catch (error) {
      if (!(error instanceof FtpSecurityError)) throw error;
      return { replies, closed: { code: error.code, message } };
    }
  }
  return { replies };
}

function seen({ fromServer: context, facts = {} }: Partial<ObservedStep> = {}): Step {
  return context === undefined ? { facts } : { context, facts };
}

/** What our client would not say has a command in its place, so that its reply finds one. */
function say(client: ClientSession, raw: Uint8Array, { level, plain_hex }: RecordedLine['message']): void {
  try {
    client.send(level === 'clear' ? raw : toUtf8(textOf(plain_hex!)), level);
  } catch {
    client.send(toUtf8('NOOP'));
  }
}

function attempt<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch {
    return undefined;
  }
}

describe('a client session understands every recorded server', () => {
  const heard = { total: 0, closed: 0 };

  it.each(RECORDED.map((it, index) => [`${it.name} ${index}`, it] as const))('%s', (_, it) => {
    const { replies, closed, left } = throughClient(it);
    expect(replies).toEqual(it.replies.slice(0, replies.length));
    if (closed !== undefined) {
      const { error, sequence } = closed.message;
      expect(closed.code).toBe(sequence === 'late' ? 'security/out-of-sequence' : error?.code);
    } else if (left === undefined) expect(replies).toHaveLength(it.replies.length);
    heard.total += replies.length;
    heard.closed += closed === undefined ? 0 : 1;
  });

  it('and there are many of them', () => {
    expect(heard.total).toBeGreaterThan(1000);
    expect(heard.closed).toBeLessThan(20);
  });
});
