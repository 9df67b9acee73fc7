/**
 * The captures with known truth: those of `vectors`, and, where it lies beside the project, the whole corpus. Their truth files say
 * what each protected line and each protected data connection holds (vectors/captures/README.md).
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { MessageRecord, TranscriptRecord } from '../../src/capture/index.js';
import { gsi, parseKeyLog } from '../../src/mechanisms/gsi/index.js';
import { krb4, parseSrvtab } from '../../src/mechanisms/krb4/index.js';
import { krb5, parseKeytab } from '../../src/mechanisms/krb5/index.js';
import { nodeCiphers } from '../../src/node/index.js';
import type { Mechanism } from '../../src/protection/mechanism.js';

const ROOTS = ['../../../shared/captures', '../../vectors/captures', '../../vectors/gsi/captures'].map(path =>
  fileURLToPath(new URL(path, import.meta.url)),
);

export interface TruthLine {
  conn: number;
  from: 'client' | 'server';
  wire: string;
  plain_hex: string | null;
  conf: boolean;
  why?: string;
}

interface TruthData {
  data: true;
  sha256: string | null;
}

export interface KnownCapture {
  name: string;
  octets: Uint8Array;
  mechanisms: Mechanism[];
  lines: TruthLine[];
  /** Of each whole data connection. */
  hashes: string[];
}

const pathsIn = (folder: string): string[] =>
  readdirSync(folder, { withFileTypes: true }).flatMap(entry =>
    entry.isDirectory() ? pathsIn(`${folder}/${entry.name}`) : [`${folder}/${entry.name}`],
  );

/** Each capture once, by name. */
export function knownCaptures(): KnownCapture[] {
  const bases = new Map<string, string>();
  for (const path of ROOTS.filter(existsSync).flatMap(pathsIn)) {
    const [, base, name] = /^(.*\/([^/]+))\.truth\.jsonl$/.exec(path) ?? [];
    if (base !== undefined && existsSync(`${base}.pcap`) && !bases.has(name!)) bases.set(name!, base);
  }
  return [...bases].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, base]) => readCapture(name, base));
}

function readCapture(name: string, base: string): KnownCapture {
  const octets = (suffix: string) => new Uint8Array(readFileSync(`${base}.${suffix}`));
  const truth: (TruthLine | TruthData)[] = readFileSync(`${base}.truth.jsonl`, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map(line => JSON.parse(line));
  const mechanism = existsSync(`${base}.srvtab`)
    ? krb4({ observer: { keys: parseSrvtab(octets('srvtab')), ciphers: nodeCiphers } })
    : existsSync(`${base}.keylog`)
      ? gsi({ observer: { keyLogs: [parseKeyLog(octets('keylog'))] } })
      : krb5({ observer: { keys: parseKeytab(octets('keytab')), ciphers: nodeCiphers } });
  return {
    name,
    octets: octets('pcap'),
    mechanisms: [mechanism],
    lines: truth.filter(it => !('data' in it)) as TruthLine[],
    hashes: truth.flatMap(it => ('data' in it && it.sha256 !== null ? [it.sha256] : [])),
  };
}

/** The protected lines of a transcript. */
export function protectedLines(records: readonly TranscriptRecord[]): MessageRecord[] {
  return records.filter(it => it.type === 'message' && /^(MIC|ENC|CONF|63[123][ -])$/.test(it.wire)) as MessageRecord[];
}

/** A verified line as the truth has it. */
const verifiedLine = ({ from, wire, plain_hex, applied }: MessageRecord) =>
  [from, wire, plain_hex, applied === 'private'].join(' ');
const trueLine = ({ from, wire, plain_hex, conf }: TruthLine) => [from, wire, plain_hex, conf].join(' ');

/** Where a transcript differs from the truth; empty if it does not. */
export function differences({ lines, hashes }: KnownCapture, records: readonly TranscriptRecord[]): string[] {
  const found: string[] = [];
  const got = protectedLines(records);
  for (const conn of new Set([...lines.map(it => it.conn), ...got.map(it => it.connection)])) {
    const [expected, given] = [lines.filter(it => it.conn === conn), got.filter(it => it.connection === conn)];
    if (expected.length !== given.length)
      found.push(`connection ${conn}: ${given.length} lines in place of ${expected.length}`);
    for (const [i, line] of expected.entries()) {
      const it = given[i];
      if (it === undefined || isAsTrue(line, it)) continue;
      found.push(`connection ${conn}, line ${i + 1}: ${trueLine(line)}, but ${it.verdict} ${verifiedLine(it)}`);
    }
  }
  return [...found, ...missingHashes(hashes, records)].slice(0, 5);
}

function isAsTrue(line: TruthLine, it: MessageRecord): boolean {
  if (line.why === 'replay') return it.verdict === 'failed' && it.error?.code === 'security/replayed';
  if (line.plain_hex === null) return it.verdict !== 'verified';
  return it.verdict === 'verified' && verifiedLine(it) === trueLine(line);
}

function missingHashes(hashes: readonly string[], records: readonly TranscriptRecord[]): string[] {
  const left = records.flatMap(it => (it.type === 'data' && it.verdict === 'verified' ? [it.sha256] : []));
  return hashes.flatMap(hash => {
    const at = left.indexOf(hash);
    if (at === -1) return [`no verified data connection ${hash}`];
    left.splice(at, 1);
    return [];
  });
}

/**
 * What a transcript of a part of a capture says that the truth of the whole does not: a verified line that is not in it, or more
 * failed lines than it has.
 */
export function inventions({ lines, hashes }: KnownCapture, records: readonly TranscriptRecord[]): string[] {
  const left = lines.map(trueLine);
  const found: string[] = [];
  const got = protectedLines(records);
  for (const it of got.filter(({ verdict }) => verdict === 'verified')) {
    const at = left.indexOf(verifiedLine(it));
    if (at === -1) found.push(`verified, and not in the truth: ${verifiedLine(it)}`);
    else left.splice(at, 1);
  }
  const broken = lines.filter(({ plain_hex, why }) => plain_hex === null || why === 'replay').length;
  const failed = got.filter(({ verdict }) => verdict === 'failed');
  if (failed.length > broken) found.push(`${failed.length} failed lines, ${broken} in the truth`);
  const invented = records.filter(it => it.type === 'data' && it.whole && !hashes.includes(it.sha256!));
  return [...found, ...invented.map(() => 'a whole file that is not in the truth')].slice(0, 5);
}
