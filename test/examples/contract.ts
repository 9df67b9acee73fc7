import { test } from 'node:test';
import { type ContractSubject, establish, mechanismContract } from 'rfc2228/contract';
import { psk } from 'rfc2228/psk';

const key = new Uint8Array(32).fill(7);
const exchange = () => ({ initiator: psk.initiator({ key }), acceptor: psk.acceptor({ key }) });

const subject: ContractSubject = {
  contexts: () => establish(exchange()), // a new pair each time, with new keys
  levels: ['safe', 'confidential', 'private'],
  numbered: true, // replays are refused
  exchange, // optional: the security data exchange has its cases too
  witness: () => psk.observer({ key }), // optional
};

for (const { name, run } of mechanismContract(subject)) test(name, () => run());
