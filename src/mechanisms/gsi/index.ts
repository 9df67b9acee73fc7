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
    // A TLS record that begins with ClientHello.
    recognises: ([type, major, , , , message]) => type === 22 && major === 3 && message === 1,
    describe: describeGsiToken,
    ...sides,
    ...(observer && {
      observer: () => gsiObserver(observer),
      withSecrets: secrets => gsi({ ...sides, observer: withKeyLogs(observer, secrets) }),
    }),
  };
}

/** The number of this type of secrets in captures. */
const TLS_KEY_LOG = 0x544c534b;

function withKeyLogs(options: GsiObserverOptions, secrets: readonly RecordedSecrets[]): GsiObserverOptions {
  const recorded = secrets.filter(({ type }) => type === TLS_KEY_LOG).map(({ data }) => parseKeyLog(data));
  return { ...options, keyLogs: [...(options.keyLogs ?? []), ...recorded] };
}
