/** What the readers of the two file formats, pcap and pcapng, share. */
import type { FtpSecurityError } from '../errors.js';
import type { ChunkQueue } from './chunk-queue.js';
import type { CapturedPacket } from './packet.js';

/** Reads packets from the octets of a file, after its magic number. */
export interface FormatReader {
  /** Whether the file header has been read. After that, damage does not affect the packets before it. */
  readonly opened: boolean;
  /**
   * The next packet; undefined if more octets are needed first.
   * @throws FtpSecurityError `syntax/bad-file` or `syntax/limit-exceeded` if the file is damaged; nothing more can be
   *   read
   */
  next(queue: ChunkQueue): CapturedPacket | undefined;
  /** The error for a file that ends here, with the offset of the incomplete record; undefined if the file is whole. */
  truncation(queue: ChunkQueue): FtpSecurityError | undefined;
}
