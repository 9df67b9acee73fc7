/**
 * tshark as the judge of reassembly: for each connection of each capture of which the truth is known, as it is and rewritten, the
 * octets of both directions are those that `tshark -z follow,tcp,raw` gives. Some rewritings of each capture run here;
 * `REWRITINGS=all npm run interop:gsi -- reassembly` runs all.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { knownCaptures } from '../capture/corpus.js';
import { flowsOf, segmentsOf } from '../capture/helpers.js';
import { REWRITINGS, type Rewriting } from '../capture/rewritings.js';
import { run } from './program.js';

/** The octets of both directions, in hex, each after its sender; `{n}` where n octets are not in the capture. */
type Streams = Map<string, string>;

/** The names of the rewritings that move, repeat, cut or leave out octets; of the others there is one of each kind. */
const NAMES = [
  'as it is',
  'as pcapng, sections of both byte orders',
  'in VXLAN',
  'in fragments in reverse order',
  'in fragments sent twice',
  'in segments of 7 octets',
  'each packet twice',
  'sent again some packets later',
  'sent again in part',
  'halves in the wrong order',
  'directions in the wrong order',
  'with numbers that wrap around',
  'without each 97th packet',
];
const AS_IT_IS: Pick<Rewriting, 'name' | 'write'> = { name: 'as it is', write: () => new Uint8Array(0) };
const CHOSEN = NAMES.map(name => [AS_IT_IS, ...REWRITINGS].find(it => it.name === name)!);
/** Of how many rewritings of a capture one runs; it runs as it is in any case. */
const ONE_OF = process.env['REWRITINGS'] === 'all' ? 1 : 6;

const folder = mkdtempSync(join(tmpdir(), 'rfc2228-streams-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const hex = (text: string) => Buffer.from(text, 'latin1').toString('hex');
const MISSING = /^\[(\d+) bytes missing in capture file\]\.?\0?$/;

function ours(file: Uint8Array): Streams {
  const streams: Streams = new Map();
  for (const { ends, texts } of flowsOf(segmentsOf(file))) {
    for (const from of [0, 1] as const) {
      const octets = texts[from].split(/(\{\d+\})/).map(part => (/^\{\d+\}$/.test(part) ? part : hex(part)));
      // tshark says nothing of octets that are missing at the end of a stream; we know of them by the number of the FIN.
      add(streams, `${ends[from]} to ${ends[1 - from]}`, octets.join('').replace(/\{\d+\}$/, ''));
    }
  }
  return streams;
}

/** A port may be used again: then the streams of all its connections follow each other. */
function add(streams: Streams, key: string, octets: string): void {
  if (octets !== '') streams.set(key, (streams.get(key) ?? '') + octets);
}

async function theirs(file: Uint8Array, name: string): Promise<Streams> {
  const path = join(folder, `${name}.pcap`);
  writeFileSync(path, file);
  const connections = flowsOf(segmentsOf(file)).length;
  const follow = Array.from({ length: connections }, (_, i) => ['-z', `follow,tcp,raw,${i}`]).flat();
  const { output, code } = await run('tshark', ['-r', path, '-q', ...follow], {
    environment: { PATH: process.env['PATH']!, HOME: folder } as never,
    folder,
    limit: 60_000,
  });
  expect(code).toBe(0);
  const streams: Streams = new Map();
  const parts = output.split(/^Follow: tcp,raw$/m).slice(1);
  // The taps print the last one first.
  const numbered = parts.map(part => [Number(/tcp\.stream eq (\d+)/.exec(part)![1]), part] as const);
  for (const [, part] of numbered.sort(([a], [b]) => a - b)) {
    const [, one = '', two = ''] = /^Node 0: (\S+)\nNode 1: (\S+)$/m.exec(part) ?? [];
    const said = { '': '', '\t': '' };
    for (const [, tab, octets] of part.matchAll(/^(\t?)([0-9a-f]+)$/gm)) {
      const text = Buffer.from(octets!, 'hex').toString('latin1');
      said[tab as '' | '\t'] += MISSING.test(text) ? text.replace(MISSING, '{$1}') : octets;
    }
    add(streams, `${one} to ${two}`, said['']);
    add(streams, `${two} to ${one}`, said['\t']);
  }
  return streams;
}

/** The streams that differ, and where. */
function differing(one: Streams, other: Streams): string[] {
  return [...new Set([...one.keys(), ...other.keys()])].flatMap(key => {
    const [a, b] = [one.get(key) ?? '', other.get(key) ?? ''];
    if (a === b) return [];
    let at = 0;
    while (at < a.length && a[at] === b[at]) at++;
    return [
      `${key}: ${a.length} and ${b.length} hex digits, from ${at} on ${a.slice(at, at + 40)} and ${b.slice(at, at + 40)}`,
    ];
  });
}

describe.each(knownCaptures().map((it, index) => ({ ...it, index })))(
  'tshark puts together the streams of $name',
  known => {
    const segments = segmentsOf(known.octets);
    // tshark takes minutes for 100,000 packets, since it follows each connection through all of them.
    const isSmall = known.octets.length < 400_000;
    const rewritings = CHOSEN.filter((it, i) => it === AS_IT_IS || (i + known.index) % ONE_OF === 0).filter(
      it => isSmall || it.name !== 'in segments of 7 octets',
    );

    test.each(rewritings)('$name', async rewriting => {
      const file = rewriting === AS_IT_IS ? known.octets : rewriting.write(segments);
      const found = ours(file);
      expect(found.size).toBeGreaterThan(0);
      expect(differing(found, await theirs(file, `${known.index}-${rewritings.indexOf(rewriting)}`))).toEqual([]);
    });
  },
);
