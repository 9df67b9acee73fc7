/** The transcript for people: a heading for each connection, a row for each line, totals at the end. */
import type {
  ConnectionRecord,
  DataRecord,
  FileRecord,
  FindingRecord,
  MessageRecord,
  SummaryRecord,
  TranscriptRecord,
} from '../capture/index.js';
import { enctypeOf, type OpenedBy } from '../mechanisms/krb5/index.js';
import { paint, printable, shorten } from './terminal.js';

/** Longer than almost every command and reply; security data is cut, which says nothing to people anyway. */
const MAX_SAID = 120;

/** A record as text; undefined for one that has no row: people see a reply in its lines, and findings at the end. */
export function rowOf(record: TranscriptRecord): string | undefined {
  switch (record.type) {
    case 'connection':
      return connectionRow(record);
    case 'message':
      return messageRow(record);
    case 'data':
      return dataRow(record);
    case 'reply':
    case 'finding':
      return undefined;
    case 'summary':
      return paint('bold', summaryText(record));
    case 'file':
      return fileRow(record);
  }
}

function connectionRow(record: ConnectionRecord): string {
  const { connection, client, server, mechanism, variant, enctype, keyed, problem } = record;
  const names = [record.client_name, record.server_name].filter(name => name !== null);
  const parts = [
    `connection ${connection}`,
    client === null ? '' : `${client} → ${server}`,
    mechanism === null ? 'no security association' : `${mechanism}${variant === null ? '' : ` ${variant}`}`,
    enctype === null ? '' : (enctypeOf(enctype)?.name ?? `enctype ${enctype}`),
    printable(names.join(' → ')),
  ];
  const said = mechanism === null || problem?.code === 'internal' ? problem?.message : undefined;
  const unkeyed =
    mechanism === null || keyed ? '' : `  not keyed: ${problem?.message ?? 'nobody here knows the mechanism'}`;
  const remark = said === undefined ? unkeyed : `  ${said}`;
  const { weak, weakness } = record.facts;
  const warning = weak === true ? `  weak${weakness === undefined ? '' : `: ${weakness}`}` : '';
  const heading = paint('bold', parts.filter(part => part !== '').join('  '));
  return heading + paint('yellow', printable(remark + warning)) + paint('dim', printable(openerText(record)));
}

/** Which key has opened the exchange. */
function openerText({ server_name, facts }: ConnectionRecord): string {
  const opener = facts['openedBy'] as OpenedBy | undefined;
  if (opener === undefined) return '';
  const { key, principal, kvno, source } = opener;
  const name = principal === undefined || principal === server_name ? key : `key of ${principal}`;
  const version = kvno === undefined ? '' : `, version ${kvno}`;
  return `  opened by: ${name}${version}${source === undefined ? '' : ` (${source})`}`;
}

function messageRow(message: MessageRecord): string {
  const { time, connection, from, level, applied, verdict, sequence, tolerated, weak, error } = message;
  const place = verdict === 'verified' && sequence !== 'ok' && sequence !== 'none' ? `verified ${sequence}` : verdict;
  const colour = error !== null ? 'red' : verdict === 'verified' ? 'green' : verdict === 'clear' ? 'dim' : 'yellow';
  const remarks = [
    ...(applied !== null && applied !== level ? [`token is ${applied}`] : []),
    ...(weak ? ['weak'] : []),
    ...tolerated,
  ];
  return [
    time === null ? '' : `${time.slice(11, 26)}  `,
    `${connection} ${from === 'client' ? 'C' : 'S'}  `,
    `${level.padEnd(12)}  `,
    `${paint(colour, place.padEnd(13))}  `,
    shorten(printable((message.text ?? message.wire).replace(/\r?\n?\0?$/, '')), MAX_SAID),
    remarks.length > 0 ? paint('dim', `  [${remarks.join(', ')}]`) : '',
    error === null ? '' : paint('red', `  ${error.code}: ${error.message}`),
  ].join('');
}

/** A file on a data connection. */
function dataRow(record: DataRecord): string {
  const { time, connection, from, level, applied, verdict, blocks, bytes, lost, error } = record;
  const colour = error !== null ? 'red' : verdict === 'verified' ? 'green' : 'yellow';
  const size = bytes === null ? '' : `, ${count(bytes, 'octet')}`;
  const remarks = [
    ...(applied !== null && applied !== level ? [`tokens are ${applied}`] : []),
    ...(record.found_by === 'port' ? ['address translated: found by its port'] : []),
    ...(lost > 0 ? [`${count(lost, 'octet')} not in the capture`] : []),
  ];
  return [
    time === null ? '' : `${time.slice(11, 26)}  `,
    `${connection} ${from === 'client' ? 'C' : 'S'}  `,
    `${level.padEnd(12)}  `,
    `${paint(colour, verdict.padEnd(13))}  `,
    shorten(printable(`data of ${record.command ?? 'a transfer'} ${record.name ?? ''}`.trimEnd()), MAX_SAID),
    `: ${count(blocks, 'block')}${size}`,
    remarks.length > 0 ? paint('dim', `  [${remarks.join(', ')}]`) : '',
    error === null ? '' : paint('red', `  ${error.code}: ${error.message}`),
  ].join('');
}

/** A finding, among the closing lines. */
export function findingRow({ connection, rule, severity, messages, text }: FindingRecord): string {
  const colour = severity === 'high' ? 'red' : severity === 'medium' ? 'yellow' : 'dim';
  const lines = messages.length === 0 ? '' : `, line${messages.length === 1 ? '' : 's'} ${messages.join(', ')}`;
  return `${paint(colour, severity.padEnd(6))}  ${rule}  connection ${connection}${lines}: ${printable(text)}`;
}

/** One of several files: what is in it, or why that is not known. */
function fileRow({ type, file, status, error, ...counts }: FileRecord): string {
  const said = error === null ? summaryText({ type: 'summary', ...counts }) : `${error.code}: ${error.message}`;
  const colour = status === 0 ? 'green' : status === 3 ? 'yellow' : 'red';
  return `${paint('bold', printable(file))}: ${paint(colour, `status ${status}`)}; ${printable(said)}`;
}

function summaryText(summary: SummaryRecord): string {
  const { verified, decrypted, failed, unkeyed, unprotected_after_security: unprotected } = summary;
  const unread = Object.values(summary.unread).reduce((sum, packets) => sum + packets, 0);
  const counts = [
    `${count(summary.connections, 'control connection')}, ${count(summary.messages, 'line')}`,
    `${summary.protected} protected: ${verified} verified, ${failed} failed, ${unkeyed} without a key`,
    ...(decrypted > 0 ? [`${decrypted} decrypted and not verified`] : []),
    ...(unprotected > 0 ? [`${unprotected} in the clear where protection was owed`] : []),
    ...(summary.lost_segments > 0 ? [`${count(summary.lost_segments, 'gap')} in the capture`] : []),
    ...(unread > 0 ? [`${count(unread, 'packet')} not read`] : []),
  ];
  return counts.join('; ');
}

function count(n: number, what: string): string {
  return `${n} ${what}${n === 1 ? '' : 's'}`;
}
