/** Transfers, as both sides of the driver read them. */
import { concatAll } from '../../bytes.js';
import { type FtpSecurityError, refusalFrom } from '../../errors.js';
import type { BlockReader } from '../../protection/data-block.js';
import type { Connection } from './connection.js';

/** The most octets of a transfer that are read: 64 MiB. */
const MAX_TRANSFER = 0x400_0000;

/** Reads a transfer to its end. Returns the file, or the error in it; undefined if it is too long. */
export async function readTransfer(
  reader: BlockReader,
  connection: Connection,
): Promise<Uint8Array | FtpSecurityError | undefined> {
  const texts: Uint8Array[] = [];
  try {
    for (let left = MAX_TRANSFER; ; ) {
      const received = await connection.receive();
      if (typeof received === 'string') break;
      left -= received.length;
      if (left < 0) return undefined;
      reader.push(received);
      for (let text = reader.next(); text !== undefined; text = reader.next()) texts.push(text);
    }
    reader.close();
  } catch (error) {
    return refusalFrom(error);
  }
  return concatAll(texts);
}
