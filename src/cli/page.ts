/** `rfc2228 page FILE`: writes the page that verifies captures in a browser. It is built from src/page. */
import { copyFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { attempt } from './files.js';
import { assertHtmlName } from './html.js';
import { EXIT, parseOptions, UsageError } from './status.js';

export function page(args: string[]): number {
  const { positionals } = parseOptions({ args, options: {}, allowPositionals: true });
  const [file, ...more] = positionals;
  if (file === undefined || more.length > 0) throw new UsageError('page needs one file');
  assertHtmlName('page', file);
  attempt(file, () => copyFileSync(fileURLToPath(new URL('../../dist/page.html', import.meta.url)), file));
  return EXIT.fine;
}
