/** X-PSK as the contract takes it. */
import { type ContractSubject, establish } from '../../../src/mechanisms/contract.js';
import { pskAcceptor, pskInitiator, pskObserver } from '../../../src/mechanisms/psk/index.js';

const key = new Uint8Array(32).fill(0x5a);
const exchange = () => ({ initiator: pskInitiator({ key }), acceptor: pskAcceptor({ key }) });

export const pskSubject = {
  contexts: () => establish(exchange()),
  levels: ['safe', 'confidential', 'private'],
  numbered: true,
  exchange,
  observer: () => pskObserver({ key }),
} satisfies ContractSubject;
