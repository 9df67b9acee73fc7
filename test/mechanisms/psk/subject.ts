/** X-PSK as the subject of the conformance suite. */
import { type ConformanceSubject, establish } from '../../../src/mechanisms/conformance.js';
import { psk } from '../../../src/mechanisms/psk/index.js';

const key = new Uint8Array(32).fill(0x5a);
const exchange = () => ({ initiator: psk.initiator({ key }), acceptor: psk.acceptor({ key }) });

export const pskSubject = {
  contexts: () => establish(exchange()),
  levels: ['safe', 'confidential', 'private'],
  numbered: true,
  exchange,
  witness: () => psk.observer({ key }),
} satisfies ConformanceSubject;
