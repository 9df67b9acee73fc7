/** A file as chunks that can be iterated several times, without reading it as a whole. Works in a worker only. */

/** The synchronous reader that workers have. */
declare const FileReaderSync: new () => { readAsArrayBuffer(blob: Blob): ArrayBuffer };

/** How many octets are read at once. */
const CHUNK = 1 << 20;

/** @param progress  called before each chunk, with the number of the iteration from 1, and the octets before the chunk */
export function chunksOf(blob: Blob, progress: (pass: number, octets: number) => void): Iterable<Uint8Array> {
  const reader = new FileReaderSync();
  let passes = 0;
  return {
    *[Symbol.iterator]() {
      const pass = ++passes;
      for (let at = 0; at < blob.size; at += CHUNK) {
        progress(pass, at);
        yield new Uint8Array(reader.readAsArrayBuffer(blob.slice(at, at + CHUNK)));
      }
    },
  };
}
