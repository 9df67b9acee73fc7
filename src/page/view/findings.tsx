/** The findings, the most severe first. */
import { printable } from '../../printable.js';
import type { Report } from '../model/report.js';
import { count } from '../model/text.js';
import { Severity } from './badges.js';

/** The most that are listed at first. */
const MOST = 8;

export interface FindingsProps {
  findings: Report['findings'];
  goTo: (key: string) => void;
}

export function Findings({ findings, goTo }: FindingsProps) {
  if (findings.length === 0) return <p>No findings.</p>;
  const rows = findings.slice(0, 1000).map(({ finding, keys }, index) => (
    <li key={index}>
      <Severity severity={finding.severity} /> <strong>{printable(finding.rule)}</strong> {printable(finding.text)}{' '}
      {(keys.length > 0 ? keys.slice(0, 3) : [`${finding.connection}`]).map(key => (
        <button key={key} type="button" class="link" onClick={() => goTo(key)}>
          {keys.length > 0 ? `line ${key}` : `connection ${key}`}
        </button>
      ))}
    </li>
  ));
  const [first, rest] = [rows.slice(0, MOST), rows.slice(MOST)];
  return (
    <>
      <ul class="findings">{first}</ul>
      {rest.length > 0 && (
        <details>
          <summary>{count(findings.length - MOST, 'more finding')}</summary>
          <ul class="findings">{rest}</ul>
        </details>
      )}
    </>
  );
}
