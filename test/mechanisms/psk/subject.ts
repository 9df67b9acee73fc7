/** X-PSK as the subject of the conformance suite. */
import { type ConformanceSubject, establish } from '../../../src/mechanisms/conformance.js';
import { pskAcceptor, pskInitiator, pskObserver } from '../../../src/mechanisms/psk/index.js';

const key = new Uint8Array(32).fill(0x5a);
const exchange = () => ({ initiator: pskInitiator({ key }), acceptor: pskAcceptor({ key }) });

export const pskSubject = {
  contexts: () => establish(exchange()),
  levels: ['safe', 'confidential', 'private'],
  numbering: 'window',
  exchange,
  observer: () => pskObserver({ keys: [key] }),
} satisfies ConformanceSubject;
