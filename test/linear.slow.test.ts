/** The work of readers, writers and queues is linear in their input. What is not here is tested beside the reader itself. */
import { describe, expect, it } from 'vitest';
import { decodeBase64, encodeBase64 } from '../src/base64.js';
import { concatAll, toUtf8 } from '../src/bytes.js';
import { ACK } from '../src/capture/link-layer.js';
import { readTextTranscript } from '../src/capture/text-transcript.js';
import { parseReply } from '../src/ftp/reply.js';
import { ReplayCache } from '../src/mechanisms/replay-cache.js';
import { BlockReader, BlockWriter } from '../src/protection/data-block.js';
import { ProtectedReplyReader, protectReply } from '../src/protection/protect.js';
import { ReplayWindow } from '../src/replay-window.js';
import { flowsOf, pcapOf, segment, segmentsOf, talk } from './capture/helpers.js';
import { growth, LINEAR } from './ftp/readers.js';
import { ascii } from './helpers.js';
import { visibleContext } from './protection/visible-context.js';

/** Work for an input of this size; it throws if the result is wrong. */
const WORK: Record<string, (size: number) => void> = {
  'base 64, written and read': size => {
    const octets = new Uint8Array(size).fill(7);
    expect(decodeBase64(encodeBase64(octets)).length).toBe(size);
  },
  'inner replies that wait to be taken': size => {
    const [from, to] = [visibleContext(), new ProtectedReplyReader(visibleContext())];
    const text = toUtf8('200 a');
    for (let i = 0; i < size; i++) to.push(parseReply(protectReply(from, 'safe', text)));
    for (let i = 0; i < size; i++) if (to.next()?.inner.code !== 200) throw new Error('not the reply that came');
  },
  'a file in single octets, and its blocks in chunks of seven': size => {
    const options = { bufferSize: 100 };
    const [writer, reader] = [
      new BlockWriter(visibleContext(), 'safe', options),
      new BlockReader(visibleContext(), 'safe', options),
    ];
    const octet = Uint8Array.of(1);
    const blocks = concatAll([...Array.from({ length: size }, () => writer.write(octet)), writer.end()]);
    let read = 0;
    for (let at = 0; at < blocks.length; at += 7) {
      reader.push(blocks.subarray(at, at + 7));
      for (let text = reader.next(); text !== undefined; text = reader.next()) read += text.length;
    }
    expect([read, reader.ended]).toEqual([size, true]);
  },
  'numbers received in order, and with each second one late': size => {
    const window = new ReplayWindow(0n);
    for (let i = 0; i < size; i += 2) {
      window.accept(BigInt(i + 1));
      window.accept(BigInt(i));
    }
    expect(window.missing).toBe(0n);
  },
  'authenticators, recorded and expired': size => {
    const cache = new ReplayCache();
    for (let i = 0; i < size; i++) expect(cache.add(i.toString(16).padStart(64, '0'), i + 60, i)).toBe(true);
  },
  'segments of TCP that come in reverse order': size => {
    const later = Array.from({ length: size }, (_, i) =>
      segment({ seq: 1001 + i, payload: ascii('x'), flags: ACK, ack: 5001 }),
    );
    expect(flowsOf([...talk([], { close: 'open' }), ...later.reverse()])[0]?.texts[0].length).toBe(size);
  },
  'packets of a capture file': size => {
    const file = pcapOf(Array.from({ length: size }, () => segment({ payload: ascii('x') })));
    expect(segmentsOf(file).length).toBe(size);
  },
  'lines of a transcript': size => {
    expect(readTextTranscript(toUtf8('C> NOOP\n'.repeat(size)))[0]?.length).toBe(size);
  },
};

describe('work is linear', () => {
  it.each(Object.keys(WORK))('for %s', name => {
    expect(growth(WORK[name]!, 500)).toBeLessThan(LINEAR);
  });

  it('and the measure would find work that is not', () => {
    const lines: string[] = [];
    const quadratic = (size: number) => {
      lines.length = 0;
      for (let i = 0; i < size; i++) if (!lines.includes(`${i}`)) lines.push(`${i}`);
      expect(lines.length).toBe(size);
    };
    expect(growth(quadratic, 500)).toBeGreaterThan(LINEAR);
  });
});
