/** Key logs in NSS's format, as browsers and OpenSSL write them (draft-ietf-tls-keylogfile; §2.2 is for TLS up to 1.2). */
import { assertBytes, fromHex, fromUtf8, toHex } from '../../../bytes.js';
import { FtpSecurityError } from '../../../errors.js';

/** The labels that are read, and the lengths of their secrets in octets: 48, or the length of a hash. */
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
   * Looks up a secret.
   * @param label  a label of the format, such as `CLIENT_RANDOM`
   * @param id  the client's random; for the label `RSA` the first eight octets of the encrypted premaster secret
   */
  find(label: string, id: Uint8Array): Uint8Array | undefined;
  /** Number of lines that were read. */
  readonly size: number;
  /** The error of the first line that could not be read; the line was skipped. */
  readonly error?: FtpSecurityError;
}

/**
 * Reads a key log. Comments and unknown labels are skipped. So is an incomplete line, since another program may still
 * be writing to the log.
 * @throws TypeError if `file` is not a Uint8Array
 */
export function parseKeyLog(file: Uint8Array): KeyLog {
  assertBytes(file, 'file');
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
    // The error does not quote the line, which may contain a part of a secret.
    else error ??= new FtpSecurityError('syntax/bad-file', `key log: line ${i + 1} is not a valid ${label} line`);
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
