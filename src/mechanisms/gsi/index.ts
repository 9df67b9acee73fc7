/**
 * `rfc2228/gsi`: GSSAPI with the Grid Security Infrastructure of GridFTP: TLS handshakes in ADAT, TLS records in MIC,
 * ENC and 63z. See README.md in this folder.
 * @module rfc2228/gsi
 */
import type { Exchange, Mechanism, RecordedSecrets } from '../../protection/mechanism.js';
import { describeGsiToken } from './describe.js';
import { type GsiObserverOptions, gsiObserver } from './observer.js';
import { parseKeyLog } from './tls/key-log.js';

export { describeGsiToken, type GsiTokenDescription } from './describe.js';
export { type GsiObserverOptions, gsiObserver } from './observer.js';
export type { RsaDecrypt } from './tls/handshake.js';
export { type KeyLog, parseKeyLog } from './tls/key-log.js';

/** The sides of {@link gsi}; an absent side is not offered. */
export interface GsiSides {
  /** Makes the client's side of a new exchange: `gsiInitiator` of `rfc2228/node`. */
  initiator?: () => Exchange;
  /** Makes the server's side of a new exchange: `gsiAcceptor` of `rfc2228/node`. */
  acceptor?: () => Exchange;
  /** Options of the passive side. */
  observer?: GsiObserverOptions;
}

/** GSI as a {@link Mechanism}. Live sides need Node's TLS, so they come from `rfc2228/node`. */
export function gsi({ observer, ...sides }: GsiSides = {}): Mechanism {
  return {
    name: 'GSSAPI',
    variant: 'gsi',
    recognises: beginsWithClientHello,
    describe: describeGsiToken,
    ...sides,
    ...(observer && {
      observer: () => gsiObserver(observer),
      withSecrets: secrets => gsi({ ...sides, observer: withKeyLogs(observer, secrets) }),
    }),
  };
}

/** Octets of the header of a TLS record; its length is in the last two. */
const HEADER = 5;

/** Whether the first message of TLS records is ClientHello. Globus's server reads over records without content before it. */
function beginsWithClientHello(token: Uint8Array): boolean {
  let at = 0;
  const isHandshake = () => token[at] === 22 && token[at + 1] === 3;
  while (isHandshake() && token[at + 3] === 0 && token[at + 4] === 0) at += HEADER;
  return isHandshake() && token[at + HEADER] === 1;
}

/** The number of this type of secrets in captures. */
const TLS_KEY_LOG = 0x544c534b;

function withKeyLogs(options: GsiObserverOptions, secrets: readonly RecordedSecrets[]): GsiObserverOptions {
  const recorded = secrets.filter(({ type }) => type === TLS_KEY_LOG).map(({ data }) => parseKeyLog(data));
  return { ...options, keyLogs: [...(options.keyLogs ?? []), ...recorded] };
}
