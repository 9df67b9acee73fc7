/** Ordinary replies in the clear, beside basic-ftp and a scanner of thirty lines. */
import { createRequire } from 'node:module';
import { toUtf8 } from '../../src/bytes.js';
import { ReplyReader } from '../../src/index.js';
import type { Row, Side } from './measure.js';
import { installed } from './npm.js';
import { ROOT } from './root.js';

const basicFtp = createRequire(`${ROOT}/package.json`)('basic-ftp/dist/parseControlResponse') as {
  parseControlResponse(text: string): { messages: string[]; rest: string };
};

const ONE_LINE = toUtf8('226 Transfer complete, 1234567 octets sent in 3 seconds\r\n');
const LISTING = toUtf8(
  `213-Status follows\r\n${'-rw-r--r--   1 ftp      ftp          1234 Jan 01 12:00 a file.txt\r\n'.repeat(50)}213 End\r\n`,
);

export function replyRows(): Row[] {
  return [
    { name: 'read a reply of one line', sides: sides(ONE_LINE), goals: { 'basic-ftp': 1 / 3 } },
    { name: 'read a reply of one line, and its text', sides: sides(ONE_LINE, true) },
    { name: 'read a reply of 52 lines', sides: sides(LISTING) },
  ];
}

type Parser = NodeJS.WritableStream & NodeJS.EventEmitter;
const ResponseParser = installed<new () => Parser>('ftp-response-parser', '1.0.1');

function sides(reply: Uint8Array, text = false): Side[] {
  return [
    {
      name: 'ours',
      run(count) {
        const reader = new ReplyReader();
        for (let i = 0; i < count; i++) {
          reader.push(reply);
          const read = reader.next()!;
          if (read.code < 200 || (text && read.lines.length === 0)) throw new Error('not the reply that was sent');
        }
      },
    },
    {
      name: 'basic-ftp',
      run(count) {
        let rest = '';
        const chunk = Buffer.from(reply);
        for (let i = 0; i < count; i++) {
          // As FTPContext has it: a trimmed text of what has come, parsed anew.
          const parsed = basicFtp.parseControlResponse(rest + chunk.toString('utf8').trim());
          rest = parsed.rest;
          if (Number.parseInt(parsed.messages[0]!.substring(0, 3), 10) < 200) throw new Error('another reply');
        }
      },
    },
    ...(ResponseParser === undefined ? [] : [responseParser(ResponseParser, reply)]),
    {
      name: 'scanner',
      run(count) {
        const scan = scanner();
        for (let i = 0; i < count; i++) if (scan(reply)!.code < 200) throw new Error('another reply');
      },
    },
  ];
}

/** A stream, which gives replies in a later turn of the event loop. */
function responseParser(Parser: new () => Parser, reply: Uint8Array): Side {
  return {
    name: 'ftp-response-parser',
    async run(count) {
      const parser = new Parser();
      const chunk = Buffer.from(reply);
      let read = 0;
      await new Promise<void>(resolve => {
        parser.on('data', () => {
          read++;
          if (read === count) resolve();
        });
        for (let i = 0; i < count; i++) parser.write(chunk);
      });
    },
  };
}

/** What somebody writes who needs replies in whole chunks only: no limits, no Telnet, no errors. */
function scanner(): (chunk: Uint8Array) => { code: number; text: string } | undefined {
  let held: Uint8Array = new Uint8Array();
  return chunk => {
    held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
    let [start, first] = [0, 0];
    for (;;) {
      const lf = held.indexOf(10, start);
      if (lf < 0) return undefined;
      const code = 100 * held[start]! + 10 * held[start + 1]! + held[start + 2]! - 5328;
      const last = held[start + 3] === 0x20;
      first ||= code;
      start = lf + 1;
      if (!last || code !== first) continue;
      const text = Buffer.from(held.buffer, held.byteOffset, start).toString('utf8');
      held = held.subarray(start);
      return { code, text };
    }
  };
}
