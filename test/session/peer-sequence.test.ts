/** Which missing numbers the transfers of a side account for, and which block may be the first of a transfer. */
import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { concatAll } from '../../src/bytes.js';
import type { BlockReader } from '../../src/protection/data-block.js';
import type { SecurityContext } from '../../src/protection/mechanism.js';
import type { TokenLevel } from '../../src/protection/protection-level.js';
import { controlContext, PeerSequence, type SequencedReaderOptions } from '../../src/session/peer-sequence.js';
import { errorOf } from '../helpers.js';

const MISSING = { code: 'security/out-of-sequence', message: 'a line before this one is missing' };
const MOVED = { code: 'security/out-of-sequence', message: 'a line was sent before one that has come' };
const REFUSED = 'security/out-of-sequence';

/** Its tokens are their own place and one octet of plaintext; the last block has none. */
function context(): SecurityContext {
  let last: bigint | undefined;
  return {
    unwrap(token: Uint8Array) {
      last = BigInt(token[0]!);
      return { plaintext: token.subarray(1), level: 'safe', sequence: 'ok' };
    },
    get lastReceived() {
      return last;
    },
  } as SecurityContext;
}

/** A reader that has got the blocks with these places. */
function read(
  sequence: PeerSequence,
  places: number[],
  end = false,
  options: SequencedReaderOptions = {},
): BlockReader {
  const reader = sequence.dataReader(context(), 'safe', { bufferSize: 100, ...options });
  const isLast = (index: number) => end && index === places.length - 1;
  reader.push(
    concatAll(
      places.map((place, i) => Uint8Array.from([0, 0, 0, isLast(i) ? 1 : 2, place, ...(isLast(i) ? [] : [1])])),
    ),
  );
  while (reader.next() !== undefined);
  return reader;
}

/** Behind line 7, with a transfer that has begun. */
function begun(shares: boolean): PeerSequence {
  const sequence = new PeerSequence(false);
  sequence.line(7n, true);
  sequence.begin(shares);
  return sequence;
}

it('names what is wrong with a line', () => {
  const sequence = new PeerSequence(false);
  sequence.line(7n, true);
  expect(sequence.line(9n, false)).toMatchObject(MISSING);
  expect(sequence.line(8n, true)).toMatchObject(MOVED);
  expect(sequence.line(10n, true)).toBeUndefined();
});

it('permits a gap before every line during a transfer, and none after its end', () => {
  const sequence = begun(true);
  expect([sequence.line(9n, false), sequence.line(12n, false)]).toEqual([undefined, undefined]);
  sequence.end(true, true);
  expect(sequence.line(15n, false)).toMatchObject(MISSING);
});

it('decides by the sender of the blocks when the transfer began', () => {
  const sequence = begun(false);
  sequence.end(true, false);
  expect(sequence.line(9n, false)).toMatchObject(MISSING);
});

it('assumes that a transfer which ends without having begun may have sent blocks, if they are of this side', () => {
  for (const [shares, found] of [
    [true, undefined],
    [false, MISSING],
  ] as const) {
    const sequence = new PeerSequence(false);
    sequence.line(7n, true);
    sequence.end(shares, false);
    const error = sequence.line(9n, false);
    if (found === undefined) expect(error).toBeUndefined();
    else expect(error).toMatchObject(found);
  }
});

it('accounts for no gap once the transfer before has been read to its last block', () => {
  const sequence = begun(true);
  read(sequence, [8, 9], true);
  sequence.end(true, false);
  expect(sequence.line(11n, false)).toMatchObject(MISSING);
});

it.each<[string, number[][], boolean, number[], number[]]>([
  ['no reader', [], false, [8, 30], [6]],
  ['a reader that got nothing', [[]], false, [8, 30], [6]],
  ['a reader that stopped', [[8, 9]], false, [10, 30], [8]],
  ['a reader that got the last block', [[8, 9]], true, [10], [8, 11]],
  [
    'two readers',
    [
      [8, 9, 10, 11],
      [8, 9],
    ],
    true,
    [12],
    [10, 13],
  ],
])('checks the first block after a transfer with %s against what may have come', (_, readers, end, good, bad) => {
  for (const place of [...good, ...bad]) {
    const sequence = begun(true);
    readers.forEach((places, i) => {
      read(sequence, places, end && i === 0);
    });
    sequence.end(true, false);
    const first = () => read(sequence, [place]);
    if (good.includes(place)) expect(first().lastReceived).toBe(BigInt(place));
    else expect(errorOf(first).code).toBe(REFUSED);
  }
});

