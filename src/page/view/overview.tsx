/** The totals of a transcript, and what could not be read. */
import { unreadUnit } from '../../capture/totals.js';
import { printable } from '../../printable.js';
import type { Report } from '../model/report.js';
import { count } from '../model/text.js';

export function Overview({ report, notices }: { report: Report; notices: readonly string[] }) {
  const { summary, recordings } = report;
  return (
    <>
      {summary === undefined ? (
        <p class="notice">This transcript has no end: some lines may be missing.</p>
      ) : (
        <p class="totals">
          {count(summary.connections, 'control connection')}, {count(summary.messages, 'line')}; {summary.protected}{' '}
          protected: <b class="verdict-verified">{summary.verified} verified</b>,{' '}
          <b class={summary.failed > 0 ? 'verdict-failed' : ''}>{summary.failed} failed</b>,{' '}
          <b class={summary.unkeyed > 0 ? 'verdict-unkeyed' : ''}>{summary.unkeyed} without a key</b>
          {summary.decrypted > 0 && `, ${summary.decrypted} decrypted and not verified`}
          {summary.unprotected_after_security > 0 &&
            `; ${summary.unprotected_after_security} in the clear where protection was required`}
          {summary.lost_segments > 0 && `; ${count(summary.lost_segments, 'gap')} in the capture`}
        </p>
      )}
      {Object.entries(summary?.unread ?? {}).map(([reason, many]) => (
        <p key={reason} class="notice">
          {count(Number(many), unreadUnit(reason))} not read: {printable(reason)}
        </p>
      ))}
      {recordings.map(({ file, status, error }) => (
        <p key={file} class={error === null ? '' : 'notice'}>
          {printable(file)}: status {status}
          {error !== null && printable(`, ${error.code}: ${error.message}`)}
        </p>
      ))}
      {notices.map(notice => (
        <p key={notice} class="notice">
          {printable(notice)}
        </p>
      ))}
    </>
  );
}
