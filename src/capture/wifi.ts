/** IEEE 802.11 frames, bare or after the headers of capturing radios. */
import { broken, type Frame, LLC, type Next, WIFI } from './layers.js';
import { u16le, u32, u32le } from './numbers.js';

const DATA_TYPE = 2;
/** Bits of the subtype of a data frame. */
const NO_DATA = 0x4;
const QOS = 0x8;
/** Bits of the flags octet after it. */
const BOTH_WAYS = 0x03;
const MORE_FRAGMENTS = 0x04;
const PROTECTED = 0x40;
const ORDER = 0x80;

/** IEEE 802.11-2020 §9.2 and §9.3.2. */
export function wifi(frame: Frame): Next | string | undefined {
  return readWifi(frame, false);
}

function readWifi(frame: Frame, padded: boolean): Next | string | undefined {
  const { data, at } = frame;
  if (data.length < at + 2) return broken(frame, '802.11');
  const [control, flags] = [data[at]!, data[at + 1]!];
  const subtype = control >> 4;
  if (((control >> 2) & 3) !== DATA_TYPE || (subtype & NO_DATA) !== 0) return undefined;
  let length = 24;
  if ((flags & BOTH_WAYS) === BOTH_WAYS) length += 6;
  const qos = (subtype & QOS) !== 0;
  const aggregated = qos && ((data[at + length] ?? 0) & 0x80) !== 0;
  if (qos) length += (flags & ORDER) === 0 ? 2 : 6;
  if (padded) length = (length + 3) & ~3;
  if (data.length < at + length) return broken(frame, '802.11');
  if ((flags & PROTECTED) !== 0) return 'encrypted 802.11 frame';
  if ((flags & MORE_FRAGMENTS) !== 0 || (u16le(data, at + 22) & 0xf) !== 0) return '802.11 fragment';
  if (aggregated) return '802.11 A-MSDU';
  frame.at += length;
  return LLC;
}

const RADIOTAP_FLAGS = 0x02;
const RADIOTAP_TIMER = 0x01;
const RADIOTAP_MORE = 0x80000000;
const RADIOTAP_PADDED = 0x20;

/**
 * https://www.radiotap.org: the length at offset 2, then words whose bits show which fields are present, then the
 * fields, each aligned.
 */
export function radiotap(frame: Frame): Next | string | undefined {
  const { data, at } = frame;
  const length = u16le(data, at + 2);
  if (length < 8 || length > data.length - at) return broken(frame, 'radiotap');
  const present = u32le(data, at + 4);
  let field = 8;
  while (field < length && (u32le(data, at + field - 4) & RADIOTAP_MORE) !== 0) field += 4;
  if ((present & RADIOTAP_TIMER) !== 0) field = ((field + 7) & ~7) + 8;
  const flags = (present & RADIOTAP_FLAGS) !== 0 && field < length ? data[at + field]! : 0;
  frame.at += length;
  return readWifi(frame, (flags & RADIOTAP_PADDED) !== 0);
}

const AVS_VERSIONS = 0x80211000;

/** The header always has 144 octets, unless it is an AVS header under the same link type. */
export function prism(frame: Frame): Next | string | undefined {
  if ((u32(frame.data, frame.at) & 0xfffff000) >>> 0 === AVS_VERSIONS) return avs(frame);
  frame.at += 144;
  return WIFI;
}

/** The length is at offset 4, in network byte order. */
export function avs(frame: Frame): Next | string | undefined {
  const { data, at } = frame;
  const length = u32(data, at + 4);
  if (length < 8 || length > data.length - at) return broken(frame, 'AVS');
  frame.at += length;
  return WIFI;
}
