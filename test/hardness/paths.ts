/** Every mechanism, and every place of ours at which a token of a peer arrives, as tables. */
import { toHex, toUtf8 } from '../../src/bytes.js';
import { verifyRecording } from '../../src/capture/index.js';
import type { ErrorCode } from '../../src/errors.js';
import { formatReply } from '../../src/ftp/reply.js';
import { ENCTYPES } from '../../src/mechanisms/krb5/crypto/enctypes.js';
import type { Peer, SecurityContext } from '../../src/protection/mechanism.js';
import { protectCommand, protectReply } from '../../src/protection/protect.js';
import { encodeProtectedCommand } from '../../src/protection/protected-command.js';
import { encodeProtectedReply } from '../../src/protection/protected-reply.js';
import type { TokenLevel } from '../../src/protection/protection-level.js';
import { ClientSession } from '../../src/session/client.js';
import type { ClientSessionOptions, ServerSessionOptions } from '../../src/session/events.js';
import { Observer } from '../../src/session/observer.js';
import { ServerSession } from '../../src/session/server.js';
import { latin1, pcapOf, talk } from '../capture/helpers.js';
import { mechanismWith, onlyRefuses } from '../helpers.js';
import { PROTOCOLS, pairOf } from '../mechanisms/gsi/pairs.js';
import { contextPair } from '../mechanisms/krb5/tokens.js';
import { MECHANISMS } from '../session/mechanisms.js';
import { type Contexts, pskContexts } from '../session/pair.js';

/** The format of the tokens. */
export type Format = 'rfc4121' | 'rfc1964' | 'psk' | 'krb4' | 'tls';

export interface Row {
  name: string;
  format: Format;
  /** Of Kerberos V5. */
  enctype?: number;
  /** Levels whose tokens have integrity. */
  levels: readonly TokenLevel[];
  contexts(): Contexts;
}

/** One TLS suite for each version and kind of record. */
const TLS = PROTOCOLS.filter(
  ({ version, suite, encryptThenMac }, i) =>
    i ===
    PROTOCOLS.findIndex(
      it => it.version === version && it.suite.kind === suite.kind && it.encryptThenMac === encryptThenMac,
    ),
);

export const ROWS: readonly Row[] = [
  ...ENCTYPES.map(
    ({ number, name, tokens }): Row => ({
      name,
      format: tokens,
      enctype: number,
      levels: ['safe', 'private'],
      contexts: () => contextPair(number),
    }),
  ),
  { name: 'X-PSK', format: 'psk', levels: ['safe', 'private'], contexts: pskContexts },
  {
    name: 'KERBEROS_V4',
    format: 'krb4',
    levels: ['safe', 'private'],
    contexts: MECHANISMS.find(({ name }) => name === 'KERBEROS_V4')!.contexts,
  },
  ...TLS.map(
    (protocol): Row => ({
      name: `GSI ${protocol.name}`,
      format: 'tls',
      levels: [protocol.suite.kind === 'NULL' ? 'safe' : 'private'],
      contexts: () => pairOf(protocol),
    }),
  ),
];

/** What came out of a line: each text that was given out, and the first error. */
export interface Outcome {
  texts: string[];
  error: ErrorCode | undefined;
  /** All that is said about the error. */
  message: string;
  /** The levels that the texts are reported to have had. */
  levels: string[];
  tolerated: string[];
}

/** A place where a token of a peer arrives. */
export interface Path {
  name: string;
  /** Who has sent it. */
  from: Peer;
  /** What becomes of octets that come after the exchange. */
  read(contexts: Contexts, octets: Uint8Array): Outcome;
}

/** The text inside the lines. No error may repeat it. */
export const SECRET = 'secret-7f3a';
const MECHANISM = 'X-TEST';
const HELLO = 'aGVsbG8=';

