/** Options for fuzzing clients and servers. */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import * as fuzz from '../../fuzz/index.js';
import { nodeCiphers } from '../../node/index.js';
import type { Peer } from '../../protection/mechanism.js';
import { readKeys } from '../keys.js';
import { FUZZ_KEYS } from '../mechanism-options.js';
import { InputError, type parseOptions, UsageError } from '../status.js';

/** The greatest seed: seeds have 32 bits. */
export const MAX_SEED = 0xffff_ffff;

/** The options in the form of `parseOptions`. */
export const OPTIONS = {
  mechanism: { type: 'string' },
  ...FUZZ_KEYS,
  exec: { type: 'string' },
  time: { type: 'string' },
  cases: { type: 'string' },
  seed: { type: 'string' },
  only: { type: 'string', multiple: true, default: [] as string[] },
  level: { type: 'string' },
  rate: { type: 'string' },
  limit: { type: 'string' },
  out: { type: 'string', default: 'findings' },
  replay: { type: 'string' },
  json: { type: 'boolean', default: false },
  'i-own-this-target': { type: 'boolean', default: false },
} as const;

type Values = ReturnType<typeof parseOptions<{ options: typeof OPTIONS }>>['values'];

export interface Settings {
  cases: Iterable<fuzz.FuzzCase>;
  seed: number;
  /** Whether the run ends now, without a further case. */
  isOver(played: number): boolean;
  /** When the run ends, in milliseconds since 1970; Infinity if only the cases end it. */
  end: number;
  /** Aborted by Ctrl-C: the run ends after the current case, and shows its totals. A second Ctrl-C ends the process. */
  interrupted: AbortSignal;
  /** The shortest time between the starts of two cases, in milliseconds. */
  pause: number;
  /** The longest time for any answer, in milliseconds. */
  limit: number;
  exec: string | undefined;
  out: string;
  json: boolean;
}

export const SEED = 2228;
const DEFAULTS = { rate: 50, limit: 2000, seconds: 60 } as const;

/** Reads the options. @throws UsageError, InputError */
export function settingsOf(values: Values, to: Peer): Settings {
  const seed = wholeNumber('seed', values.seed, MAX_SEED) ?? SEED;
  const most = wholeNumber('cases', values.cases, Number.MAX_SAFE_INTEGER) ?? Number.POSITIVE_INFINITY;
  const seconds = wholeNumber('time', values.time, 1e7);
  const endless = values.cases === undefined && values.replay === undefined;
  const end = Date.now() + 1000 * (seconds ?? (endless ? DEFAULTS.seconds : Number.POSITIVE_INFINITY));
  const interruption = new AbortController();
  process.once('SIGINT', () => interruption.abort());
  const { signal: interrupted } = interruption;
  const { exec, out, json, replay } = values;
  return {
    cases: replay === undefined ? newCases(values, to, seed) : replayed(replay, to),
    seed,
    isOver: played => played >= most || Date.now() >= end || interrupted.aborted,
    end,
    interrupted,
    pause: 1000 / (wholeNumber('rate', values.rate, 100_000, 1) ?? DEFAULTS.rate),
    limit: wholeNumber('limit', values.limit, 600_000, 1) ?? DEFAULTS.limit,
    exec,
    out,
    json,
  };
}

function newCases({ only, level, mechanism = '' }: Values, to: Peer, seed: number): Iterable<fuzz.FuzzCase> {
  if (level !== undefined && level !== 'safe' && level !== 'private')
    throw new UsageError('--level must be safe or private');
  const layers = only.length > 0 ? only.map(layerOf) : fuzz.LAYERS;
  const its = fuzz.references(seed, nodeCiphers).filter(reference => reference.mechanism === mechanism);
  const options: fuzz.PlanOptions = { to, seed, layers, references: its, ...(level && { level }) };
  if (fuzz.plan(options).next().done) throw new UsageError(`no case of ${layers.join(', ')} is for a ${to}`);
  return fuzz.plan(options);
}

/** @throws UsageError if it is not a whole number from `min` to `max` */
export function wholeNumber(name: string, text: string | undefined, max: number, min = 0): number | undefined {
  if (text === undefined) return undefined;
  const number = Number(text);
  if (/^\d+$/.test(text) && number >= min && number <= max) return number;
  throw new UsageError(`--${name} must be a whole number from ${min} to ${max}`);
}

function layerOf(name: string): fuzz.Layer {
  const layer = fuzz.LAYERS.find(it => it === name);
  if (layer === undefined) throw new UsageError(`--only must be one of ${fuzz.LAYERS.join(', ')}`);
  return layer;
}

/** @param path  a reproducer, or a folder of reproducers */
function replayed(path: string, to: Peer): fuzz.FuzzCase[] {
  if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) return readReproducer(path, to);
  const files = readdirSync(path).filter(file => file.endsWith('.json'));
  if (files.length === 0) throw new InputError(`${path}: no reproducer is in this folder`);
  return files.sort().flatMap(file => readReproducer(join(path, file), to));
}

function readReproducer(file: string, to: Peer): fuzz.FuzzCase[] {
  const cases = readKeys(file, fuzz.parseReproducers);
  if (cases.every(one => one.to === to)) return cases;
  throw new UsageError(`${file} has cases for the other side`);
}

/** Parses `HOST:PORT`, with an IPv6 address in brackets, or a port alone, which means this host. */
export function parseEndpoint(text: string): { host: string; port: number } {
  const [, inBrackets, name, digits] = /^(?:(?:\[([^\]]+)\]|([^:]*)):)?(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  if (digits === undefined || port > 65_535) throw new UsageError(`${JSON.stringify(text)} is not HOST:PORT`);
  return { host: inBrackets ?? (name || '127.0.0.1'), port };
}

/** Rejects other hosts without --i-own-this-target, because fuzzing hosts of other people does harm. */
export function assertOwned(host: string, { 'i-own-this-target': owned }: Values): void {
  const isLoopback = /^127(\.\d{1,3}){3}$/.test(host) || host === '::1' || host.toLowerCase() === 'localhost';
  if (isLoopback || owned) return;
  throw new UsageError(`${host} is not this host: only with --i-own-this-target`);
}
