/**
 * Data connections as streams (RFC 2228 §6). Their memory is one block and Node's buffers, however long the file.
 * `unprotectData` fails if the connection ends before the file.
 */
import { Transform, type TransformCallback, type TransformOptions } from 'node:stream';
import type { BlockReader, BlockWriter } from '../protection/data-block.js';

/** Options of {@link protectData} and {@link unprotectData}: those of Node's streams. */
export type DataStreamOptions = Pick<TransformOptions, 'highWaterMark' | 'signal'>;

/**
 * The sending side of a data connection (RFC 2228 §6): octets of a file in, blocks out.
 * @param writer  for this one transfer, e.g. `session.dataWriter()`
 * @example
 * await pipeline(createReadStream(path), protectData(session.dataWriter()), socket);
 */
export function protectData(writer: BlockWriter, options: DataStreamOptions = {}): Transform {
  return new Transform({
    ...options,
    transform(chunk: Uint8Array, _encoding, done) {
      callBack(done, () => writer.write(chunk));
    },
    flush(done) {
      callBack(done, () => writer.end());
    },
  });
}

/**
 * The receiving side of a data connection (RFC 2228 §6): blocks in, verified octets of the file out. It fails with the
 * FtpSecurityError of BlockReader, also if the connection ends before the file: `syntax/truncated`.
 * @param reader  for this one transfer, e.g. `session.dataReader()`
 * @example
 * await pipeline(socket, unprotectData(session.dataReader()), createWriteStream(path));
 */
export function unprotectData(reader: BlockReader, options: DataStreamOptions = {}): Transform {
  return new Transform({
    ...options,
    transform(chunk: Uint8Array, _encoding, done) {
      callBack(done, () => {
        reader.push(chunk);
        for (let plaintext = reader.next(); plaintext !== undefined; plaintext = reader.next()) this.push(plaintext);
      });
    },
    flush(done) {
      callBack(done, () => reader.close());
    },
  });
}

function callBack(done: TransformCallback, work: () => unknown): void {
  let result: unknown;
  try {
    result = work();
  } catch (error) {
    done(error as Error);
    return;
  }
  done(null, result);
}
