/** A packet in a capture file: the output of each format reader, and the input of link-layer.ts. */
export interface CapturedPacket {
  /** Nanoseconds since 1970-01-01 UTC; undefined if the file gives no time (pcapng's simple packet blocks). */
  time: bigint | undefined;
  /** LINKTYPE number of the interface that captured it; a file may have several. Undefined if the file does not give it. */
  linkType: number | undefined;
  /** The captured octets: a view into a chunk, or a copy if they span several chunks. */
  data: Uint8Array;
  /** Octets of the packet on the wire; more than `data` has if the capture cut it. */
  originalLength: number;
}
