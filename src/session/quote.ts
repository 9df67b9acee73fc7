/** Replies in the messages of errors. Their text comes from the peer, so it is escaped and shortened. */
import type { Reply } from '../ftp/reply.js';
import { printable, shorten } from '../printable.js';

/** Characters: enough for the three lines with which MIT's server refuses a ticket, and not too long for a line of a log. */
const MAX_QUOTE = 240;

/** Code and text of a reply on one line, at most about 240 characters, with control characters escaped. */
export function quote({ code, lines }: Reply): string {
  const repeated = `${code}-`;
  const texts = lines.map(line => (line.startsWith(repeated) ? line.slice(repeated.length) : line));
  const text = texts.join(' ').slice(0, MAX_QUOTE + 1);
  return `${code} ${shorten(printable(text), MAX_QUOTE)}`;
}
