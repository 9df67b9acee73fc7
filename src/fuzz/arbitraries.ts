/**
 * `rfc2228/fuzz/arbitraries`: generators as fast-check arbitraries, for tests of other projects. Callers install
 * fast-check themselves. A context uses up sequence numbers when it makes tokens, so generators of tokens take a
 * function that makes a new context for each value.
 * @module rfc2228/fuzz/arbitraries
 */
import fc, { type Arbitrary } from 'fast-check';
import { encodeBase64 } from '../base64.js';
import { concatAll, toUtf8 } from '../bytes.js';
import { formatCommand } from '../ftp/command.js';
import { formatReply } from '../ftp/reply.js';
import { BlockWriter } from '../protection/data-block.js';
import type { Exchange, SecurityContext } from '../protection/mechanism.js';
import { protectCommand, protectReply } from '../protection/protect.js';
import type { TokenLevel } from '../protection/protection-level.js';
import { formatAuth } from '../protection/security-data.js';
import { type CaseOptions, caseOf, type FuzzCase, rulesFor, TEXTS } from './cases.js';
import { octetsFrom } from './choices.js';
import { exchangeTurns } from './mechanisms/mechanism.js';
import { lineOf } from './perform.js';

/** A text of one line: any Unicode except CR, LF and NUL. */
export function lineTexts(): Arbitrary<string> {
  return fc.string({ unit: 'grapheme' }).map(text => text.replace(/[\r\n\0]/g, ' '));
}

/** Octets of a valid reply with its line ends: code 100 to 599, one line or several. */
export function replies(): Arbitrary<Uint8Array> {
  const lines = fc.array(lineTexts(), { minLength: 1, maxLength: 6 });
  return fc.tuple(fc.integer({ min: 100, max: 599 }), lines).map(([code, text]) => formatReply(code, text));
}

/** Octets of a valid command with its line end, never MIC, CONF or ENC. */
export function commands(): Arbitrary<Uint8Array> {
  const verb = fc.oneof(fc.constantFrom(...VERBS), fc.stringMatching(/^X[A-Z0-9]{0,9}$/));
  return fc.tuple(verb, fc.option(lineTexts(), { nil: undefined })).map(([name, text]) => formatCommand(name, text));
}

const VERBS = ['USER', 'PASS', 'CWD', 'PASV', 'PORT', 'RETR', 'STOR', 'LIST', 'STAT', 'FEAT', 'NOOP', 'QUIT'];

/** A valid protected message with its inner text. */
export interface ProtectedText {
  level: TokenLevel;
  /** Octets of the inner reply or command, with its line ends. */
  text: Uint8Array;
  /** Octets of the 63z reply, or of MIC, CONF or ENC. */
  wire: Uint8Array;
}

const protectedTexts =
  (texts: () => Arbitrary<Uint8Array>, protect: typeof protectReply) =>
  (newContext: () => SecurityContext): Arbitrary<ProtectedText> =>
    fc
      .record({ level: levels(newContext()), text: texts() })
      .map(({ level, text }) => ({ level, text, wire: protect(newContext(), level, text) }));

/** 63z replies, with one token for each line. */
export const protectedReplies = protectedTexts(replies, protectReply);
/** MIC, CONF and ENC commands. */
export const protectedCommands = protectedTexts(commands, protectCommand);

/** The levels that a context supports. */
function levels(context: SecurityContext): Arbitrary<TokenLevel> {
  const all: readonly TokenLevel[] = ['safe', 'private', 'confidential'];
  return fc.constantFrom(...all.filter(level => context.supports(level)));
}

/** One token of a mechanism with its contents. */
export function tokens(
  newContext: () => SecurityContext,
): Arbitrary<{ level: TokenLevel; plaintext: Uint8Array; token: Uint8Array }> {
  return fc
    .tuple(levels(newContext()), fc.uint8Array({ maxLength: 200 }))
    .map(([level, plaintext]) => ({ level, plaintext, token: newContext().wrap(plaintext, level).token }));
}

/** All octets of a valid transfer on the data connection (RFC 2228 §6). */
export function dataTransfers(
  newContext: () => SecurityContext,
): Arbitrary<{ level: TokenLevel; bufferSize: number; file: Uint8Array; wire: Uint8Array }> {
  return fc
    .record({
      level: levels(newContext()),
      bufferSize: fc.integer({ min: 128, max: 4096 }),
      file: fc.uint8Array({ maxLength: 10_000, size: 'max' }),
    })
    .map(it => {
      const writer = new BlockWriter(newContext(), it.level, { bufferSize: it.bufferSize });
      return { ...it, wire: concatAll([writer.write(it.file), writer.end()]) };
    });
}

/** One line of a security data exchange, and its sender. */
export interface ExchangeLine {
  from: 'client' | 'server';
  line: Uint8Array;
}

/**
 * Whole exchanges between two sides of a mechanism, from AUTH to 235.
 * @param newSides  makes both sides, new ones each time. Nonces and keys must come from `random`, else the same seed
 *   gives different exchanges. Their steps must be synchronous
 */
export function adatExchanges(
  mechanism: string,
  newSides: (random: (length: number) => Uint8Array) => { initiator: Exchange; acceptor: Exchange },
): Arbitrary<ExchangeLine[]> {
  return fc.nat({ max: 0xffff_ffff }).map(seed => [
    { from: 'client', line: formatAuth(mechanism) },
    { from: 'server', line: formatReply(334, 'Security data, please') },
    ...exchangeTurns(newSides(octetsFrom(seed))).map(turn => {
      return { from: turn.to === 'server' ? 'client' : 'server', line: lineOf(turn) } as const;
    }),
  ]);
}

/** The same octets split into chunks, some of them empty. */
export function chunkings(octets: Uint8Array): Arbitrary<Uint8Array[]> {
  return fc.array(fc.nat({ max: octets.length }), { maxLength: 12 }).map(cuts => {
    const ends = [...cuts, octets.length].sort((a, b) => a - b);
    return ends.map((end, i) => octets.subarray(ends[i - 1] ?? 0, end));
  });
}

/** Valid and invalid base 64, as octets of a line. */
export function base64Texts(): Arbitrary<Uint8Array> {
  const valid = fc.uint8Array({ maxLength: 60 }).map(encodeBase64);
  const alike = fc.stringMatching(/^[A-Za-z0-9+/=_ -]{0,60}$/).map(toUtf8);
  return fc.oneof(valid, alike);
}

/**
 * Cases of the fuzzer. They shrink towards the first mutation, its simplest variant and the shortest list of choices.
 * @throws RangeError if these layers have no case for that peer
 */
export function fuzzCaseArbitrary(options: Omit<CaseOptions, 'seed' | 'variants'> = {}): Arbitrary<FuzzCase> {
  const rules = rulesFor(options);
  if (rules.length === 0) throw new RangeError('these layers have no case for that peer');
  const levels = options.level === undefined ? (['safe', 'private'] as const) : [options.level];
  return fc
    .record({
      row: fc.constantFrom(...rules),
      choices: fc.array(fc.nat({ max: 0xffff_ffff }), { maxLength: 6 }),
      level: fc.constantFrom<TokenLevel>(...levels),
      text: fc.nat({ max: TEXTS.client.length - 1 }),
    })
    .map(({ row: { rule, peer }, text, choices, level }) =>
      caseOf(rule, { to: peer, text: TEXTS[peer][text]!, level, choices: rule.layer === 'phases' ? [] : choices }),
    );
}
