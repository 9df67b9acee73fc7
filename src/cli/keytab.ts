/** `rfc2228 keytab`: lists the keys of a keytab, without the keys themselves. */
import { enctypeOf, principalText } from '../mechanisms/krb5/index.js';
import { readKeytab } from './keys.js';
import { EXIT, parseOptions, UsageError } from './status.js';
import type { Streams } from './streams.js';
import { columns, printable } from './terminal.js';

export function keytab(args: string[], { stdout, stderr }: Streams): number {
  const { positionals } = parseOptions({ args, options: {}, allowPositionals: true });
  const [file, ...more] = positionals;
  if (file === undefined || more.length > 0) throw new UsageError('keytab wants one file');
  const rows = readKeytab(file, stderr).map(({ kvno, timestamp, enctype, principal }) => [
    `${kvno}`,
    new Date(timestamp * 1000).toISOString().slice(0, 19),
    enctypeOf(enctype)?.name ?? `enctype ${enctype}`,
    printable(principalText(principal)),
  ]);
  for (const line of columns([['kvno', 'written (UTC)', 'enctype', 'principal'], ...rows])) stdout.write(`${line}\n`);
  return EXIT.fine;
}