export const PATHS: readonly Path[] = [
  { name: 'client', from: 'server', read: readByClient },
  { name: 'server', from: 'client', read: readByServer },
  { name: 'observer of replies', from: 'server', read: (contexts, line) => readByObserver(contexts, 'server', line) },
  { name: 'observer of commands', from: 'client', read: (contexts, line) => readByObserver(contexts, 'client', line) },
  { name: 'capture of replies', from: 'server', read: (contexts, line) => readFromCapture(contexts, 'server', line) },
  { name: 'capture of commands', from: 'client', read: (contexts, line) => readFromCapture(contexts, 'client', line) },
];

/** The side that sends, and the side that opens what it sends. */
export function sidesOf({ initiator, acceptor }: Contexts, from: Peer): Record<'sender' | 'opener', SecurityContext> {
  return from === 'client' ? { sender: initiator, opener: acceptor } : { sender: acceptor, opener: initiator };
}

/** The text in a line of {@link lineOf}, with more octets at its end. */
export function plaintextOf(from: Peer, more = 0): Uint8Array {
  const text = `${SECRET}${'x'.repeat(more)}`;
  return from === 'client' ? toUtf8(`SITE ${text}\r\n`) : formatReply(200, text);
}

/** A protected line with {@link SECRET} in it. */
export function lineOf(contexts: Contexts, from: Peer, level: TokenLevel): Uint8Array {
  const { sender } = sidesOf(contexts, from);
  return from === 'client'
    ? protectCommand(sender, level, plaintextOf(from))
    : protectReply(sender, level, plaintextOf(from));
}

/** A line around a token of the test. */
export function lineAround(from: Peer, level: TokenLevel, token: Uint8Array): Uint8Array {
  return from === 'client'
    ? encodeProtectedCommand({ level, token })
    : encodeProtectedReply({ level, tokens: [token] });
}

/** A client whose exchange is complete, and that has sent a command. */
export function securedClient(context: SecurityContext, options: ClientSessionOptions = {}): ClientSession {
  const client = new ClientSession(options);
  client.send(toUtf8(`AUTH ${MECHANISM}`));
  client.receive(toUtf8('334 go on\r\n'));
  client.next();
  client.proceed({ token: toUtf8('hello'), context });
  client.receive(toUtf8('235 done\r\n'));
  client.next();
  client.send(toUtf8('SITE HELP'));
  return client;
}

/** A server whose exchange is complete. */
export function securedServer(context: SecurityContext, options: Partial<ServerSessionOptions> = {}): ServerSession {
  const server = new ServerSession({ mechanisms: [{ name: MECHANISM }], ...options });
  server.receive(toUtf8(`AUTH ${MECHANISM}\r\nADAT ${HELLO}\r\n`));
  server.next();
  server.proceed({});
  server.next();
  server.proceed({ context });
  return server;
}

/** A mechanism whose observer has these contexts. */
export function observed({ initiator, acceptor }: Contexts) {
  const observe = () => ({ facts: {}, fromClient: acceptor, fromServer: initiator });
  return mechanismWith(MECHANISM, { observer: () => ({ observe }) });
}

function readByClient({ initiator }: Contexts, octets: Uint8Array): Outcome {
  const outcome = nothing();
  const client = securedClient(initiator);
  client.receive(octets);
  catching(outcome, () => {
    for (let event = client.next(); event !== undefined; event = client.next()) {
      if (event.type !== 'reply') throw new Error('no exchange is under way');
      add(outcome, latin1(event.reply.raw), event.level, event.tolerated);
    }
  });
  return outcome;
}

function readByServer({ acceptor }: Contexts, octets: Uint8Array): Outcome {
  const outcome = nothing();
  const server = securedServer(acceptor);
  server.receive(octets);
  for (let event = server.next(); event !== undefined; event = server.next()) {
    if (event.type === 'answered' && event.error !== undefined) {
      outcome.error ??= event.error.code;
      outcome.message += event.error.message + latin1(event.octets);
    } else if (event.type === 'command') {
      add(outcome, latin1(event.command.raw), event.level, event.tolerated);
      server.reply(200, 'ok');
    } else {
      throw new Error(`unexpected event: ${event.type}`);
    }
    if (event.type === 'answered' && event.ends) break;
  }
  return outcome;
}

