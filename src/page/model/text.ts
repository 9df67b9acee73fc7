/** Texts of records for people. Whatever comes from a recording is made printable. */
import type { DataRecord, MessageRecord } from '../../capture/index.js';
import { printable } from '../../printable.js';

/** What a line says, without its end; of a line that stays closed, its code or verb; of a transfer, what it moved. */
export function textOf(record: MessageRecord | DataRecord): string {
  if (record.type === 'data') return printable([record.command ?? 'transfer', record.name ?? ''].join(' ').trim());
  return printable((record.text ?? record.wire).replace(/\r?\n?\0?$/, ''));
}

/** The size of a transfer. */
export function sizeOf({ blocks, bytes }: DataRecord): string {
  return bytes === null ? count(blocks, 'block') : `${count(blocks, 'block')}, ${count(bytes, 'octet')}`;
}

/** A number with its noun, e.g. `1 line` or `2,000 lines`. */
export function count(number: number, noun: string): string {
  return `${number.toLocaleString('en')} ${noun}${number === 1 ? '' : 's'}`;
}

/** The time of day of a record in UTC, to the microsecond. */
export function clockOf(time: string | null): string {
  return time?.slice(11, 26).replace('Z', '') ?? '';
}

/** A value of a description or a fact. */
export function valueText(value: unknown): string {
  return printable(typeof value === 'string' ? value : (JSON.stringify(value) ?? ''));
}

/** A name of a fact in words: `ticketKvno` is `ticket kvno`. */
export function factName(name: string): string {
  return printable(name.replace(/([a-z])([A-Z])/g, (_, before, capital) => `${before} ${capital.toLowerCase()}`));
}
