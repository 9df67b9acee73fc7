/** A packet as a capture file holds it: what the reader of any file format gives, and link-layer.ts takes apart. */
import type { FtpSecurityError } from '../errors.js';

export interface CapturedPacket {
  /** Nanoseconds since 1970-01-01, UTC. */
  time: bigint;
  /** LINKTYPE number of the interface that saw it; a file may have several. */
  linkType: number;
  /** What was captured: a view into the file. */
  data: Uint8Array;
  /** Octets that the packet had on the wire: more than `data` has when the capture cut it. */
  originalLength: number;
}

export interface Capture {
  /** In the order of the file. They can be gone through any number of times, and are read anew each time. */
  packets: Iterable<CapturedPacket>;
  /**
   * Why the file can't be read to its end, with the offset of the record that breaks off: `packets` ends before it.
   * `syntax/truncated`, the file ends inside the record; `syntax/bad-file`, the record is damaged.
   */
  error?: FtpSecurityError;
}
