/** The heading of a connection: who, how protected, and the names of the lanes below. */
import type { ConnectionRecord } from '../../capture/index.js';
import { enctypeOf } from '../../mechanisms/krb5/crypto/enctypes.js';
import { printable } from '../../printable.js';
import type { Connection } from '../model/report.js';
import { Exchange } from './exchange.js';
import { type Place, Row } from './row.js';

export function ConnectionRow({ connection, isOpen, ...place }: Place & { connection: Connection; isOpen: boolean }) {
  const { number, records } = connection;
  const last = records.at(-1);
  const head = (
    <>
      <span class="title">
        <strong>Connection {number}</strong> {last && titleOf(last)}
        {last?.problem && <span class="problem">{printable(last.problem.message)}</span>}
      </span>
      <span class="lanes names">
        <span class="lane client">client {printable(last?.client ?? '')}</span>
        <span class="lane server">server {printable(last?.server ?? '')}</span>
        <span class="lane data">data</span>
      </span>
    </>
  );
  return (
    <Row id={`${number}`} className="connection" isOpen={isOpen} head={head} {...place}>
      {records.map((record, index) => (
        <Exchange key={index} record={record} />
      ))}
    </Row>
  );
}

function titleOf({ file, mechanism, variant, enctype, client_name, server_name, facts }: ConnectionRecord): string {
  const names = [client_name, server_name].filter(name => name !== null).join(' → ');
  const parts = [
    file?.replace(/^.*[/\\]/, '') ?? '',
    mechanism === null ? 'no security association' : `${mechanism} ${variant ?? ''}`.trim(),
    enctype === null ? '' : (enctypeOf(enctype)?.name ?? `enctype ${enctype}`),
    names,
    facts['weak'] === true ? 'weak' : '',
  ];
  return printable(parts.filter(part => part !== '').join(' · '));
}
