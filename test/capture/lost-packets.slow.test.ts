/**
 * Real captures in which packets are missing, cut, doubled or in another order. What is lost is said to be lost: it changes no line
 * that is there, and no peer is accused because of it.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import {
  type DataRecord,
  type FindingRecord,
  type MessageRecord,
  type TranscriptRecord,
  verifyRecording,
} from '../../src/capture/index.js';
import type { Segment } from '../../src/capture/link-layer.js';
import { Choices, choicesFrom } from '../../src/fuzz/choices.js';
import { gsi, parseKeyLog } from '../../src/mechanisms/gsi/index.js';
import { krb4, parseSrvtab } from '../../src/mechanisms/krb4/index.js';
import { krb5, parseKeytab } from '../../src/mechanisms/krb5/index.js';
import { nodeCiphers } from '../../src/node/index.js';
import { CAPTURES } from '../session/recorded.js';
import { pcapOf, realCapture, segmentsOf, vectorPath } from './helpers.js';

const SEEDS = [1, 2, 3, 4, 5, 6];

/** Changes a list of packets in place. */
const CHANGES: Record<string, (packets: Segment[], draw: Choices) => void> = {
  'some packets missing': (packets, draw) =>
    times(1 + draw.below(4), () => packets.splice(draw.below(packets.length), 1)),
  'successive packets missing': (packets, draw) => packets.splice(draw.below(packets.length), 1 + draw.below(30)),
  'the beginning missing': (packets, draw) => packets.splice(0, draw.below(packets.length - 5)),
  'the end missing': (packets, draw) => packets.splice(5 + draw.below(packets.length - 5)),
  'packets cut short': (packets, draw) =>
    times(1 + draw.below(5), () => {
      const at = draw.below(packets.length);
      const { payload, ...rest } = packets[at]!;
      const left = draw.below(payload.length);
      packets[at] = { ...rest, payload: payload.subarray(0, left), missing: payload.length - left };
    }),
  'packets twice': (packets, draw) =>
    times(1 + draw.below(10), () => {
      const at = draw.below(packets.length);
      packets.splice(at + 1 + draw.below(50), 0, packets[at]!);
    }),
  'packets in another order': (packets, draw) =>
    times(1 + draw.below(20), () => {
      const at = draw.below(packets.length - 1);
      [packets[at], packets[at + 1]] = [packets[at + 1]!, packets[at]!];
    }),
};
/** Of these, all octets are there. */
const HARMLESS = ['packets twice', 'packets in another order'];

function times(count: number, work: () => unknown): void {
  for (let i = 0; i < count; i++) work();
}

/** Paths without `.pcap`. */
const NAMES = [...CAPTURES, ...namesIn('../gsi/captures')];

function namesIn(folder: string): string[] {
  const captures = readdirSync(vectorPath(folder)).filter(file => file.endsWith('.pcap'));
  return captures.map(file => `${folder}/${file.slice(0, -'.pcap'.length)}`);
}

function verify(name: string, file: Uint8Array): TranscriptRecord[] {
  const keysIn = <T>(ending: string, parse: (bytes: Uint8Array) => T[]): T[] =>
    existsSync(vectorPath(name + ending)) ? parse(readFileSync(vectorPath(name + ending))) : [];
  const ciphers = nodeCiphers;
  return verifyRecording(file, {
    mechanisms: [
      krb5({ observer: { keys: keysIn('.keytab', parseKeytab), ciphers } }),
      krb4({ observer: { keys: keysIn('.srvtab', parseSrvtab), ciphers } }),
      gsi({ observer: { keyLogs: keysIn('.keylog', octets => [parseKeyLog(octets)]) } }),
    ],
  }).records;
}

const of = <T extends TranscriptRecord['type']>(records: TranscriptRecord[], type: T) =>
  records.filter((it): it is Extract<TranscriptRecord, { type: T }> => it.type === type);

/** What a transcript says against a peer: errors of whole lines and data connections, and findings that are not low. */
function accusations(records: TranscriptRecord[]): string[] {
  const isWhole = ({ wire, error }: MessageRecord) => wire !== '' && error !== null;
  const isBroken = ({ error, lost }: DataRecord) => error !== null && lost === 0;
  const isSevere = ({ severity }: FindingRecord) => severity !== 'low';
  return [
    ...of(records, 'message')
      .filter(isWhole)
      .map(({ wire, error }) => `${wire} ${error!.code}`),
    ...of(records, 'data')
      .filter(isBroken)
      .map(({ error }) => `data ${error!.code}`),
    ...of(records, 'finding')
      .filter(isSevere)
      .map(({ rule }) => rule),
  ];
}

function totals(records: TranscriptRecord[]): number[] {
  const { messages, verified, failed, unkeyed } = of(records, 'summary')[0]!;
  return [messages, verified, failed, unkeyed];
}

/** Errors that a peer has made in the whole recording, and that may have another code where less is known. */
const SAME: Readonly<Record<string, string>> = {
  'sequence/wrong-level': 'level',
  'security/level-unsupported': 'level',
};
const kindOf = (accusation: string) => accusation.replace(/\S+\/\S+/, code => SAME[code] ?? code);

test.each(NAMES)('%s', name => {
  const packets = segmentsOf(realCapture(name));
  const whole = verify(name, pcapOf(packets));
  const known = new Set(accusations(whole).map(kindOf));
  const lines = new Set(of(whole, 'message').map(({ from, wire, token }) => `${from} ${wire} ${token}`));
  for (const [what, change] of Object.entries(CHANGES)) {
    for (const seed of SEEDS) {
      const changed = [...packets];
      change(changed, new Choices(choicesFrom(seed, 64)));
      const records = verify(name, pcapOf(changed));
      const label = `${what}, seed ${seed}`;
      expect(
        [...new Set(accusations(records).map(kindOf))].filter(it => !known.has(it)),
        label,
      ).toEqual([]);
      const others = of(records, 'message').filter(({ from, wire, token }) => !lines.has(`${from} ${wire} ${token}`));
      expect(
        others.filter(({ wire }) => wire !== ''),
        label,
      ).toEqual([]);
      if (HARMLESS.includes(what)) expect(totals(records), label).toEqual(totals(whole));
    }
  }
});
