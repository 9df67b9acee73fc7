/** `rfc2228 keytab`: lists the keys of a keytab, without the keys themselves. */
import { enctypeOf, type KeytabEntry, principalText } from '../mechanisms/krb5/index.js';
import { readKeytab } from './keys.js';
import { EXIT, JSON_OPTION, parseOptions, readInput, UsageError } from './status.js';
import type { Streams } from './streams.js';
import { columns, printable } from './terminal.js';

export function keytab(args: string[], { stdout, stderr }: Streams): number {
  const { values, positionals } = parseOptions({ args, options: JSON_OPTION, allowPositionals: true });
  const [file, ...more] = positionals;
  if (file === undefined || more.length > 0) throw new UsageError('keytab needs one file');
  const entries = readKeytab(file, { read: readInput, stderr });
  for (const line of values.json ? entries.map(jsonOf) : tableOf(entries)) stdout.write(`${line}\n`);
  return EXIT.fine;
}

function tableOf(entries: readonly KeytabEntry[]): string[] {
  const rows = entries.map(({ kvno, timestamp, enctype, principal }) => [
    `${kvno}`,
    timeOf(timestamp).slice(0, 19),
    `${enctype}`,
    enctypeOf(enctype)?.name ?? 'not known here',
    printable(principalText(principal)),
  ]);
  return columns([['kvno', 'written (UTC)', 'enctype', '', 'principal'], ...rows]);
}

function jsonOf({ kvno, timestamp, enctype, principal }: KeytabEntry): string {
  const known = enctypeOf(enctype);
  return JSON.stringify({
    principal: principalText(principal),
    kvno,
    enctype,
    enctype_name: known?.name ?? null,
    weak: known?.weak ?? null,
    written: timeOf(timestamp),
  });
}

function timeOf(seconds: number): string {
  return new Date(seconds * 1000).toISOString();
}
