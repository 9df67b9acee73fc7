/** Data connections beside the control connection, which has the same keys and numbers. */
import { describe, expect, it } from 'vitest';
import { concat, toUtf8, viewOf } from '../../src/bytes.js';
import { encodeProtectedReply } from '../../src/protection/protected-reply.js';
import { expectCode } from '../helpers.js';
import { type Pair, pskContexts, secured } from './pair.js';

describe('a transfer', () => {
  /** A pair at PROT P or E. */
  const atLevel = (prot: string): Pair => {
    const pair = secured();
    pair.settle('PBSZ 4096');
    pair.settle(`PROT ${prot}`);
    return pair;
  };

  it.each(['reader before 1yz', 'reader after 1yz'])(
    '%s: a block that is sent as a reply is missed by the reader',
    order => {
      for (const text of ['226 Done', '150 Soon']) {
        const pair = atLevel('P');
        const event = pair.command('RETR a');
        const early = order === 'reader before 1yz' ? pair.client.dataReader() : undefined;
        pair.reply(pair.server.reply(150, 'Here it comes', event));
        const reader = early ?? pair.client.dataReader();
        const writer = pair.server.dataWriter();
        const [block, rest] = [writer.write(toUtf8(text)), writer.end()];
        expect(block).toHaveLength(0);
        const first = 4 + viewOf(rest).getUint32(0);
        const forged = pair.toClient(encodeProtectedReply({ level: 'private', tokens: [rest.subarray(4, first)] }));
        expect(forged).toMatchObject({ type: 'reply', command: { verb: 'RETR' } });
        reader.push(rest.subarray(first));
        expectCode(() => reader.next(), 'security/out-of-sequence');
      }
    },
  );

  it('begins after the first 1yz, even if other replies came since the reader was made', () => {
    const pair = atLevel('P');
    const reader = pair.client.dataReader();
    pair.reply(pair.server.reply(350, 'From 0', pair.command('REST 0')));
    const event = pair.command('RETR a');
    pair.reply(pair.server.reply(150, 'Here it comes', event));
    reader.push(pair.server.dataWriter().end());
    expect([reader.next(), reader.ended]).toEqual([undefined, true]);
  });

  it('may get its reader before its command, also behind another transfer', () => {
    const pair = atLevel('P');
    const transfer = (reader = pair.client.dataReader()) => {
      const event = pair.command('RETR a');
      pair.reply(pair.server.reply(150, 'Here it comes', event));
      reader.push(pair.server.dataWriter().end());
      expect([reader.next(), reader.ended]).toEqual([undefined, true]);
      pair.reply(pair.server.reply(226, 'Done', event));
    };
    for (let i = 0; i < 3; i++) transfer();
  });

  it('says why a reader that was made after the final reply takes no block', () => {
    const pair = atLevel('P');
    const event = pair.command('RETR a');
    pair.reply(pair.server.reply(150, 'Here it comes', event));
    const blocks = pair.server.dataWriter().end();
    pair.reply(pair.server.reply(226, 'Done', event));
    const late = pair.client.dataReader();
    late.push(blocks);
    expect(() => late.next()).toThrow('or its reader was made after the final reply');
  });

  it('permits no gap within a reply that comes meanwhile', () => {
    for (const missing of [false, true]) {
      const contexts = pskContexts();
      const pair = secured({ contexts });
      pair.settle('PBSZ 4096');
      pair.settle('PROT P');
      pair.reply(pair.server.reply(150, 'Here it comes', pair.command('RETR a')));
      pair.command('STAT');
      const line = (text: string) => contexts.acceptor.wrap(toUtf8(text), 'safe').token;
      const first = line('211-a\r\n');
      if (missing) line('211-b\r\n');
      const reply = encodeProtectedReply({ level: 'safe', tokens: [first, line('211 c\r\n')] });
      if (missing) expectCode(() => pair.toClient(reply), 'security/out-of-sequence');
      else expect(pair.toClient(reply)).toMatchObject({ command: { verb: 'STAT' } });
    }
  });

  it('works at PROT E, whose tokens are numbered separately', () => {
    const pair = atLevel('E');
    pair.command('STOR a');
    const reader = pair.server.dataReader();
    const writer = pair.client.dataWriter();
    reader.push(concat(writer.write(toUtf8('hello')), writer.end()));
    expect([reader.next(), reader.next(), reader.ended]).toEqual([toUtf8('hello'), undefined, true]);
  });
});
