/**
 * Representation types (RFC 959 §3.1.1). Type A: each LF of a file is sent as CR LF, and each CR LF received is stored as LF;
 * other octets, including a single CR, are not changed. Type I: no change.
 */
import { PassThrough, Transform } from 'node:stream';

export type RepresentationType = 'A' | 'I';

/** Converts a file for sending. */
export function toNetwork(type: RepresentationType): Transform {
  if (type === 'I') return new PassThrough();
  return new Transform({
    transform: (chunk: Buffer, _, done) => done(null, replaced(chunk.toString('latin1'), '\n', '\r\n')),
  });
}

/** Converts received data for storing; the inverse of {@link toNetwork}. */
export function fromNetwork(type: RepresentationType): Transform {
  if (type === 'I') return new PassThrough();
  let held = '';
  return new Transform({
    transform(chunk: Buffer, _, done) {
      const text = held + chunk.toString('latin1');
      held = text.endsWith('\r') ? '\r' : ''; // LF may be the first octet of the next chunk
      done(null, replaced(text.slice(0, text.length - held.length), '\r\n', '\n'));
    },
    flush: done => done(null, Buffer.from(held)),
  });
}

/** One character per octet. */
function replaced(text: string, from: string, to: string): Buffer {
  return Buffer.from(text.replaceAll(from, to), 'latin1');
}
