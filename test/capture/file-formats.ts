/** Packets written as capture files of every format that is read, by the standards and not by the code under test. */
import { concat } from '../../src/bytes.js';
import { ascii } from '../helpers.js';
import { type FileRecord, pcapFile } from './helpers.js';

/** Writes numbers of one byte order. */
export function writer(littleEndian: boolean) {
  const number = (octets: number, value: bigint) =>
    Uint8Array.from({ length: octets }, (_, i) => {
      const place = littleEndian ? i : octets - 1 - i;
      return Number((BigInt.asUintN(64, value) >> BigInt(8 * place)) & 0xffn);
    });
  return {
    u16: (value: number) => number(2, BigInt(value)),
    u32: (value: number) => number(4, BigInt(value)),
    u64: (value: bigint) => number(8, value),
  };
}

/** pcap 2.0 to 2.4; before 2.3 the two lengths stood the other way round. */
export function oldPcap(records: readonly FileRecord[], minor: number, { swapped = minor < 3, linkType = 1 } = {}) {
  const file = pcapFile(
    records.map(it => it),
    { linkType },
  ).slice();
  const view = new DataView(file.buffer);
  view.setUint16(6, minor, true);
  let at = 24;
  for (const { data } of records) {
    const [captured, original] = [view.getUint32(at + 8, true), view.getUint32(at + 12, true)];
    if (swapped) {
      view.setUint32(at + 8, original, true);
      view.setUint32(at + 12, captured, true);
    }
    at += 16 + data.length;
  }
  return file;
}

/** The format of Kuznetzov's patches: records with eight octets more in their headers. */
export function modifiedPcap(records: readonly FileRecord[], { littleEndian = true, linkType = 1 } = {}): Uint8Array {
  const { u16, u32 } = writer(littleEndian);
  return concat(
    ...[u32(0xa1b2cd34), u16(2), u16(4), u32(0), u32(0), u32(65_535), u32(linkType)],
    ...records.flatMap(({ time, data, originalLength = data.length }) => [
      ...[u32(Number(time / 1_000_000_000n)), u32(Number((time % 1_000_000_000n) / 1000n))],
      ...[u32(data.length), u32(originalLength), u32(3), u16(0x0800), Uint8Array.of(4, 0), data],
    ]),
  );
}

export type PacketBlock = 'enhanced' | 'simple' | 'obsolete';

export interface PcapngOptions {
  littleEndian?: boolean;
  linkType?: number;
  block?: PacketBlock;
  /** Value of if_tsresol. */
  resolution?: number;
  /** Value of if_tsoffset, in seconds. */
  offset?: bigint;
  /** How many interfaces share the packets. */
  interfaces?: number;
  snapshot?: number;
  /** Blocks of other kinds, comments and options everywhere. */
  chatty?: boolean;
}

/** One section of a pcapng file; several make a file as well. */
export function pcapng(records: readonly FileRecord[], options: PcapngOptions = {}): Uint8Array {
  const { littleEndian = true, linkType = 1, block = 'enhanced', interfaces = 1, chatty = false } = options;
  const blocks = pcapngBlocks(littleEndian);
  const { resolution = 6, offset = 0n, snapshot = 262_144 } = options;
  const describe = () => blocks.describe(linkType, snapshot, { resolution, offset, chatty });
  const ticksOf = (time: bigint) => {
    const unit = resolution & 0x80 ? 1n << BigInt(resolution & 0x7f) : 10n ** BigInt(resolution);
    const since = time - offset * 1_000_000_000n;
    // The least count that is not before the time, so that cutting to nanoseconds gives it back where the unit is finer.
    return (since * unit + 999_999_999n) / 1_000_000_000n;
  };
  const packets = records.map(({ time, data, originalLength = data.length }, index) => {
    const id = block === 'simple' ? 0 : index % interfaces;
    return blocks.packet(block, { id, ticks: ticksOf(time), data, originalLength, chatty });
  });
  const remarks = chatty ? blocks.remarks() : [];
  return concat(
    blocks.section(chatty),
    ...remarks,
    ...Array.from({ length: interfaces }, describe),
    ...packets.flatMap((it, i) => (i % 7 === 0 ? [...remarks, it] : [it])),
    ...remarks,
  );
}