/** The lines of an exchange. */
const EXCHANGE: readonly [from: Peer, line: string][] = [
  ['server', '220 ready'],
  ['client', `AUTH ${MECHANISM}`],
  ['server', '334 go on'],
  ['client', `ADAT ${HELLO}`],
  ['server', '235 done'],
];

function readByObserver(contexts: Contexts, from: Peer, octets: Uint8Array): Outcome {
  const outcome = nothing();
  const observer = new Observer({ mechanisms: [observed(contexts)] });
  for (const [who, line] of EXCHANGE) observer.push(who, toUtf8(`${line}\r\n`));
  // A reply needs a command, whose token is not opened.
  observer.push(from, octets);
  for (let seen = observer.next(); seen !== undefined; seen = observer.next()) {
    if (seen.type === 'exchange') continue;
    if (seen.type === 'reply') {
      if (seen.messages[0]! > EXCHANGE.length) outcome.texts.push(latin1(seen.reply.raw));
    } else if (seen.index > EXCHANGE.length) {
      addMessage(outcome, seen.plaintext && latin1(seen.plaintext), seen);
    }
  }
  return outcome;
}

function readFromCapture(contexts: Contexts, from: Peer, octets: Uint8Array): Outcome {
  const outcome = nothing();
  const spoken = EXCHANGE.map(([who, line]) => ({ from: who === 'client' ? 0 : 1, text: `${line}\r\n` }) as const);
  const last = { from: from === 'client' ? 0 : 1, text: latin1(octets) } as const;
  const recording = pcapOf(talk([...spoken, last], { close: 'open' }));
  const { records } = verifyRecording(recording, { mechanisms: [observed(contexts)] });
  for (const record of records) {
    if (record.type === 'reply' && record.messages[0]! > EXCHANGE.length) outcome.texts.push(record.lines.join());
    if (record.type !== 'message' || record.index <= EXCHANGE.length) continue;
    const { plain_hex } = record;
    addMessage(outcome, plain_hex === null ? undefined : Buffer.from(plain_hex, 'hex').toString('latin1'), record);
  }
  return outcome;
}

interface Seen {
  verdict: string;
  applied: string | null | undefined;
  error: { code: string; message: string } | null | undefined;
  tolerated: readonly string[];
}

/** A line of a recording: its error comes beside its text, and a text whose line is in error counts as refused. */
function addMessage(outcome: Outcome, text: string | undefined, { verdict, applied, error, tolerated }: Seen): void {
  if (error) {
    outcome.error ??= error.code as ErrorCode;
    outcome.message += error.message;
  } else if (verdict === 'verified' && text !== undefined) {
    add(outcome, text, applied!, tolerated);
  } else if (verdict !== 'failed') {
    throw new Error(`a line without an error that is ${verdict}`);
  }
  if (verdict === 'failed' && text !== undefined) throw new Error('a text whose token failed');
}

function add(outcome: Outcome, text: string, level: string, tolerated: readonly string[]): void {
  outcome.texts.push(text);
  outcome.levels.push(level);
  outcome.tolerated.push(...tolerated);
}

function nothing(): Outcome {
  return { texts: [], error: undefined, message: '', levels: [], tolerated: [] };
}

function catching(outcome: Outcome, run: () => void): void {
  let done = false;
  let thrown: unknown;
  onlyRefuses(() => {
    try {
      run();
      done = true;
    } catch (error) {
      thrown = error;
      throw error;
    }
  });
  if (done) return;
  const { code, message } = thrown as { code: ErrorCode; message: string };
  outcome.error = code;
  outcome.message = message;
}

/** For titles and messages. */
export function shown(octets: Uint8Array): string {
  return octets.length > 80 ? `${toHex(octets.subarray(0, 80))}…` : toHex(octets);
}