it('permits a gap before a line between the blocks of a transfer that has been read to its last one', () => {
  const sequence = begun(true);
  read(sequence, [8, 12], true, { interleaved: true });
  expect(sequence.line(10n, false)).toBeUndefined();
  expect(sequence.line(14n, false)).toMatchObject(MISSING);
});

it('checks the first block of a transfer however late it is read', () => {
  for (const [place, refused] of [
    [10, false],
    [11, true],
  ] as const) {
    const sequence = begun(true);
    read(sequence, [8, 9], true);
    sequence.end(true, false);
    sequence.begin(true);
    const late = sequence.dataReader(context(), 'safe', { bufferSize: 100 });
    for (let i = 0; i < 2; i++) {
      sequence.end(true, false);
      sequence.begin(true);
    }
    late.push(Uint8Array.from([0, 0, 0, 2, place, 1]));
    if (refused) expect(errorOf(() => late.next()).code).toBe(REFUSED);
    else expect(late.next()).toBeDefined();
  }
});

it('keeps no more than the readers of the last transfers, also where no line comes between', async () => {
  const sequence = begun(true);
  const readers = Array.from({ length: 20 }, (_, i) => {
    const reader = new WeakRef(read(sequence, [8 + i]));
    sequence.end(true, false);
    sequence.begin(true);
    return reader;
  });
  setFlagsFromString('--expose-gc');
  await setImmediate(); // a WeakRef holds its value until the end of the turn
  runInNewContext('gc')();
  expect(readers.filter(reader => reader.deref() !== undefined).length).toBeLessThan(5);
});

it('expects the first block of all right after the last line', () => {
  expect(read(begun(true), [8]).lastReceived).toBe(8n);
  for (const place of [6, 9]) expect(errorOf(() => read(begun(true), [place])).code).toBe(REFUSED);
});

it('refuses a block before the line that announces the transfer, unless that line may be seen later', () => {
  const sequence = new PeerSequence(false);
  sequence.line(7n, true);
  expect(errorOf(() => read(sequence, [9], false, { announced: true })).code).toBe(REFUSED);
  expect(read(sequence, [9], false, { announced: true, unordered: true }).lastReceived).toBe(9n);
  sequence.line(8n, true);
  sequence.begin(true);
  expect(errorOf(() => read(sequence, [10], false, { announced: true, unordered: true })).code).toBe(REFUSED);
});

it('reads a transfer that has ended from where it began', () => {
  const sequence = begun(true);
  sequence.line(12n, false);
  sequence.end(true, true);
  expect(read(sequence, [8], false, { ended: true }).lastReceived).toBe(8n);
  expect(errorOf(() => read(sequence, [9], false, { ended: true })).code).toBe(REFUSED);
});

it('a transfer before the first line begins after the blocks of the one before it', () => {
  for (const [place, refused] of [
    [3, true],
    [5, false],
  ] as const) {
    const sequence = new PeerSequence(false);
    sequence.begin(true);
    read(sequence, [3, 4], true);
    sequence.end(true, false);
    sequence.begin(true);
    const next = () => read(sequence, [place]);
    if (refused) expect(errorOf(next).code).toBe(REFUSED);
    else expect(next().lastReceived).toBe(5n);
  }
});

it('a confidential line has no place, but those before it keep theirs', () => {
  let level: TokenLevel = 'safe';
  let follows = true;
  const below = context();
  const control = controlContext(
    {
      ...below,
      unwrap: token => ({ ...below.unwrap(token), level }),
      get lastReceived() {
        return below.lastReceived;
      },
      get lastFollows() {
        return follows;
      },
    },
    new PeerSequence(false),
  );
  control.unwrap(Uint8Array.of(7));
  [level, follows] = ['confidential', false];
  control.unwrap(Uint8Array.of(9));
  expect([control.lastReceived, control.lastFollows]).toEqual([7n, true]);
  [level, follows] = ['safe', true];
  expect(errorOf(() => control.unwrap(Uint8Array.of(6)))).toMatchObject(MOVED);
});

it('a context for the control connection asks the one below for the room in a token, and is destroyed with it', () => {
  const asked: unknown[] = [];
  const below = {
    ...context(),
    wrapSizeLimit: (...of: unknown[]) => asked.push(of) + 6,
    destroy: () => void asked.push('destroy'),
  } as SecurityContext;
  const above = controlContext(below, new PeerSequence(false));
  expect(above.wrapSizeLimit('private', 100)).toBe(7);
  above.destroy();
  expect(asked).toEqual([['private', 100], 'destroy']);
});
