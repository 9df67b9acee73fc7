import { test } from 'node:test';
import { type ConformanceSubject, conformanceSuite, establish } from 'rfc2228/conformance';
import { pskAcceptor, pskInitiator, pskObserver } from 'rfc2228/psk';

const key = new Uint8Array(32).fill(7);
const exchange = () => ({ initiator: pskInitiator({ key }), acceptor: pskAcceptor({ key }) });

const subject: ConformanceSubject = {
  contexts: () => establish(exchange()), // a new pair each time, with new keys
  levels: ['safe', 'confidential', 'private'],
  numbering: 'window', // tokens may be late; replays are refused
  exchange, // optional: cases for the security data exchange
  observer: () => pskObserver({ keys: [key] }), // optional
};

for (const { name, run } of conformanceSuite(subject)) test(name, () => run());
