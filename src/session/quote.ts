/** What the server said, for the message of an error: the words of a stranger. */
import type { Reply } from '../ftp/reply.js';
import { printable, shorten } from '../printable.js';

/** Enough for the three lines by which MIT's server refuses a ticket; a line of a log holds it. */
const MAX_QUOTE = 240;

/** Code and text of a reply on one line: bounded, and its control characters escaped. */
export function quote({ code, lines }: Reply): string {
  const repeated = `${code}-`;
  const texts = lines.map(line => (line.startsWith(repeated) ? line.slice(repeated.length) : line));
  const text = texts.join(' ').slice(0, MAX_QUOTE + 1);
  return `${code} ${shorten(printable(text), MAX_QUOTE)}`;
}
