/** Every mutated transfer against our own reader of blocks. */
import { describe, expect, it } from 'vitest';
import { concatAll, toHex } from '../../src/bytes.js';
import { FtpSecurityError } from '../../src/errors.js';
import type { TransferCase } from '../../src/fuzz/cases.js';
import { FILE, PIECE } from '../../src/fuzz/mutations/data.js';
import { perform } from '../../src/fuzz/perform.js';
import { BlockReader } from '../../src/protection/data-block.js';
import { transferCases } from './case-lists.js';
import { type NewPair, PAIRS } from './own-peers.js';

/** Reads a transfer, and gives the file as far as it was taken and the error that ended it. */
function read(
  one: TransferCase,
  newPair: NewPair,
): { file: Uint8Array; error: FtpSecurityError | undefined } | undefined {
  const { session, peer } = newPair(one.to);
  const chunks = perform(one, session)?.chunks;
  if (chunks === undefined) return undefined;
  const reader = new BlockReader(peer, one.level, { bufferSize: one.bufferSize });
  const taken: Uint8Array[] = [];
  let error: FtpSecurityError | undefined;
  try {
    for (const chunk of chunks) {
      reader.push(chunk);
      for (let text = reader.next(); text !== undefined; text = reader.next()) taken.push(text);
    }
    reader.close();
  } catch (thrown) {
    if (!(thrown instanceof FtpSecurityError)) throw thrown;
    error = thrown;
  }
  return { file: concatAll(taken), error };
}

/** What our reader does where others may do otherwise. */
const OURS: Record<string, string | undefined> = {
  'a token over PBSZ': 'syntax/limit-exceeded',
  'octets behind the end': 'syntax/trailing-data',
  'a block behind the end': 'syntax/trailing-data',
  'the end comes twice': 'syntax/trailing-data',
  'sealed blocks, where safe is required': undefined,
};

it('the file is three lines, and as many blocks', () => {
  expect([
    FILE.length,
    new TextDecoder()
      .decode(FILE)
      .split('\r\n')
      .map(line => line.length),
  ]).toEqual([3 * PIECE, [PIECE - 2, PIECE - 2, PIECE - 2, 0]]);
});

describe.each(PAIRS)('transfers under %s', (_, newPair) => {
  it.for([...transferCases({ variants: 2 })])('$name, to a $to at level $level', (one, { skip }) => {
    const result = read(one, newPair);
    if (result === undefined) return skip('this mechanism can’t make it');
    const { file, error } = result;
    if (one.expected.verdict === 'refuse') expect(one.expected.codes).toContain(error?.code);
    if (one.expected.verdict === 'accept') expect([error, file]).toEqual([undefined, FILE]);
    // What was taken before the error is a stretch of the file, its beginning unless the first block came late.
    expect(toHex(FILE)).toContain(toHex(file));
    if (one.name in OURS) expect(error?.code).toBe(OURS[one.name]);
  });
});
