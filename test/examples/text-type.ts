/**
 * Representation types (RFC 959 §3.1.1). In type A lines end in CR LF on the data connection, and in LF here; all other
 * octets stay as they are, a CR alone too. In type I all do.
 */
import { PassThrough, Transform } from 'node:stream';

export type RepresentationType = 'A' | 'I';

/** From a file to the data connection. */
export function toNetwork(type: RepresentationType): Transform {
  if (type === 'I') return new PassThrough();
  return new Transform({
    transform: (chunk: Buffer, _, done) => done(null, replaced(chunk.toString('latin1'), '\n', '\r\n')),
  });
}

/** From the data connection to a file; the inverse. */
export function fromNetwork(type: RepresentationType): Transform {
  if (type === 'I') return new PassThrough();
  let held = '';
  return new Transform({
    transform(chunk: Buffer, _, done) {
      const text = held + chunk.toString('latin1');
      held = text.endsWith('\r') ? '\r' : ''; // its LF may come with the next chunk
      done(null, replaced(text.slice(0, text.length - held.length), '\r\n', '\n'));
    },
    flush: done => done(null, Buffer.from(held)),
  });
}

/** A character stands for an octet. */
function replaced(text: string, from: string, to: string): Buffer {
  return Buffer.from(text.replaceAll(from, to), 'latin1');
}
