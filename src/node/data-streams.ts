/**
 * Data connections as streams (RFC 2228 §6). Both hold a block and what Node buffers, however long the file; neither ends
 * well before the file has.
 */
import { Transform, type TransformCallback, type TransformOptions } from 'node:stream';
import type { BlockReader, BlockWriter } from '../protection/data-block.js';

export type DataStreamOptions = Pick<TransformOptions, 'highWaterMark' | 'signal'>;

/**
 * The sender's side: octets of a file in, octets for the data connection out.
 * @param writer  for this one transfer, e.g. `session.dataWriter()`
 */
export function protectData(writer: BlockWriter, options: DataStreamOptions = {}): Transform {
  return new Transform({
    ...options,
    transform(chunk: Uint8Array, _encoding, done) {
      settle(done, () => writer.write(chunk));
    },
    flush(done) {
      settle(done, () => writer.end());
    },
  });
}

/**
 * The recipient's side: octets of the data connection in, verified octets of the file out. It fails with the
 * FtpSecurityError of BlockReader, also where the connection ends before the file does: `syntax/truncated`.
 * @param reader  for this one transfer, e.g. `session.dataReader()`
 */
export function unprotectData(reader: BlockReader, options: DataStreamOptions = {}): Transform {
  return new Transform({
    ...options,
    transform(chunk: Uint8Array, _encoding, done) {
      settle(done, () => {
        reader.push(chunk);
        for (let text = reader.next(); text !== undefined; text = reader.next()) this.push(text);
      });
    },
    flush(done) {
      settle(done, () => reader.close());
    },
  });
}

function settle(done: TransformCallback, work: () => unknown): void {
  let result: unknown;
  try {
    result = work();
  } catch (error) {
    done(error as Error);
    return;
  }
  done(null, result);
}
