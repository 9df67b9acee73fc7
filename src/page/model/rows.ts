/** The rows of the sequence diagram: a heading for each connection, with its lines and transfers below. */
import type { Shown } from './filter.js';
import type { Connection, Item } from './report.js';

export type Row =
  | { kind: 'connection'; key: string; connection: Connection }
  | { kind: 'item'; key: string; item: Item };

export function rowsOf(shown: readonly Shown[]): Row[] {
  const rows: Row[] = [];
  for (const { connection, items } of shown) {
    rows.push({ kind: 'connection', key: `${connection.number}`, connection });
    for (const item of items) rows.push({ kind: 'item', key: item.key, item });
  }
  return rows;
}
