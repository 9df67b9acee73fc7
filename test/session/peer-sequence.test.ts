/** Which missing numbers are accounted for by the peer's own transfers. */
import { expect, it } from 'vitest';
import type { BlockReader } from '../../src/protection/data-block.js';
import { PeerSequence } from '../../src/session/peer-sequence.js';

const MISSING = { code: 'security/out-of-sequence', message: 'a line before this one is missing' };
const MOVED = { code: 'security/out-of-sequence', message: 'a line was sent before one that has come' };

function reader(lastReceived: bigint | undefined, ended: boolean): BlockReader {
  return { lastReceived, ended } as BlockReader;
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

it('lets every line of a transfer that runs have a gap before it, and none behind its end', () => {
  const sequence = begun(true);
  expect([sequence.line(9n, false), sequence.line(12n, false)]).toEqual([undefined, undefined]);
  sequence.end(true, true);
  expect(sequence.line(15n, false)).toMatchObject(MISSING);
});

it('goes by whose blocks they were when the transfer began', () => {
  const sequence = begun(false);
  sequence.end(true, false);
  expect(sequence.line(9n, false)).toMatchObject(MISSING);
});

it('takes a transfer that ends without having begun as one that may have sent blocks, if they are of the peer', () => {
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
  sequence.reads(reader(9n, true));
  sequence.end(true, false);
  expect(sequence.line(11n, false)).toMatchObject(MISSING);
});

it.each([
  ['no reader', [], { after: 7n, gapBefore: true }],
  ['a reader that got nothing', [reader(undefined, false)], { after: 7n, gapBefore: true }],
  ['a reader that stopped', [reader(9n, false)], { after: 9n, gapBefore: true }],
  ['a reader that got the last block', [reader(9n, true)], { after: 9n, gapBefore: false }],
  ['two readers', [reader(11n, true), reader(9n, false)], { after: 11n, gapBefore: false }],
])('holds the first block behind a transfer with %s against what may have come', (_, readers, expected) => {
  const sequence = begun(true);
  for (const one of readers) sequence.reads(one);
  sequence.end(true, false);
  expect(sequence.firstBlock(false)()).toEqual(expected);
});

it('holds the first block of all against the last line', () => {
  expect(begun(true).firstBlock(false)()).toEqual({ after: 7n, gapBefore: false });
});
