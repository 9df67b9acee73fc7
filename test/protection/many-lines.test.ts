import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { InnerReplies } from '../../src/protection/inner-reply.js';
import { encodeProtectedReply } from '../../src/protection/protected-reply.js';
import { ascii } from '../helpers.js';

const MANY = 200_000;

describe('as many lines as a peer likes', () => {
  it('in one inner reply over many outer ones', () => {
    const replies = new InnerReplies();
    replies.push([ascii('211-a\r\n')]);
    const before = memory();
    for (let i = 0; i < MANY; i++) replies.push([Uint8Array.of(0x0d, 0x0a)]);
    // maxReply limits the octets of the text; an object for each line would take a hundred times as many.
    expect((memory() - before) / MANY).toBeLessThan(16);
    expect(replies.push([ascii('211 b')])?.reply.lines).toHaveLength(MANY + 2);
  });

  it('in one outer reply', () => {
    const tokens = Array.from({ length: MANY }, () => ascii('\r\n'));
    const inner = new InnerReplies().push([ascii('211-a\r\n'), ...tokens, ascii('211 b')]);
    expect(inner?.reply.lines).toHaveLength(MANY + 2);
    expect(encodeProtectedReply({ level: 'safe', tokens })).toHaveLength(MANY * '631 DQo=\r\n'.length);
  });
});

/** What is held now, in octets. */
function memory(): number {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}
