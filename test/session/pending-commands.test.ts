/** The queue of commands that wait for a reply: which one a reply answers, and what is removed then. */
import { describe, expect, it } from 'vitest';
import { PendingCommands } from '../../src/session/pending-commands.js';
import type { PendingCommand } from '../../src/session/rules.js';

/** A queue with these verbs; a transfer with `!` has begun. */
function queueOf(...verbs: string[]) {
  const queue = new PendingCommands<PendingCommand>();
  for (const verb of verbs) queue.add({ verb: verb.replace('!', ''), level: 'safe', begun: verb.endsWith('!') });
  return queue;
}
const left = (queue: PendingCommands<PendingCommand>) => [...queue.all].map(({ verb }) => verb);

/** What a reply answers, and which commands wait after it. */
function answering(code: number | undefined, ...verbs: string[]): [string | undefined, ...string[]] {
  const queue = queueOf(...verbs);
  const expected = queue.commandFor(code);
  const answered = queue.takeReply(code);
  if (answered !== undefined && ![334, 335, 235].includes(code!)) expect(answered).toBe(expected);
  return [answered?.verb, ...left(queue)];
}

describe('a reply', () => {
  it('answers the oldest command, which waits no more', () => {
    expect(answering(200, 'NOOP', 'PWD')).toEqual(['NOOP', 'PWD']);
    expect(answering(500, 'NOOP', 'PWD')).toEqual(['NOOP', 'PWD']);
    expect(answering(undefined, 'NOOP', 'PWD')).toEqual(['NOOP', 'PWD']);
    expect(answering(200)).toEqual([undefined]);
    expect(answering(undefined)).toEqual([undefined]);
  });

  it('that is preliminary leaves it there', () => {
    expect(answering(100, 'RETR', 'PWD')).toEqual([undefined, 'RETR', 'PWD']);
    expect(answering(199, 'RETR', 'PWD')).toEqual([undefined, 'RETR', 'PWD']);
    expect(queueOf('RETR', 'PWD').commandFor(150)?.verb).toBe('RETR');
  });

  it('with a code of STAT answers it during a transfer, and no other command there', () => {
    expect(answering(211, 'RETR!', 'NOOP', 'STAT')).toEqual(['STAT', 'RETR', 'NOOP']);
    expect(answering(226, 'RETR!', 'STAT')).toEqual(['RETR', 'STAT']);
    expect(answering(200, 'RETR!', 'NOOP')).toEqual(['RETR', 'NOOP']);
    expect(answering(211, 'RETR', 'STAT')).toEqual(['RETR', 'STAT']);
    expect(answering(211, 'NOOP!', 'STAT')).toEqual(['NOOP', 'STAT']);
    expect(answering(undefined, 'RETR!', 'STAT')).toEqual(['RETR', 'STAT']);
  });

  it('that refuses answers the transfer, though STAT may be refused with it too', () => {
    expect(answering(450, 'RETR!', 'STAT')).toEqual(['RETR', 'STAT']);
    expect(answering(300, 'RETR!', 'STAT')).toEqual(['RETR', 'STAT']);
  });

  it('to AUTH or ADAT answers the first of these, and whatever waits before it', () => {
    expect(answering(334, 'NOOP', 'AUTH', 'AUTH')).toEqual(['AUTH', 'AUTH']);
    expect(answering(335, 'NOOP', 'PWD', 'ADAT', 'QUIT')).toEqual(['ADAT', 'QUIT']);
    expect(answering(235, 'ADAT')).toEqual(['ADAT']);
    expect(answering(235, 'NOOP', 'PWD')).toEqual([undefined, 'NOOP', 'PWD']);
    expect(answering(334)).toEqual([undefined]);
  });
});

describe('nothing may follow', () => {
  it('a command whose reply decides how the next line is protected, until it waits no more', () => {
    const queue = queueOf('NOOP', 'AUTH');
    expect(queue.blocked).toBe(true);
    queue.drop();
    expect([queue.blocked, left(queue)]).toEqual([true, ['AUTH']]);
    queue.drop();
    expect([queue.blocked, queue.size, queue.oldest]).toEqual([false, 0, undefined]);
    expect(queueOf('AUTH', 'NOOP').blocked).toBe(false);
    const cleared = queueOf('AUTH');
    cleared.clear();
    expect([cleared.blocked, cleared.size]).toEqual([false, 0]);
  });
});
