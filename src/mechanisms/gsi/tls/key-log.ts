/** Key logs in NSS's format, as browsers and OpenSSL write them (draft-ietf-tls-keylogfile; §2.2 is for TLS up to 1.2). */
import { fromHex, fromUtf8, toHex } from '../../../bytes.js';
import { FtpSecurityError } from '../../../errors.js';

/** Labels that are read, and how many octets their secrets have: 48, or as many as a hash. */
const LABELS: Readonly<Record<string, readonly number[]>> = {
  CLIENT_RANDOM: [48],
  RSA: [48],
  CLIENT_HANDSHAKE_TRAFFIC_SECRET: [32, 48],
  SERVER_HANDSHAKE_TRAFFIC_SECRET: [32, 48],
  CLIENT_TRAFFIC_SECRET_0: [32, 48],
  SERVER_TRAFFIC_SECRET_0: [32, 48],
  EXPORTER_SECRET: [32, 48],
};

/** Secrets of TLS connections. */
export interface KeyLog {
  /**
   * @param label  as the log has it, `CLIENT_RANDOM`
   * @param id  the client's random; of label `RSA` the first eight octets of the encrypted premaster secret
   */
  find(label: string, id: Uint8Array): Uint8Array | undefined;
  /** How many lines were read. */
  readonly size: number;
  /** The first line that could not be read; it was passed over. */
  readonly error?: FtpSecurityError;
}

/**
 * Reads a key log. Remarks, and labels that it does not know, are passed over, and so is a line that is cut short: the log
 * may still be written to.
 */
export function parseKeyLog(file: Uint8Array): KeyLog {
  const secrets = new Map<string, Uint8Array>();
  let error: FtpSecurityError | undefined;
  for (const [i, line] of fromUtf8(file)
    .split(/\r\n|[\r\n]/)
    .entries()) {
    const [label = '', id = '', secret = '', ...more] = line.trim().split(/\s+/);
    const lengths = Object.hasOwn(LABELS, label) ? LABELS[label] : undefined;
    if (lengths === undefined) continue;
    const isRead = isHex(id, [label === 'RSA' ? 8 : 32]) && isHex(secret, lengths) && more.length === 0;
    if (isRead) secrets.set(keyOf(label, id.toLowerCase()), fromHex(secret));
    // Nothing of the line is repeated: it may hold a part of a secret.
    else error ??= new FtpSecurityError('syntax/bad-file', `key log: line ${i + 1} is no ${label} line`);
  }
  return {
    find: (label, id) => secrets.get(keyOf(label, toHex(id))),
    size: secrets.size,
    ...(error !== undefined && { error }),
  };
}

function isHex(text: string, lengths: readonly number[]): boolean {
  return lengths.includes(text.length / 2) && /^[0-9a-f]*$/i.test(text);
}

function keyOf(label: string, id: string): string {
  return `${label} ${id}`;
}
