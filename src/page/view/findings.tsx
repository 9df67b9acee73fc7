/** The findings, the most severe first. Findings of the same rule and text are one row. */
import { useMemo } from 'preact/hooks';
import type { FindingRecord } from '../../capture/index.js';
import { printable } from '../../printable.js';
import type { Report } from '../model/report.js';
import { Severity } from './badges.js';

/** The most rows that are listed at first, at all, and the most lines of one row. */
const FIRST = 8;
const MOST = 1000;
const MOST_LINES = 6;

export interface FindingsProps {
  findings: Report['findings'];
  goTo: (key: string) => void;
}

export function Findings({ findings, goTo }: FindingsProps) {
  const groups = useMemo(() => groupsOf(findings), [findings]);
  if (groups.length === 0) return <p>No findings.</p>;
  const rows = groups.slice(0, MOST).map((group, index) => <GroupRow key={index} group={group} goTo={goTo} />);
  return (
    <>
      <ul class="findings">{rows.slice(0, FIRST)}</ul>
      {rows.length > FIRST && (
        <details>
          <summary>{groups.length - FIRST} more kinds of findings</summary>
          <ul class="findings">{rows.slice(FIRST)}</ul>
        </details>
      )}
    </>
  );
}

interface Group {
  finding: FindingRecord;
  /** The first row that shows each of its findings: a line, a transfer, or a connection. */
  keys: string[];
}

function groupsOf(findings: Report['findings']): Group[] {
  const groups = new Map<string, Group>();
  for (const { finding, keys } of findings) {
    const name = `${finding.rule} ${finding.text}`;
    const group = groups.get(name) ?? { finding, keys: [] };
    groups.set(name, group);
    group.keys.push(keys[0] ?? `${finding.connection}`);
  }
  return [...groups.values()];
}

function GroupRow({ group: { finding, keys }, goTo }: { group: Group; goTo: (key: string) => void }) {
  const { rule, severity, text } = finding;
  return (
    <li>
      <Severity severity={severity} /> <strong>{printable(rule)}</strong> {printable(text)}{' '}
      {keys.slice(0, MOST_LINES).map(key => (
        <button key={key} type="button" class="link" onClick={() => goTo(key)}>
          {key.includes('.') ? `line ${key}` : `connection ${key}`}
        </button>
      ))}
      {keys.length > MOST_LINES && (
        <a href={`#${new URLSearchParams({ rule })}`}>and {keys.length - MOST_LINES} more</a>
      )}
    </li>
  );
}
