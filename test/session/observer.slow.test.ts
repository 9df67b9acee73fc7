/** What an observer does with many lines at once, or that wait for a reply. */
import { describe, expect, it } from 'vitest';
import { Observer } from '../../src/session/observer.js';
import { growth, LINEAR } from '../ftp/readers.js';
import { ascii } from '../helpers.js';
import { base64, EXCHANGE, mic, observe, reply, token } from './observed-lines.js';

describe('work is linear', () => {
  const many = (line: string, count: number) => Array<string>(count).fill(line);

  it.each([
    ['C> NOOP', 'S> 334 a'],
    [`C> ADAT ${base64('open')}`, 'S> 235 a'],
  ])('for a client that never waits, and a server that answers late: %s, %s', (command, answer) => {
    const work = (count: number) => void observe([...many(command, count), ...many(answer, count)]);
    expect(growth(work, 1000)).toBeLessThan(LINEAR);
  });

  it('for a protected reply of 200,000 lines, which no call could take as arguments', () => {
    const lines = Array.from({ length: 200_000 }, (_, n) => `631-${token('safe', n + 1, 'x\r\n')}`);
    const { replies } = observe([
      ...[...EXCHANGE, mic(0, 'STAT'), `S> 631-${token('safe', 0, '211-a\r\n')}`],
      ...lines.map(line => `S> ${line}`),
      reply(200_001, '211 b'),
    ]);
    expect(replies.at(-1)?.messages).toHaveLength(200_002);
  });

  it('for many lines at once', () => {
    const work = (lines: number) => {
      const observer = new Observer({ mechanisms: [] });
      observer.push('server', ascii('220 a\r\n'.repeat(lines)));
      let count = 0;
      while (observer.next() !== undefined) count++;
      expect(count).toBe(2 * lines);
    };
    expect(growth(work, 5000)).toBeLessThan(LINEAR);
  });
});
