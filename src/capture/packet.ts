/** A packet as a capture file holds it: what the reader of any file format gives, and link-layer.ts takes apart. */
export interface CapturedPacket {
  /** Nanoseconds since 1970-01-01, UTC; undefined where the file has no time for it (pcapng's simple packet blocks). */
  time: bigint | undefined;
  /** LINKTYPE number of the interface that saw it; a file may have several. Undefined where the file does not tell it. */
  linkType: number | undefined;
  /** What was captured: a view into the chunk that it came in, or a copy where it came in several. */
  data: Uint8Array;
  /** Octets that the packet had on the wire: more than `data` has when the capture cut it. */
  originalLength: number;
}
