/** Which lines are shown. The filter is part of the page's address, after `#`. */
import type { Connection, Item, Report } from './report.js';
import { textOf } from './text.js';

/** Every field restricts the lines; an empty one does not. */
export interface Filter {
  connection: string;
  verdict: string;
  level: string;
  /** The side that sent the line. */
  side: string;
  /** Verb of a command, or code of a reply. */
  code: string;
  /** A rule of findings, or `error` for every line with an error. */
  rule: string;
  text: string;
}

export const NO_FILTER: Filter = { connection: '', verdict: '', level: '', side: '', code: '', rule: '', text: '' };

/** The rule that every line with an error matches. */
export const ANY_ERROR = 'error';

/** What the address says: the filter, and the line that it refers to. */
export interface Address {
  filter: Filter;
  line: string;
}

/** @param hash  with or without `#`; unknown names are ignored */
export function parseAddress(hash: string): Address {
  const values = new URLSearchParams(hash.replace(/^#/, ''));
  const filter = { ...NO_FILTER };
  for (const name of Object.keys(filter) as (keyof Filter)[]) filter[name] = values.get(name) ?? '';
  return { filter, line: values.get('line') ?? '' };
}

/** @returns the address with `#`; only `#` if nothing is restricted */
export function formatAddress({ filter, line }: Address): string {
  const values = Object.entries({ ...filter, line }).filter(([, value]) => value !== '');
  return `#${new URLSearchParams(values)}`;
}

/** A connection with those of its items that match. */
export interface Shown {
  connection: Connection;
  items: readonly Item[];
}

/** @returns all connections if nothing is restricted, else only those with an item that matches */
export function applyFilter({ connections }: Report, filter: Filter): Shown[] {
  const isEmpty = Object.values(filter).every(value => value === '');
  if (isEmpty) return connections.map(connection => ({ connection, items: connection.items }));
  const wanted = { ...filter, text: filter.text.toLowerCase(), code: filter.code.toUpperCase() };
  return connections
    .filter(({ number }) => wanted.connection === '' || wanted.connection === `${number}`)
    .map(connection => ({ connection, items: connection.items.filter(item => matches(item, wanted)) }))
    .filter(({ items }) => items.length > 0);
}

function matches({ record, findings }: Item, { verdict, level, side, code, rule, text }: Filter): boolean {
  return (
    (verdict === '' || record.verdict === verdict) &&
    (level === '' || record.level === level) &&
    (side === '' || record.from === side) &&
    (code === '' || codeOf(record) === code) &&
    (rule === '' || findings.some(finding => finding.rule === rule) || (rule === ANY_ERROR && record.error !== null)) &&
    (text === '' || searched(record).includes(text))
  );
}

/** The verb of a command or the code of a reply: the one inside, if the line was opened. */
export function codeOf(record: Item['record']): string {
  if (record.type === 'data') return (record.command ?? '').toUpperCase();
  return (/^(?:[A-Za-z]+|[1-6][0-9][0-9])/.exec(record.text ?? record.wire)?.[0] ?? '').toUpperCase();
}

function searched(record: Item['record']): string {
  const { error } = record;
  const marks = record.type === 'message' ? record.tolerated.join(' ') : `${record.sha256} ${record.user}`;
  return `${textOf(record)} ${marks} ${error?.code ?? ''} ${error?.message ?? ''}`.toLowerCase();
}
