/** `rfc2228 fuzz` as a process, and what it found. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { CaseRecord, FindingRecord, SummaryRecord } from '../../src/fuzz/index.js';
import type { Environment } from './realm.js';

const COMMAND = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

/** How long a target is fuzzed, in seconds. */
export const SECONDS = Number(process.env['INTEROP_FUZZ_SECONDS'] ?? 60);
export const SEED = Number(process.env['INTEROP_SEED'] ?? 2228);

export interface Fuzzed {
  status: number | null;
  complaint: string;
  cases: CaseRecord[];
  findings: (FindingRecord & { file: string })[];
  summary: (SummaryRecord & { seconds: number }) | undefined;
}

/** @param args  behind `rfc2228 fuzz` */
export async function fuzzed(args: readonly string[], environment: Environment = {}): Promise<Fuzzed> {
  const child = spawn(process.execPath, [COMMAND, 'fuzz', ...args, '--json'], {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [output, complaint] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', text => (output += text));
  child.stderr.setEncoding('utf8').on('data', text => (complaint += text));
  const status = await new Promise<number | null>(resolve => child.on('close', resolve));
  const lines = output.split('\n').filter(line => line !== '');
  const records = lines.map(
    line => JSON.parse(line) as CaseRecord | (FindingRecord & { file: string }) | (SummaryRecord & { seconds: number }),
  );
  const summary = records.find(it => it.type === 'summary');
  return {
    status,
    complaint,
    cases: records.filter(it => it.type === 'case'),
    findings: records.filter(it => it.type === 'finding'),
    summary,
  };
}

/** For people: how many cases, how fast, and each finding. */
export function tell(target: string, { findings, summary }: Fuzzed): void {
  const { cases = 0, seconds = 0, outcomes = {} } = summary ?? {};
  const counts = Object.entries(outcomes).map(([kind, count]) => `${kind} ${count}`);
  console.info(`${target}: ${cases} cases, ${(cases / seconds).toFixed(1)}/s: ${counts.join(', ')}`);
  for (const { finding, name, outcome } of findings) console.info(`  ${finding}  ${name}: ${outcome}`);
}
