/** The files that moved, with their hashes. */
import type { DataRecord } from '../../capture/index.js';
import { printable } from '../../printable.js';
import type { Report } from '../model/report.js';
import { textOf } from '../model/text.js';
import { Level, VerdictBadge } from './badges.js';

/** The most that are listed; the diagram has all. */
const MOST = 1000;

export function Transfers({ transfers, goTo }: { transfers: Report['transfers']; goTo: (key: string) => void }) {
  return (
    <details>
      <summary>Transfers on protected data connections: {transfers.length.toLocaleString('en')}</summary>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable with the keyboard */}
      <section class="wide" aria-label="Transfers" tabIndex={0}>
        <table>
          <thead>
            <tr>
              <th>Transfer</th>
              <th>User</th>
              <th>Octets</th>
              <th>Level</th>
              <th>Verdict</th>
              <th>SHA-256</th>
              <th>Error</th>
            </tr>
          </thead>
          <tbody>
            {transfers.slice(0, MOST).map(({ key, record }) => {
              const { user, bytes, level, applied, verdict, sha256, error } = record as DataRecord;
              return (
                <tr key={key}>
                  <td>
                    <button type="button" class="link" onClick={() => goTo(key)}>
                      {textOf(record)}
                    </button>
                  </td>
                  <td>{printable(user ?? '')}</td>
                  <td class="amount">{bytes?.toLocaleString('en')}</td>
                  <td>
                    <Level level={level} applied={applied} />
                  </td>
                  <td>
                    <VerdictBadge verdict={verdict} />
                  </td>
                  <td>
                    <code>{printable(sha256 ?? '')}</code>
                  </td>
                  <td>{error?.code}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </section>
    </details>
  );
}
