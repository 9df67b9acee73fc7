/** The sequence diagram: the lanes of client, server and data connections, with a row for each line. */
import { useCallback, useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { Row } from '../model/rows.js';
import { ConnectionRow } from './connection-row.js';
import { ItemRow } from './item-row.js';
import { usePrinting } from './printing.js';
import type { Place } from './row.js';
import { useVirtualRows } from './virtual-rows.js';

/** Heights before measurement, in pixels, as in style.css. */
const HEIGHTS: Readonly<Record<Row['kind'], number>> = { connection: 76, item: 30 };

/** The most rows on paper: a browser needs a minute for more. */
export const MAX_PRINTED = 5000;

export interface DiagramProps {
  rows: readonly Row[];
  open: ReadonlySet<string>;
  toggle: (key: string) => void;
  /** The row to go to; a new object each time. */
  target: { key: string } | undefined;
}

export function Diagram({ rows, open, toggle, target }: DiagramProps) {
  const list = useRef<HTMLOListElement>(null);
  const [active, setActive] = useState(0);
  const wanted = useRef<number | undefined>(undefined);
  const printing = usePrinting();
  const virtual = useVirtualRows({
    count: rows.length,
    keyOf: useCallback((index: number) => rows[index]?.key ?? `${index}`, [rows]),
    heightOf: useCallback((index: number) => HEIGHTS[rows[index]?.kind ?? 'item'], [rows]),
    active,
    list,
  });

  const goTo = (index: number, align: 'auto' | 'center' = 'auto') => {
    const next = Math.max(0, Math.min(rows.length - 1, index));
    wanted.current = next;
    setActive(next);
    virtual.scrollToIndex(next, { align });
  };
  useLayoutEffect(() => {
    const index = target === undefined ? -1 : rows.findIndex(({ key }) => key === target.key);
    if (index >= 0) goTo(index, 'center');
  }, [target]);
  useLayoutEffect(() => {
    if (wanted.current === undefined) return;
    const button = list.current?.querySelector<HTMLElement>(`[data-index="${wanted.current}"] button`);
    button?.focus({ preventScroll: true });
    if (button) wanted.current = undefined;
  });

  const onKeyDown = (event: KeyboardEvent) => {
    const steps: Record<string, number> = { ArrowDown: 1, ArrowUp: -1, Home: -rows.length, End: rows.length };
    const step = steps[event.key];
    if (step === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
    if (!(event.target as Element).matches('.head')) return;
    event.preventDefault();
    goTo(active + step);
  };

  const shared = { size: rows.length, toggle };
  const place = (index: number) => ({ ...shared, index, focusable: index === active, focused: setActive });
  if (printing) {
    return (
      <ol class="diagram" aria-label="Sequence diagram">
        {rows.slice(0, MAX_PRINTED).map((row, index) => rowView(row, open.has(row.key), place(index)))}
      </ol>
    );
  }
  return (
    <ol
      class="diagram virtual"
      aria-label="Sequence diagram"
      ref={list}
      style={{ height: `${virtual.getTotalSize()}px` }}
      onKeyDown={onKeyDown}
    >
      {virtual.getVirtualItems().map(({ index, start }) => {
        const row = rows[index];
        const top = start - virtual.options.scrollMargin;
        return row && rowView(row, open.has(row.key), { ...place(index), top, measure: virtual.measureElement });
      })}
    </ol>
  );
}

function rowView(row: Row, isOpen: boolean, place: Place) {
  return row.kind === 'connection' ? (
    <ConnectionRow key={row.key} connection={row.connection} isOpen={isOpen} {...place} />
  ) : (
    <ItemRow key={row.key} item={row.item} isOpen={isOpen} {...place} />
  );
}
