/** The security data exchange of a connection: names, times, encryption types, and the key that opened it. */
import type { ConnectionRecord } from '../../capture/index.js';
import { enctypeOf } from '../../mechanisms/krb5/crypto/enctypes.js';
import { factName, valueText } from '../model/text.js';
import { Facts } from './facts.js';

export function Exchange({ record }: { record: ConnectionRecord }) {
  const { mechanism, variant, client_name, server_name, enctype, keyed, problem, facts, file } = record;
  const rows: [string, unknown][] = [
    ['recording', file],
    ['mechanism', [mechanism, variant].filter(part => part !== null).join(' ')],
    ['client name', client_name],
    ['server name', server_name],
    ['encryption type', enctype === null ? null : enctypeName(enctype)],
    ['tokens can be opened', keyed ? 'yes' : 'no'],
    ['problem', problem && `${problem.code}: ${problem.message}`],
    ...Object.entries(facts).map(([name, value]): [string, unknown] => [factName(name), factText(name, value)]),
  ];
  return <Facts rows={rows} />;
}

function factText(name: string, value: unknown): string {
  if (/enctype$/i.test(name) && typeof value === 'number') return enctypeName(value);
  if (!(value instanceof Object) || Array.isArray(value))
    return valueText(Array.isArray(value) ? value.join(', ') : value);
  return Object.entries(value)
    .map(([part, inner]) => `${factName(part)} ${factText(part, inner)}`)
    .join(', ');
}

function enctypeName(number: number): string {
  return `${number}${enctypeOf(number) === undefined ? '' : ` (${enctypeOf(number)!.name})`}`;
}
