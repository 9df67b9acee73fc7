/** The fields of a GSI token that can be read without keys, as plain values for JSON. Nothing is verified. */
import { fromUtf8 } from '../../bytes.js';
import { certificateNames } from './certificates.js';
import { INTEGRITY_TOKEN, parseIntegrityToken } from './integrity-token.js';
import { alertName } from './tls/alerts.js';
import {
  CERTIFICATE,
  CLIENT_HELLO,
  type HandshakeMessage,
  HandshakeMessages,
  MESSAGE_NAMES,
  parseCertificates,
  parseClientHello,
  parseServerHello,
  SERVER_HELLO,
  serverNameOf,
} from './tls/handshake-messages.js';
import { TLS_1_2, tlsName } from './tls/key-schedule.js';
import { ALERT, CHANGE_CIPHER_SPEC, HANDSHAKE, parseRecords, type TlsRecord } from './tls/records.js';
import { suiteName } from './tls/suites.js';

/** The fields of a GSI token that can be read without keys. */
export interface GsiTokenDescription {
  /** `TLS records` or `integrity-only token`. */
  kind: string;
  [part: string]: unknown;
}

const RECORD_NAMES: Readonly<Record<number, string>> = {
  20: 'ChangeCipherSpec',
  21: 'alert',
  22: 'handshake',
  23: 'application data',
};

/**
 * Describes any GSI token, of the handshake or of a message.
 * @throws FtpSecurityError `security/bad-token` if it can't be read
 */
export function describeGsiToken(token: Uint8Array): GsiTokenDescription {
  if (token[0] === INTEGRITY_TOKEN) {
    const { sequence, plaintext } = parseIntegrityToken(token);
    return { kind: 'integrity-only token', sequence: String(sequence), text: fromUtf8(plaintext) };
  }
  const records = parseRecords(token);
  // The version in a record header is not the version in use: TLS 1.3 has that of 1.2, a first ClientHello that of 1.0.
  return {
    kind: 'TLS records',
    records: records.map(
      ({ type, version, fragment }) => `${RECORD_NAMES[type]}, ${tlsName(version)}, ${fragment.length} octets`,
    ),
    ...alertOf(records[0]!),
    ...handshakeOf(records),
  };
}

/** Only for an alert in the clear, whose fragment is two octets; an encrypted one is longer. */
function alertOf({ type, fragment }: TlsRecord): object {
  return type === ALERT && fragment.length === 2 ? { alert: alertName(fragment) } : {};
}

/** The handshake messages before ChangeCipherSpec; those after it are encrypted. */
function handshakeOf(records: readonly TlsRecord[]): object {
  const changed = records.findIndex(({ type }) => type === CHANGE_CIPHER_SPEC);
  const plain = (changed < 0 ? records : records.slice(0, changed)).filter(({ type }) => type === HANDSHAKE);
  const joined = new HandshakeMessages();
  const messages = plain.flatMap(({ fragment }) => joined.push(fragment));
  if (messages.length === 0) return {};
  const names = messages.map(({ type }) => MESSAGE_NAMES[type] ?? `message ${type}`);
  return Object.fromEntries([
    ['messages', names],
    ...messages.flatMap(message => Object.entries(messageFacts(message))),
  ]);
}

function messageFacts({ type, body }: HandshakeMessage): object {
  if (type === CLIENT_HELLO) {
    const hello = parseClientHello(body);
    const serverName = serverNameOf(hello);
    return { suites: hello.suites.map(suiteName), ...(serverName && { serverName: fromUtf8(serverName) }) };
  }
  if (type === SERVER_HELLO) {
    const { version, suites } = parseServerHello(body);
    return { version: tlsName(version), suite: suiteName(suites[0]!) };
  }
  // Certificates are in the clear only up to TLS 1.2.
  if (type !== CERTIFICATE) return {};
  return { certificates: parseCertificates(TLS_1_2, body).map(it => certificateNames(it).subject) };
}
