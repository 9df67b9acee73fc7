/** The options and arguments of `rfc2228 verify`. */
import { FINDING_RULES, type FindingRecord } from '../capture/index.js';
import { DEVIATIONS, type Deviation, OPTIONAL_DEVIATIONS } from '../protection/deviations.js';
import { VERIFY_KEYS } from './mechanism-options.js';
import { SEVERITIES } from './report.js';
import { parseOptions, UsageError } from './status.js';
import type { VerificationOptions } from './verification.js';

/** The options in the form of `parseOptions`. */
export const OPTIONS = {
  ...VERIFY_KEYS,
  port: { type: 'string', multiple: true, default: [] as string[] },
  'only-port': { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
  html: { type: 'string' },
  extract: { type: 'string' },
  join: { type: 'boolean', default: false },
  merge: { type: 'boolean', default: false },
  jobs: { type: 'string' },
  'fail-on': { type: 'string', multiple: true, default: [] as string[] },
  utc: { type: 'boolean', default: false },
  errors: { type: 'boolean', default: false },
  summary: { type: 'boolean', default: false },
  strict: { type: 'boolean', default: false },
  tolerate: { type: 'string', multiple: true, default: [] as string[] },
} as const;

/** The options that have an effect on results of earlier runs, too. */
const OUTPUT_OPTIONS: readonly string[] = ['merge', 'json', 'html', 'fail-on', 'utc', 'errors', 'summary'];

export type Values = ReturnType<typeof parseOptions<{ options: typeof OPTIONS }>>['values'];

interface Arguments {
  values: Values;
  /** Of files and directories. */
  names: string[];
  options: Required<Pick<VerificationOptions, 'ports' | 'onlyPorts' | 'tolerate' | 'hashes'>>;
  failOn: (finding: FindingRecord) => boolean;
  /** How many workers are asked for. */
  jobs: number | undefined;
}

/** @throws UsageError for an option that can't be read, or that has no effect beside another one */
export function parseArguments(args: string[]): Arguments {
  const { values, positionals: names } = parseOptions({ args, options: OPTIONS, allowPositionals: true });
  if (names.length === 0) throw new UsageError('verify needs at least one file');
  const given = Object.entries(values).flatMap(([name, value]) => (isGiven(value) ? name : []));
  const forRecordings = values.merge ? given.find(name => !OUTPUT_OPTIONS.includes(name)) : undefined;
  if (forRecordings !== undefined) {
    throw new UsageError(`--merge reads results of earlier runs; --${forRecordings} is for recordings`);
  }
  if (values['password-stdin'] && names.includes('-')) {
    throw new UsageError('standard input is either a recording or a password');
  }
  const tolerate = [...(values.strict ? [] : DEVIATIONS), ...values.tolerate.map(parseDeviation)];
  const ports = values.port.map(parsePort);
  const onlyPorts = values['only-port'];
  if (onlyPorts && ports.length === 0) throw new UsageError('--only-port needs --port');
  // The table has no hashes.
  const hashes = values.json || values.html !== undefined || values.extract !== undefined;
  const options = { ports, onlyPorts, tolerate, hashes };
  return { values, names, options, failOn: parseFailOn(values['fail-on']), jobs: parseJobs(values.jobs) };
}

function isGiven(value: string | boolean | readonly string[] | undefined): boolean {
  return typeof value === 'object' ? value.length > 0 : value !== undefined && value !== false;
}

function parseDeviation(name: string): Deviation {
  const names: readonly Deviation[] = [...DEVIATIONS, ...OPTIONAL_DEVIATIONS];
  const found = names.find(it => it === name);
  if (found === undefined) throw new UsageError(`--tolerate must be one of ${names.join(', ')}`);
  return found;
}

/**
 * Parses names of rules, separated by commas, or a severity, which means every finding of that severity or worse.
 * @throws UsageError for an unknown name
 */
function parseFailOn(texts: readonly string[]): (finding: FindingRecord) => boolean {
  const names = texts.flatMap(text => text.split(','));
  const known: readonly string[] = [...SEVERITIES, ...FINDING_RULES];
  const unknown = names.find(name => !known.includes(name));
  if (unknown !== undefined) {
    const rules = FINDING_RULES.join(', ');
    throw new UsageError(
      `--fail-on: no rule ${JSON.stringify(unknown)}; it takes ${SEVERITIES.join(', ')} or ${rules}`,
    );
  }
  const least = names.reduce((least, name) => Math.max(least, (SEVERITIES as readonly string[]).indexOf(name)), -1);
  return ({ rule, severity }) => names.includes(rule) || SEVERITIES.indexOf(severity) <= least;
}

function parseJobs(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^[1-9][0-9]{0,3}$/.test(text)) throw new UsageError('--jobs must be a number from 1 to 9999');
  return Number(text);
}

function parsePort(text: string): number {
  const port = Number(text);
  if (!/^[0-9]+$/.test(text) || port < 1 || port > 65535)
    throw new UsageError('--port must be a number from 1 to 65535');
  return port;
}
