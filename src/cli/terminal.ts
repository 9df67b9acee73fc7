/** Text for a terminal: colours if they are wanted, and untrusted text made harmless. */
export { printable, shorten } from '../printable.js';

const CODES = { red: 31, green: 32, yellow: 33, dim: 2, bold: 1 } as const;

/** Colours only on a terminal, and never if NO_COLOR is set (no-color.org). */
const coloured = process.stdout.isTTY === true && !process.env['NO_COLOR'] && process.env['TERM'] !== 'dumb';

export function paint(style: keyof typeof CODES, text: string): string {
  return coloured && text !== '' ? `\u001b[${CODES[style]}m${text}\u001b[0m` : text;
}

/** Aligns rows in columns. Each column is as wide as its widest cell; the last column is not padded. */
export function columns(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows) for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, cell.length);
  return rows.map(row => row.map((cell, i) => (i < row.length - 1 ? cell.padEnd(widths[i]!) : cell)).join('  '));
}
