/** `rfc2228 code`: what a reply code means. */
import { type Classification, classify } from '../ftp/reply-codes.js';
import { EXIT, JSON_OPTION, parseOptions, UsageError } from './status.js';
import type { Streams } from './streams.js';

export function code(args: string[], { stdout }: Streams): number {
  const { values, positionals } = parseOptions({ args, options: JSON_OPTION, allowPositionals: true });
  const [text = '', ...more] = positionals;
  if (!/^[0-9]{1,9}$/.test(text) || more.length > 0) throw new UsageError('code needs one number');
  const classification = classify(Number(text));
  stdout.write(`${values.json ? JSON.stringify(classification) : describeCode(classification)}\n`);
  return EXIT.fine;
}

const FOLLOWS = 'another reply follows';

/** A classification as one or two lines of text. */
export function describeCode({ code, kind, group, meaning, source }: Classification): string {
  const title = [`${code}`, kind.replace('-', ' '), ...(group === undefined ? [] : [group.replace('-', ' ')])];
  const said = meaning === undefined ? 'no reply code that an RFC gives' : meaning;
  // The meaning of a code that is in no table is that of its first digit, which says so already.
  const follows = kind === 'positive-preliminary' && !said.includes(FOLLOWS) ? `; ${FOLLOWS}` : '';
  return `${title.join('  ')}\n     ${said}${follows}${source === undefined ? '' : ` (${source})`}`;
}
