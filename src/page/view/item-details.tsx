/** What is known of one line or transfer, and the anatomy of its token. */
import { useState } from 'preact/hooks';
import type { DataRecord, MessageRecord } from '../../capture/index.js';
import { FtpSecurityError } from '../../errors.js';
import { printable } from '../../printable.js';
import { decodeMessage } from '../model/decode.js';
import type { Item } from '../model/report.js';
import { factName } from '../model/text.js';
import { Severity } from './badges.js';
import { Facts } from './facts.js';

export function ItemDetails({ item }: { item: Item }) {
  const { record, findings, key } = item;
  return (
    <>
      {findings.map(({ rule, severity, text }) => (
        <p key={rule}>
          <Severity severity={severity} /> {printable(`${rule}: ${text}`)}
        </p>
      ))}
      <Facts rows={record.type === 'data' ? dataFacts(record) : messageFacts(record)} />
      {record.type === 'message' && <Anatomy message={record} />}
      <p class="actions">
        <CopyButton text={JSON.stringify(record)} /> <a href={`#line=${key}`}>Link to this {nounOf(record)}</a>
      </p>
    </>
  );
}

function nounOf({ type }: Item['record']): string {
  return type === 'data' ? 'transfer' : 'line';
}

function messageFacts(record: MessageRecord): [string, unknown][] {
  const { wire, text, time, level, applied, sequence, tolerated, weak, error } = record;
  return [
    ['text', text],
    ['time', time],
    ['sent as', wire],
    ['level of the line', level],
    ['level of the token', applied],
    ['sequence', sequence],
    ['tolerated deviations', tolerated.join(', ')],
    ['cryptography', weak ? 'weak' : ''],
    ['error', error && `${error.code}: ${error.message}`],
  ];
}

function dataFacts(record: DataRecord): [string, unknown][] {
  const { command, name, user, client, server, time, level, applied, blocks, bytes, sha256, weak, error, lost } =
    record;
  return [
    ['command', command],
    ['name', name],
    ['user', user],
    ['client', client],
    ['server', server],
    ['time', time],
    ['level of PROT', level],
    ['level of the tokens', applied],
    ['blocks', blocks],
    ['octets', bytes],
    ['SHA-256', sha256],
    ['cryptography', weak ? 'weak' : ''],
    ['error', error && `${error.code}: ${error.message}`],
    ['octets not in the capture', lost > 0 ? lost : ''],
  ];
}

/** What the line is made of, without keys. */
function Anatomy({ message }: { message: MessageRecord }) {
  const decoded = decodeMessage(message);
  if (decoded === undefined) return <p>The transcript does not have the token of this line.</p>;
  if (decoded instanceof FtpSecurityError) return <p>{printable(`${decoded.code}: ${decoded.message}`)}</p>;
  const { kind, classification, token } = decoded;
  const parts = Object.entries(token?.description ?? {});
  const rows: [string, unknown][] = [
    ['line', kind],
    ['meaning', classification?.meaning],
    ['token', token && `${token.octets} octets`],
    ['not recognised', token?.reason],
    ...parts.map(([name, value]): [string, unknown] => [factName(name), value]),
  ];
  return (
    <section aria-label="Anatomy">
      <h3>Anatomy</h3>
      <Facts rows={rows} />
    </section>
  );
}

function CopyButton({ text }: { text: string }) {
  const [said, say] = useState('Copy as JSON');
  const copy = () =>
    navigator.clipboard.writeText(text).then(
      () => say('Copied'),
      () => say('The browser did not permit copying'),
    );
  return (
    <button type="button" onClick={copy} aria-live="polite">
      {said}
    </button>
  );
}
