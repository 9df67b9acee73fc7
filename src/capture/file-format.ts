/** What the readers of the two file formats, pcap and pcapng, have in common. */
import type { FtpSecurityError } from '../errors.js';
import type { ChunkQueue } from './chunk-queue.js';
import type { CapturedPacket } from './packet.js';

/** Takes packets off the octets of a file, from behind its magic number on. */
export interface FormatReader {
  /** Whether the header of the file has been read: from there on, what is damaged leaves the packets before it. */
  readonly opened: boolean;
  /**
   * The next packet; undefined when more octets must come first.
   * @throws FtpSecurityError `syntax/bad-file` or `syntax/limit-exceeded` where the file is damaged; nothing follows
   */
  next(queue: ChunkQueue): CapturedPacket | undefined;
  /** Why a file that ends here is not whole, with the offset of what breaks off; undefined when it is. */
  truncation(queue: ChunkQueue): FtpSecurityError | undefined;
}