export function pcapngBlocks(littleEndian: boolean) {
  const { u16, u32, u64 } = writer(littleEndian);
  const pad = (data: Uint8Array) => concat(data, new Uint8Array(-data.length & 3));
  const block = (type: number, ...body: Uint8Array[]) => {
    const whole = pad(concat(...body));
    return concat(u32(type), u32(whole.length + 12), whole, u32(whole.length + 12));
  };
  const option = (code: number, value: Uint8Array) => concat(u16(code), u16(value.length), pad(value));
  const end = concat(u16(0), u16(0));
  const comment = () => concat(option(1, ascii('a comment, odd')), end);
  return {
    block,
    option,
    section: (chatty = false) =>
      block(
        0x0a0d0d0a,
        u32(0x1a2b3c4d),
        u16(1),
        u16(0),
        u64(-1n),
        ...(chatty ? [option(3, ascii('Linux')), comment()] : []),
      ),
    describe: (linkType: number, snapshot: number, { resolution = 6, offset = 0n, chatty = false } = {}) =>
      block(
        1,
        ...[u16(linkType), u16(0), u32(snapshot)],
        ...(chatty ? [option(2, ascii('eth0'))] : []),
        ...(resolution === 6 ? [] : [option(9, Uint8Array.of(resolution))]),
        ...(offset === 0n ? [] : [option(14, u64(offset))]),
        ...(chatty ? [comment()] : []),
      ),
    packet: (
      kind: PacketBlock,
      it: { id: number; ticks: bigint; data: Uint8Array; originalLength: number; chatty: boolean },
    ) => {
      const time = [u32(Number(it.ticks >> 32n)), u32(Number(it.ticks & 0xffffffffn))];
      const lengths = [u32(it.data.length), u32(it.originalLength)];
      const tail = it.chatty ? [pad(it.data), comment()] : [it.data];
      if (kind === 'simple') return block(3, u32(it.originalLength), it.data);
      if (kind === 'obsolete') return block(2, u16(it.id), u16(0), ...time, ...lengths, ...tail);
      return block(6, u32(it.id), ...time, ...lengths, ...tail);
    },
    secrets: (type: number, data: Uint8Array) => block(10, u32(type), u32(data.length), pad(data)),
    /** Names, statistics, a journal's entry, blocks of somebody's own, one of an unknown kind. */
    remarks: () => [
      block(4, u16(1), u16(9), ascii('\u007f\0\0\u0001host\0'), end),
      block(5, u32(0), u64(0n), comment()),
      block(9, ascii('__REALTIME_TIMESTAMP=1700000000000000\nMESSAGE=x\n')),
      block(0x0bad, u32(32473), ascii('mine')),
      block(0x40000bad, u32(32473)),
      block(0x7fff1234),
    ],
  };
}

/** Every way to write a file, with packets of one link type. */
export const FILE_FORMATS: Record<string, (records: readonly FileRecord[], linkType: number) => Uint8Array> = {
  'pcap, big-endian': (records, linkType) => pcapFile(records, { linkType, littleEndian: false }),
  'pcap, nanoseconds': (records, linkType) => pcapFile(records, { linkType, nanoseconds: true }),
  'pcap, nanoseconds, big-endian': (records, linkType) =>
    pcapFile(records, { linkType, nanoseconds: true, littleEndian: false }),
  'pcap 2.0': (records, linkType) => oldPcap(records, 0, { linkType }),
  'pcap 2.2': (records, linkType) => oldPcap(records, 2, { linkType }),
  'pcap 2.3': (records, linkType) => oldPcap(records, 3, { linkType }),
  'pcap 2.3 with the lengths of 2.2': (records, linkType) => oldPcap(records, 3, { linkType, swapped: true }),
  'modified pcap': (records, linkType) => modifiedPcap(records, { linkType }),
  'modified pcap, big-endian': (records, linkType) => modifiedPcap(records, { linkType, littleEndian: false }),
  pcapng: (records, linkType) => pcapng(records, { linkType }),
  'pcapng, big-endian': (records, linkType) => pcapng(records, { linkType, littleEndian: false }),
  'pcapng, five interfaces': (records, linkType) => pcapng(records, { linkType, interfaces: 5 }),
  'pcapng, nanoseconds': (records, linkType) => pcapng(records, { linkType, resolution: 9 }),
  'pcapng, units of 2^-30 s': (records, linkType) => pcapng(records, { linkType, resolution: 0x80 | 30 }),
  'pcapng, picoseconds from an offset': (records, linkType) =>
    pcapng(records, { linkType, resolution: 12, offset: (records[0]?.time ?? 0n) / 1_000_000_000n - 5n }),
  'pcapng, an offset before 1970': (records, linkType) => pcapng(records, { linkType, offset: -86_400n }),
  'pcapng, obsolete packet blocks': (records, linkType) => pcapng(records, { linkType, block: 'obsolete' }),
  'pcapng, comments and other blocks': (records, linkType) =>
    pcapng(records, { linkType, chatty: true, resolution: 9, interfaces: 2 }),
  'pcapng, sections of both byte orders': (records, linkType) => {
    const middle = records.length >> 1;
    const [head, tail] = [records.slice(0, middle), records.slice(middle)];
    return concat(
      pcapng(head, { linkType, interfaces: 3, resolution: 9 }),
      pcapng(tail, { linkType, littleEndian: false, block: 'obsolete' }),
      pcapng([], { linkType: 147 }),
    );
  },
};
