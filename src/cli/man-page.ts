/** The man page rfc2228(1), made from the help. */
import { HELP, VERSION } from './help.js';
import { SUBCOMMAND_NAMES, usageOf } from './help-options.js';

/**
 * The man page in the macros of man(7).
 * @param date  of the page, as `2026-11-29`
 */
export function manPage(date: string): string {
  const synopsis = SUBCOMMAND_NAMES.map(name => `.B rfc2228 ${name}\n${escaped(usageOf(name).arguments)}`);
  const commands = SUBCOMMAND_NAMES.map(name => `.SS ${name}\n${bodyOf(HELP[name])}`);
  return `.TH RFC2228 1 ${date} "rfc2228 ${VERSION}" "User Commands"
.SH NAME
rfc2228 \\- the FTP security extensions (RFC 2228), on the command line
.SH SYNOPSIS
${synopsis.join('\n.br\n')}
.SH COMMANDS
${commands.join('')}.SH SEE ALSO
.BR ftp (1),
.BR kinit (1),
.BR klist (1)
`;
}

type Kind = 'heading' | 'item' | 'example' | 'text';

const ITEM = /^ {2}(--\S.*?|\d+)(?: {2,}(.*))?$/;

/** A help text without its first line: headings, items with their descriptions, examples and paragraphs. */
function bodyOf(help: string): string {
  const [first = '', ...lines] = help.split('\n');
  const about = first.slice(first.indexOf(': ') + 2);
  const page = [`${about.charAt(0).toUpperCase()}${escaped(about.slice(1))}.`];
  let last: Kind | undefined;
  for (const [i, line] of lines.entries()) {
    const kind = kindOf(line, lines[i + 1], last);
    if (last === 'example' && kind !== 'example') page.push('.EE');
    if (kind === 'example' && last !== 'example') page.push('.PP', '.EX');
    if (kind === 'text' && last !== 'text') page.push('.PP');
    if (kind !== undefined) page.push(linesOf(kind, line).join('\n'));
    last = kind;
  }
  if (last === 'example') page.push('.EE');
  return `${page.join('\n')}\n`;
}

/** @returns undefined for a blank line */
function kindOf(line: string, next: string | undefined, last: Kind | undefined): Kind | undefined {
  if (line === '') return undefined;
  if (/^ {4}/.test(line)) return last;
  if (ITEM.test(line)) return 'item';
  if (line.startsWith('  ')) return 'example';
  const isHeading = last === undefined && next?.startsWith('  ') && !line.endsWith('.');
  return isHeading || ['example', 'item'].includes(last ?? '') ? 'heading' : 'text';
}

function linesOf(kind: Kind, line: string): string[] {
  const [, term, text] = ITEM.exec(line) ?? [];
  if (kind === 'item' && term !== undefined) return ['.TP', `.B ${escaped(term)}`, ...(text ? [escaped(text)] : [])];
  if (kind === 'heading') return ['.PP', `.B ${escaped(line)}`];
  return [escaped(kind === 'example' ? line : line.trim())];
}

function escaped(text: string): string {
  return text.replace(/\\/g, '\\e').replace(/-/g, '\\-').replace(/^[.']/, '\\&$&');
}
