/**
 * `rfc2228/gsi`: GSSAPI with the Grid Security Infrastructure, as GridFTP speaks it: TLS handshakes in ADAT, TLS records in
 * MIC, ENC and 63z. See README.md beside this file.
 */
import type { Mechanism, RecordedSecrets } from '../../protection/mechanism.js';
import { describeGsiToken } from './describe.js';
import { type GsiObserverOptions, gsiObserver } from './observer.js';
import { parseKeyLog } from './tls/key-log.js';

export { describeGsiToken, type GsiTokenDescription } from './describe.js';
export { type GsiObserverOptions, gsiObserver } from './observer.js';
export type { RsaDecrypt } from './tls/handshake.js';
export { type KeyLog, parseKeyLog } from './tls/key-log.js';

/** What each side needs; a side without options is not offered. */
export interface GsiSides {
  observer?: GsiObserverOptions;
}

/** GSI as observers take it. */
export function gsi({ observer }: GsiSides = {}): Mechanism {
  return {
    name: 'GSSAPI',
    variant: 'gsi',
    // A record of TLS that begins with ClientHello.
    recognises: ([type, major, , , , message]) => type === 22 && major === 3 && message === 1,
    describe: describeGsiToken,
    ...(observer && {
      observer: () => gsiObserver(observer),
      withSecrets: secrets => gsi({ observer: withKeyLogs(observer, secrets) }),
    }),
  };
}

/** As the type of secrets in captures. */
const TLS_KEY_LOG = 0x544c534b;

function withKeyLogs(options: GsiObserverOptions, secrets: readonly RecordedSecrets[]): GsiObserverOptions {
  const recorded = secrets.filter(({ type }) => type === TLS_KEY_LOG).map(({ data }) => parseKeyLog(data));
  return { ...options, keyLogs: [...(options.keyLogs ?? []), ...recorded] };
}
