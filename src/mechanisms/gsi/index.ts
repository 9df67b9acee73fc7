/**
 * `rfc2228/gsi`: GSSAPI with the Grid Security Infrastructure of GridFTP: TLS handshakes in ADAT, TLS records in MIC,
 * ENC and 63z. See README.md in this folder.
 */
import type { Mechanism, RecordedSecrets } from '../../protection/mechanism.js';
import { describeGsiToken } from './describe.js';
import { type GsiObserverOptions, gsiObserver } from './observer.js';
import { parseKeyLog } from './tls/key-log.js';

export { describeGsiToken, type GsiTokenDescription } from './describe.js';
export { type GsiObserverOptions, gsiObserver } from './observer.js';
export type { RsaDecrypt } from './tls/handshake.js';
export { type KeyLog, parseKeyLog } from './tls/key-log.js';

/** Options of each side; a side without options is not offered. */
export interface GsiSides {
  observer?: GsiObserverOptions;
}

/** GSI as a {@link Mechanism}. Only observers support it. */
export function gsi({ observer }: GsiSides = {}): Mechanism {
  return {
    name: 'GSSAPI',
    variant: 'gsi',
    // A TLS record that begins with ClientHello.
    recognises: ([type, major, , , , message]) => type === 22 && major === 3 && message === 1,
    describe: describeGsiToken,
    ...(observer && {
      observer: () => gsiObserver(observer),
      withSecrets: secrets => gsi({ observer: withKeyLogs(observer, secrets) }),
    }),
  };
}

/** The number of this type of secrets in captures. */
const TLS_KEY_LOG = 0x544c534b;

function withKeyLogs(options: GsiObserverOptions, secrets: readonly RecordedSecrets[]): GsiObserverOptions {
  const recorded = secrets.filter(({ type }) => type === TLS_KEY_LOG).map(({ data }) => parseKeyLog(data));
  return { ...options, keyLogs: [...(options.keyLogs ?? []), ...recorded] };
}
