/** The filter as a form. */
import { ANY_ERROR, codeOf, type Filter, NO_FILTER } from '../model/filter.js';
import type { Report } from '../model/report.js';
import { count } from '../model/text.js';

export interface FilterBarProps {
  report: Report;
  filter: Filter;
  /** Number of lines that are shown. */
  shown: number;
  change: (filter: Filter) => void;
}

export function FilterBar({ report, filter, shown, change }: FilterBarProps) {
  const set = (name: keyof Filter) => (event: Event) =>
    change({ ...filter, [name]: (event.target as HTMLInputElement | HTMLSelectElement).value });
  const select = (name: keyof Filter, label: string, values: readonly string[]) => (
    <label>
      {label}
      <select value={filter[name]} onChange={set(name)}>
        <option value="">all</option>
        {[...new Set([...values, filter[name]])].filter(Boolean).map(value => (
          <option key={value} value={value}>
            {value}
          </option>
        ))}
      </select>
    </label>
  );
  return (
    <search>
      <form class="filter" onSubmit={event => event.preventDefault()}>
        {select(
          'connection',
          'Connection',
          report.connections.slice(0, 500).map(({ number }) => `${number}`),
        )}
        {select('verdict', 'Verdict', ['verified', 'decrypted', 'failed', 'unkeyed', 'clear'])}
        {select('level', 'Level', ['clear', 'safe', 'confidential', 'private'])}
        {select('side', 'Side', ['client', 'server'])}
        {select('code', 'Code', codesOf(report))}
        {select('rule', 'Rule', [ANY_ERROR, ...new Set(report.findings.map(({ finding }) => finding.rule))])}
        <label class="text">
          Text
          <input type="search" value={filter.text} onInput={set('text')} />
        </label>
        <button type="button" onClick={() => change(NO_FILTER)}>
          Show all
        </button>
        <output>{count(shown, 'line')}</output>
      </form>
    </search>
  );
}

const known = new WeakMap<Report, string[]>();

/** All verbs and codes of a report, sorted. */
function codesOf(report: Report): string[] {
  const codes =
    known.get(report) ??
    [...new Set(report.connections.flatMap(({ items }) => items.map(({ record }) => codeOf(record))))].sort();
  known.set(report, codes);
  return codes;
}
