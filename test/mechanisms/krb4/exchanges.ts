/** Both sides of an exchange, as the first vector of `ap_req` has it where nothing else is said. */
import { fromHex, u32be } from '../../../src/bytes.js';
import {
  type Krb4AcceptorOptions,
  type Krb4InitiatorOptions,
  krb4Acceptor,
  krb4Initiator,
  parseTicketFile,
  ReplayCache,
} from '../../../src/mechanisms/krb4/index.js';
import type { Exchange, Step } from '../../../src/protection/mechanism.js';
import { type ApReqVector, CLIENT, ciphers, keyOf, SERVER, ticketFileOf, VECTORS } from './vectors.js';

export const SAMPLE = VECTORS.ap_req[0]!;
export const requestOf = (vector: ApReqVector) => fromHex(vector.authenticator);
export const answerOf = (vector: ApReqVector) => fromHex(vector.mutual_reply_safe);

/** When the library made its answers: their octet of 5-millisecond units. */
export const clockOf = (vector: ApReqVector) => () => vector.issue_date * 1000 + answerOf(vector)[10]! * 5;

export function acceptor(options: Partial<Krb4AcceptorOptions> = {}, vector = SAMPLE): Exchange {
  return krb4Acceptor({
    srvtab: [keyOf(vector)],
    ciphers,
    local: SERVER,
    peer: CLIENT,
    clock: clockOf(vector),
    replayCache: new ReplayCache(),
    allowWeak: true,
    ...options,
  });
}

export function initiator(options: Partial<Krb4InitiatorOptions> = {}, vector = SAMPLE): Exchange {
  return krb4Initiator({
    tickets: parseTicketFile(ticketFileOf(vector, false)),
    service: keyOf(vector),
    ciphers,
    local: CLIENT,
    peer: SERVER,
    clock: clockOf(vector),
    random: () => u32be(vector.checksum),
    allowWeak: true,
    ...options,
  });
}

/** Steps of this mechanism never wait. */
export const step = (exchange: Exchange, token?: Uint8Array) => exchange.step(token) as Step;
