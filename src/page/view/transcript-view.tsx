/** A transcript: what was found on top, the filter, and the diagram. */
import { useEffect, useMemo, useState } from 'preact/hooks';
import { applyFilter, formatAddress, parseAddress } from '../model/filter.js';
import { reportOf } from '../model/report.js';
import { rowsOf } from '../model/rows.js';
import { count } from '../model/text.js';
import type { ReadTranscript } from '../model/transcript-lines.js';
import { Diagram } from './diagram.js';
import { FilterBar } from './filter-bar.js';
import { Findings } from './findings.js';
import { Overview } from './overview.js';
import { Timeline } from './timeline.js';
import { Transfers } from './transfers.js';

export function TranscriptView({ transcript, notices }: { transcript: ReadTranscript; notices: readonly string[] }) {
  const { records, unreadable } = transcript;
  const report = useMemo(() => reportOf(records), [records]);
  const [address, setAddress] = useAddress();
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());
  const [target, setTarget] = useState<{ key: string }>();
  const shown = useMemo(() => applyFilter(report, address.filter), [report, address.filter]);
  const rows = useMemo(() => rowsOf(shown), [shown]);

  const toggle = (key: string) => setOpen(before => toggled(before, key));
  const goTo = (key: string) => {
    if (!rows.some(row => row.key === key)) setAddress({ filter: parseAddress('').filter, line: '' });
    setTarget({ key });
  };
  useEffect(() => {
    if (address.line === '') return;
    setOpen(before => new Set([...before, address.line]));
    goTo(address.line);
  }, [address.line, report]);

  const all = unreadable === 0 ? notices : [...notices, `${count(unreadable, 'line')} of the transcript not read`];
  return (
    <>
      <section aria-label="Result">
        <Overview report={report} notices={all} />
        <h2>Findings</h2>
        <Findings findings={report.findings} goTo={goTo} />
        <Timeline report={report} goTo={goTo} />
        {report.transfers.length > 0 && <Transfers transfers={report.transfers} goTo={goTo} />}
      </section>
      <FilterBar
        report={report}
        filter={address.filter}
        shown={rows.length - shown.length}
        change={filter => setAddress({ filter, line: '' })}
      />
      <section aria-label="Lines">
        <Diagram rows={rows} open={open} toggle={toggle} target={target} />
      </section>
    </>
  );
}

function toggled(keys: ReadonlySet<string>, key: string): ReadonlySet<string> {
  const next = new Set(keys);
  if (!next.delete(key)) next.add(key);
  return next;
}

/** The filter and the line in the address, which also change if the user edits the address or goes back. */
function useAddress() {
  const [address, set] = useState(() => parseAddress(location.hash));
  useEffect(() => {
    const changed = () => set(parseAddress(location.hash));
    window.addEventListener('hashchange', changed);
    return () => window.removeEventListener('hashchange', changed);
  }, []);
  const change = (next: typeof address) => {
    history.replaceState(null, '', formatAddress(next));
    set(next);
  };
  return [address, change] as const;
}
