/** A transcript as the page shows it: grouped by connection, with the findings of each line. */
import type {
  ConnectionRecord,
  DataRecord,
  FileRecord,
  FindingRecord,
  MessageRecord,
  SummaryRecord,
  TranscriptRecord,
} from '../../capture/index.js';

/** A line of a control connection, or a transfer. */
export interface Item {
  /** Unique in a report: `connection.index` for a line, `connection.d1`, `connection.d2` … for a transfer. */
  key: string;
  record: MessageRecord | DataRecord;
  findings: FindingRecord[];
}

export interface Connection {
  number: number;
  /** One for each exchange; the last also shows why a connection could not be read to its end. */
  records: ConnectionRecord[];
  /** In the order of the transcript. */
  items: Item[];
}

export interface Report {
  connections: Connection[];
  /** The most severe first. */
  findings: { finding: FindingRecord; keys: string[] }[];
  transfers: Item[];
  recordings: FileRecord[];
  /** Undefined if the transcript has no end. */
  summary: SummaryRecord | undefined;
}

const SEVERITIES: readonly FindingRecord['severity'][] = ['high', 'medium', 'low'];

/** Groups the records of a transcript. */
export function reportOf(records: readonly TranscriptRecord[]): Report {
  const connections = new Map<number, Connection>();
  const items = new Map<string, Item>();
  const report: Report = { connections: [], findings: [], transfers: [], recordings: [], summary: undefined };
  const connectionOf = (number: number): Connection => {
    const known = connections.get(number) ?? { number, records: [], items: [] };
    connections.set(number, known);
    return known;
  };
  const add = (item: Item): void => {
    connectionOf(item.record.connection).items.push(item);
    items.set(item.key, item);
  };
  for (const record of records) {
    switch (record.type) {
      case 'connection':
        connectionOf(record.connection).records.push(record);
        break;
      case 'message':
        add({ key: `${record.connection}.${record.index}`, record, findings: [] });
        break;
      case 'data': {
        const item = { key: `${record.connection}.d${report.transfers.length + 1}`, record, findings: [] };
        report.transfers.push(item);
        add(item);
        break;
      }
      case 'finding':
        report.findings.push(attach(record, items, report.transfers.at(-1)));
        break;
      case 'file':
        report.recordings.push(record);
        break;
      case 'summary':
        report.summary = record;
    }
  }
  report.connections = [...connections.values()].sort((a, b) => a.number - b.number);
  const rank = ({ finding }: { finding: FindingRecord }) => SEVERITIES.indexOf(finding.severity);
  report.findings.sort((a, b) => rank(a) - rank(b));
  return report;
}

/** Adds a finding to its lines. One without lines is about the transfer before it, if that has an error. */
function attach(finding: FindingRecord, items: ReadonlyMap<string, Item>, transfer: Item | undefined) {
  const lines = finding.messages.map(index => items.get(`${finding.connection}.${index}`));
  const isOfTransfer = transfer?.record.connection === finding.connection && transfer.record.error !== null;
  const found = lines.length === 0 && isOfTransfer ? [transfer] : lines.filter(item => item !== undefined);
  for (const item of found) item.findings.push(finding);
  return { finding, keys: found.map(({ key }) => key) };
}
