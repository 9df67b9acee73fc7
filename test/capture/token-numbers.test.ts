/** Lines whose gaps are explained by blocks that were made before them, but sent after them. */
import { expect, test } from 'vitest';
import { TokenNumbers, type TransferStart } from '../../src/capture/token-numbers.js';
import { FtpSecurityError } from '../../src/errors.js';
import type { Peer } from '../../src/protection/mechanism.js';
import type { ObservedMessage } from '../../src/session/events.js';

function lineOf(from: Peer, place: bigint, isRefused = false): ObservedMessage {
  const error = isRefused ? new FtpSecurityError('security/out-of-sequence', 'a line is missing') : undefined;
  const line = { from, place, level: 'safe', applied: 'safe', sequence: isRefused ? 'gap' : 'ok', error };
  return line as ObservedMessage;
}

/** A line that lacks the numbers 2 and 3 before it, and then a transfer whose blocks have these numbers. */
function transferAfterGap(from: Peer, places: bigint[]) {
  const numbers = new TokenNumbers();
  const start: TransferStart = { after: undefined, isExact: false, begun: false, answered: false, blocks: undefined };
  const late = lineOf(from, 4n, true);
  numbers.line(lineOf(from, 1n));
  numbers.line(late);
  numbers.line(lineOf(from, 5n));
  const wasOpen = numbers.isOpen(late);
  numbers.begin(from, start);
  const blocks = numbers.blocks(from, start, { fromStart: true, isCertain: true });
  for (const place of places) blocks.add(place);
  blocks.end(true);
  return { numbers, late, blocks, wasOpen };
}

test('a client may make its blocks before its commands: the blocks are an error, but no line is missing', () => {
  const { numbers, late, blocks, wasOpen } = transferAfterGap('client', [2n, 3n]);
  expect([wasOpen, numbers.isOpen(late)]).toEqual([true, false]);
  expect([late.sequence, late.error]).toEqual(['ok', undefined]);
  expect(blocks.error?.code).toBe('security/out-of-sequence');
});

test('a line stays an error if blocks have only some of the numbers', () => {
  const { numbers, late } = transferAfterGap('client', [3n]);
  expect(numbers.isOpen(late)).toBe(true);
  numbers.end();
  expect(numbers.isOpen(late)).toBe(false);
  expect([late.sequence, late.error?.code]).toEqual(['gap', 'security/out-of-sequence']);
});

test('a line stays an error if another line, which comes late, has one of the numbers', () => {
  const { numbers, late } = transferAfterGap('client', [3n]);
  numbers.line(lineOf('client', 2n, true));
  expect(numbers.isOpen(late)).toBe(false);
  expect([late.sequence, late.error?.code]).toEqual(['gap', 'security/out-of-sequence']);
});

test('a line of a server stays an error, since the line that begins the transfer could be its first block', () => {
  const { numbers, late, wasOpen } = transferAfterGap('server', [2n, 3n]);
  expect([wasOpen, numbers.isOpen(late)]).toEqual([false, false]);
  expect([late.sequence, late.error?.code]).toEqual(['gap', 'security/out-of-sequence']);
});

test.each([
  ['client', false, undefined],
  ['client', true, 'security/out-of-sequence'],
  ['server', false, 'security/out-of-sequence'],
] as const)('a gap after the blocks of a %s, which were captured to the last one: %s', (from, isComplete, code) => {
  const numbers = new TokenNumbers();
  const start: TransferStart = { after: undefined, isExact: false, begun: false, answered: false, blocks: undefined };
  numbers.line(lineOf(from, 1n));
  numbers.begin(from, start);
  const blocks = numbers.blocks(from, start, { fromStart: true, isCertain: true });
  blocks.add(2n);
  blocks.end(isComplete);
  const line = lineOf(from, 4n, true);
  numbers.line(line);
  expect(numbers.isOpen(line)).toBe(false);
  expect([line.sequence, line.error?.code]).toEqual(['gap', code]);
});
