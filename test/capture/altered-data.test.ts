/** Data connections of real sessions, altered on their way: what is missing, moved or repeated is never passed over. */
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { concatAll, viewOf } from '../../src/bytes.js';
import { type DataRecord, type TranscriptRecord, verifyRecording } from '../../src/capture/index.js';
import { ACK, type Segment, SYN } from '../../src/capture/link-layer.js';
import { krb4, parseSrvtab } from '../../src/mechanisms/krb4/index.js';
import { krb5, parseKeytab } from '../../src/mechanisms/krb5/index.js';
import { nodeCiphers } from '../../src/node/index.js';
import { flowsOf, latin1, pcapOf, realCapture, segmentsOf, talk, vectorPath } from './helpers.js';

const KRB5 = ['heimdal-safe-aes128-cts-hmac-sha1-96', 'krb5ftp-private-aes128-sha2'];
const KRB4 = 'gssftp163-krb4-private';

type Blocks = Uint8Array[];

/** The same items, with some of them replaced, as `splice` does it. */
function spliced<T>(items: readonly T[], at: number, count: number, ...others: T[]): T[] {
  return [...items.slice(0, at), ...others, ...items.slice(at + count)];
}

/** A data connection of a capture, as its sender's blocks. */
interface Transfer {
  ends: [string, string];
  from: 0 | 1;
  blocks: Blocks;
}

function blocksOf(octets: Uint8Array): Blocks {
  const blocks: Blocks = [];
  for (let at = 0; at < octets.length; ) {
    const end = at + 4 + viewOf(octets).getUint32(at);
    blocks.push(octets.subarray(at, end));
    at = end;
  }
  return blocks;
}

function isOf({ ends }: Transfer, { source, destination }: Segment): boolean {
  return ends.includes(source) && ends.includes(destination);
}

/** The protected data connections, in the order of the capture. */
function transfersIn(name: string, records: readonly TranscriptRecord[]): Transfer[] {
  const flows = flowsOf(segmentsOf(realCapture(name)));
  const protectedEnds = records.filter(isData).map(({ client, server }) => [client, server]);
  return flows.flatMap(({ ends: [one, other], texts }) => {
    if (!protectedEnds.some(ends => ends.includes(one) && ends.includes(other))) return [];
    const from = texts[0] === '' ? 1 : 0;
    return [{ ends: [one, other], from, blocks: blocksOf(Buffer.from(texts[from], 'latin1')) } as Transfer];
  });
}

/** A data connection with other octets, as segments. */
function connectionOf({ ends, from }: Transfer, octets: Uint8Array): Segment[] {
  const PIECE = 10_000;
  const text = latin1(octets);
  const pieces = Array.from({ length: Math.ceil(text.length / PIECE) }, (_, i) =>
    text.slice(i * PIECE, (i + 1) * PIECE),
  );
  return talk(
    pieces.map(text => ({ from, text })),
    { ends },
  );
}

/** The capture, with the octets of some data connections replaced. */
function replaced(name: string, changes: [Transfer, Segment[]][]): Uint8Array {
  const segments = segmentsOf(realCapture(name)).flatMap((it, i, all) => {
    const change = changes.find(([transfer]) => isOf(transfer, it));
    if (change === undefined) return [it];
    const first = all.findIndex(other => isOf(change[0], other) && other.payload.length > 0);
    return i === first ? change[1] : [];
  });
  return pcapOf(segments);
}

function verify(name: string, file: Uint8Array): TranscriptRecord[] {
  const octets = (suffix: string) => new Uint8Array(readFileSync(vectorPath(`${name}.${suffix}`)));
  const mechanism = existsSync(vectorPath(`${name}.srvtab`))
    ? krb4({ observer: { keys: parseSrvtab(octets('srvtab')), ciphers: nodeCiphers } })
    : krb5({ observer: { keys: parseKeytab(octets('keytab')), ciphers: nodeCiphers } });
  const { records, faults } = verifyRecording(file, { mechanisms: [mechanism] });
  expect(faults).toBeUndefined();
  return records;
}

const isData = (record: TranscriptRecord): record is DataRecord => record.type === 'data';

function dataOf(name: string, transfer: Transfer, changes: [Transfer, Segment[]][]): DataRecord {
  const found = verify(name, replaced(name, changes)).filter(isData);
  const [record, ...more] = found.filter(
    ({ client, server }) => transfer.ends.includes(client!) && transfer.ends.includes(server!),
  );
  expect(more).toEqual([]);
  return record!;
}

/** What is said of a data connection with other blocks. */
function verdictOf(name: string, transfer: Transfer, blocks: Blocks): [boolean, string | undefined] {
  const { whole, error } = dataOf(name, transfer, [[transfer, connectionOf(transfer, concatAll(blocks))]]);
  return [whole, error?.code];
}

/** The file in another's place may have another level, and then that is the error that comes first. */
const OUT_OF_PLACE = /^(security\/out-of-sequence|sequence\/wrong-level)$/;

