/**
 * Control connections that Wireshark has followed: the octets of both sides in one file, as "Follow TCP Stream" saves them, or what
 * `tshark -z follow,tcp,ascii,0` and `raw` print. As with a recording of telnet or nc, all lines are as they were sent.
 */
import { fromHex, fromUtf8, toUtf8 } from '../bytes.js';
import type { Peer } from '../protection/mechanism.js';
import { VERBS } from './opening.js';
import type { SpokenLine } from './program-log.js';

const REPLY = /^[1-6][0-9][0-9](?:[ -]|$)/;
const HEADER = /^=+\r?\nFollow: tcp,(ascii|raw)\r?\n(?:.*\r?\n){3}/gm;

/** Whether octets are such a file. */
export function isFollowedStream(octets: Uint8Array): boolean {
  const text = fromUtf8(octets);
  // The first octets of a file may end within a line.
  return text.search(HEADER) !== -1 || bySide(text.slice(0, text.lastIndexOf('\n') + 1)) !== undefined;
}

/** Reads such a file. @returns the lines of each connection; undefined if it is none */
export function readFollowedStream(octets: Uint8Array): SpokenLine[][] | undefined {
  const text = fromUtf8(octets);
  const headers = [...text.matchAll(HEADER)];
  if (headers.length === 0) {
    const lines = bySide(text);
    return lines && [lines];
  }
  const streams = headers.map(({ 0: header, 1: form, index }) =>
    printedBy(text, index + header.length, form === 'raw'),
  );
  // Those of data connections are in the file as well.
  return streams.filter(lines => lines.some(({ from }) => from === 'server'));
}

/**
 * The lines of both sides, which only their forms tell apart: a command has a known verb, a reply a code, or it goes on.
 * @returns undefined if a line is neither, or a side has said nothing
 */
function bySide(text: string): SpokenLine[] | undefined {
  const lines: SpokenLine[] = [];
  const sides = new Set<Peer>();
  /** The code of a multi-line reply that has not ended. */
  let open: string | undefined;
  for (const line of text.split(/\r?\n/)) {
    const from = open !== undefined || REPLY.test(line) ? 'server' : 'client';
    if (from === 'client') {
      if (line.trim() === '') continue;
      if (!VERBS.has(line.split(' ', 1)[0]!.toUpperCase())) return undefined;
    } else if (open === undefined) open = line[3] === '-' ? line.slice(0, 3) : undefined;
    else if (line.startsWith(open) && line[3] !== '-') open = undefined;
    lines.push({ from, line: toUtf8(line) });
    sides.add(from);
  }
  return sides.size === 2 ? lines : undefined;
}

/** A chunk of one side: its octets in hex, or how many there are and then the octets. A tab before it is the second node's. */
const HEX = /(\t?)((?:[0-9a-f]{2})+)\r?\n/y;
const COUNT = /(\t?)(\d+)\r?\n/y;

/** The lines that tshark has printed, from an index of the text on. */
function printedBy(text: string, start: number, isHex: boolean): SpokenLine[] {
  const lines: { node: number; line: string }[] = [];
  const rest = ['', ''];
  const form = isHex ? HEX : COUNT;
  for (let at = start; ; ) {
    form.lastIndex = at;
    const [whole, tab, said] = form.exec(text) ?? [];
    if (whole === undefined) break;
    at += whole.length;
    let chunk = isHex ? fromUtf8(fromHex(said!)) : '';
    if (!isHex) {
      chunk = text.slice(at, at + Number(said));
      at += chunk.length + (text[at + chunk.length] === '\r' ? 2 : 1);
    }
    const node = tab === '' ? 0 : 1;
    const parts = (rest[node] + chunk).split('\n');
    rest[node] = parts.pop()!;
    for (const line of parts) lines.push({ node, line: line.replace(/\r$/, '') });
  }
  const server = lines.find(({ line }) => REPLY.test(line))?.node;
  return lines.map(({ node, line }) => ({ from: node === server ? 'server' : 'client', line: toUtf8(line) }));
}
