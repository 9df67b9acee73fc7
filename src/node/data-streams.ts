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
      inTurns(this, blocksOf(writer, chunk), done);
    },
    flush(done) {
      callBack(done, () => writer.end());
    },
  });
}

/**
 * The receiving side of a data connection (RFC 2228 §6): blocks in, verified octets of the file out. It fails with the
 * FtpSecurityError of BlockReader, also if the connection ends before the file: `syntax/truncated`.
 * @param reader  for this one transfer, e.g. `session.dataReader()`. A client makes it before the command, and reads after the 1yz reply
 * @example
 * await pipeline(socket, unprotectData(session.dataReader()), createWriteStream(path));
 */
export function unprotectData(reader: BlockReader, options: DataStreamOptions = {}): Transform {
  return new Transform({
    ...options,
    transform(chunk: Uint8Array, _encoding, done) {
      inTurns(this, plaintextsOf(reader, chunk), done);
    },
    flush(done) {
      callBack(done, () => reader.close());
    },
  });
}

/** Octets of a file that are protected at once. */
const PIECE = 0x1_0000;
/** Milliseconds of work after which other events have their turn. */
const TURN = 4;

function* blocksOf(writer: BlockWriter, chunk: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < chunk.length; at += PIECE) yield writer.write(chunk.subarray(at, at + PIECE));
}

function* plaintextsOf(reader: BlockReader, chunk: Uint8Array): Generator<Uint8Array> {
  reader.push(chunk);
  for (let plaintext = reader.next(); plaintext !== undefined; plaintext = reader.next()) yield plaintext;
}

/** Pushes all parts. If that takes long, because a chunk is large or has many blocks, it goes on after other events. */
function inTurns(stream: Transform, parts: Iterator<Uint8Array>, done: TransformCallback): void {
  const end = performance.now() + TURN;
  try {
    for (let part = parts.next(); part.done !== true; part = parts.next()) {
      if (part.value.length > 0) stream.push(part.value);
      if (performance.now() < end) continue;
      setImmediate(() => stream.destroyed || inTurns(stream, parts, done));
      return;
    }
  } catch (error) {
    done(error as Error);
    return;
  }
  done();
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