describe.each(KRB5)('%s', name => {
  const transfers = transfersIn(name, verify(name, realCapture(name)));
  /** From each end, the transfer with the fewest blocks that can be exchanged. */
  const SENT = [0, 1].flatMap(from => {
    const sent = transfers.filter(it => it.from === from && it.blocks.length > 2);
    return sent.sort((a, b) => a.blocks.length - b.blocks.length).slice(0, 1);
  });

  it('is whole as it was sent', () => {
    for (const it of transfers) expect(verdictOf(name, it, it.blocks)).toEqual([true, undefined]);
  });

  it.each(SENT)('without one of its blocks has an error (from end $from)', transfer => {
    const { blocks } = transfer;
    for (const i of blocks.keys()) {
      const isLast = i === blocks.length - 1;
      const code = isLast ? 'syntax/truncated' : 'security/out-of-sequence';
      expect(verdictOf(name, transfer, spliced(blocks, i, 1))).toEqual([false, code]);
    }
  });

  it.each(SENT)('with two blocks in the wrong order has an error (from end $from)', transfer => {
    const { blocks } = transfer;
    for (let i = 0; i + 2 < blocks.length; i++) {
      const swapped = spliced(blocks, i, 2, blocks[i + 1]!, blocks[i]!);
      expect(verdictOf(name, transfer, swapped)).toEqual([false, 'security/out-of-sequence']);
    }
  });

  it.each(SENT)('with a block that is repeated has an error (from end $from)', transfer => {
    const { blocks } = transfer;
    for (let i = 0; i + 1 < blocks.length; i++) {
      for (const at of [i + 1, blocks.length - 1])
        expect(verdictOf(name, transfer, spliced(blocks, at, 0, blocks[i]!))).toEqual([false, 'security/replayed']);
    }
  });

  it('exchanged with another one has an error, and so has the other', () => {
    const [one, other] = transfers.filter(({ from }) => from === 0) as [Transfer, Transfer];
    const changes: [Transfer, Segment[]][] = [
      [one, connectionOf(one, concatAll(other.blocks))],
      [other, connectionOf(other, concatAll(one.blocks))],
    ];
    for (const it of [one, other]) {
      const { whole, error } = dataOf(name, it, changes);
      expect([whole, error?.code]).toEqual([false, expect.stringMatching(OUT_OF_PLACE)]);
    }
  });

  it('in the place of an earlier one that was taken out has an error', () => {
    const [one, other] = transfers.filter(({ from }) => from === 0) as [Transfer, Transfer];
    const changes: [Transfer, Segment[]][] = [
      [one, connectionOf(one, concatAll(other.blocks))],
      [other, []],
    ];
    const { whole, error } = dataOf(name, one, changes);
    expect([whole, error?.code]).toEqual([false, expect.stringMatching(OUT_OF_PLACE)]);
  });
});

describe.each([...KRB5, KRB4])('%s, captured in part', name => {
  const transfers = transfersIn(name, verify(name, realCapture(name)));
  const transfer = transfers.reduce((a, b) => (b.blocks.length > a.blocks.length ? b : a));
  const { blocks, from } = transfer;
  const octets = concatAll(blocks);
  const isSent = ({ source, payload }: Segment) => source === transfer.ends[from] && payload.length > 0;

  it.each([
    ['at a block', blocks[0]!.length],
    ['within a block', 10],
  ])('without its start, which ends %s, is not whole, and no error', (_, start) => {
    const late = connectionOf(transfer, octets)
      .filter(({ flags }) => (flags & SYN) === 0)
      .slice(1);
    const first = late.findIndex(isSent);
    const cut = late.map((it, i) =>
      i === first ? { ...it, seq: it.seq + start, payload: it.payload.subarray(start) } : it,
    );
    // What the other end acknowledged before would show how many octets are missing.
    const { whole, error } = dataOf(name, transfer, [[transfer, cut.slice(first)]]);
    expect([whole, error]).toEqual([false, null]);
  });

  it('without its first octets is not whole, and no error', () => {
    const segments = connectionOf(transfer, octets);
    const first = segments.findIndex(isSent);
    const { whole, error, lost, verdict } = dataOf(name, transfer, [[transfer, spliced(segments, first, 1)]]);
    expect([whole, error, verdict]).toEqual([false, null, 'unkeyed']);
    expect(lost).toBeGreaterThan(0);
  });

  it('until the capture ends is not whole, and no error', () => {
    const opened = connectionOf(transfer, octets).filter(({ flags }) => flags === ACK || (flags & SYN) !== 0);
    const last = opened.map(isSent).lastIndexOf(true);
    for (const missing of [4, 9]) {
      const cut = opened.slice(0, last + 1);
      const part = spliced(cut, last, 1, { ...cut[last]!, payload: cut[last]!.payload.slice(0, -missing) });
      const { whole, error } = dataOf(name, transfer, [[transfer, part]]);
      expect([whole, error]).toEqual([false, null]);
    }
  });
});

describe(KRB4, () => {
  const transfers = transfersIn(KRB4, verify(KRB4, realCapture(KRB4)));

  it('is whole as it was sent', () => {
    for (const it of transfers) expect(verdictOf(KRB4, it, it.blocks)).toEqual([true, undefined]);
  });

  it('has no numbers, but a block of an earlier file has an earlier time', () => {
    const [earlier, later] = transfers.filter(({ from }) => from === transfers[0]!.from) as [Transfer, Transfer];
    const blocks = spliced(later.blocks, 1, 0, earlier.blocks[0]!);
    expect(verdictOf(KRB4, later, blocks)).toEqual([false, 'security/out-of-sequence']);
  });

  it('without its last block has an error', () => {
    const [first] = transfers as [Transfer];
    expect(verdictOf(KRB4, first, first.blocks.slice(0, -1))).toEqual([false, 'syntax/truncated']);
  });
});
