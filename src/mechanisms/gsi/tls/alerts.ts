/** Alerts of TLS (RFC 5246 §7.2, RFC 8446 §6). */
import { TLS_1_3 } from './key-schedule.js';

const DESCRIPTIONS: Readonly<Record<number, string>> = {
  0: 'close_notify',
  10: 'unexpected_message',
  20: 'bad_record_mac',
  22: 'record_overflow',
  40: 'handshake_failure',
  42: 'bad_certificate',
  43: 'unsupported_certificate',
  44: 'certificate_revoked',
  45: 'certificate_expired',
  46: 'certificate_unknown',
  47: 'illegal_parameter',
  48: 'unknown_ca',
  49: 'access_denied',
  50: 'decode_error',
  51: 'decrypt_error',
  70: 'protocol_version',
  71: 'insufficient_security',
  80: 'internal_error',
  86: 'inappropriate_fallback',
  90: 'user_canceled',
  100: 'no_renegotiation',
  109: 'missing_extension',
  110: 'unsupported_extension',
  112: 'unrecognized_name',
  116: 'certificate_required',
  120: 'no_application_protocol',
};

/**
 * The name of an alert.
 * @param content  of a record of type alert: level and description
 */
export function alertName(content: Uint8Array): string {
  const [, description] = content;
  return description === undefined ? 'truncated alert' : (DESCRIPTIONS[description] ?? `alert ${description}`);
}

const WARNING = 1;
const CLOSE_NOTIFY = 0;
const USER_CANCELED = 90;
const NO_RENEGOTIATION = 100;

/**
 * Whether TLS goes on after an alert (RFC 5246 §7.2.2, RFC 8446 §6.1), in the same cases as that of OpenSSL: an observer that stopped
 * there would not see what the peers say from then on.
 */
export function isPassedOver(content: Uint8Array, version: number): boolean {
  const [level, description] = content;
  if (content.length !== 2) return false;
  if (version === TLS_1_3) return description === USER_CANCELED;
  return level === WARNING && description !== CLOSE_NOTIFY && description !== NO_RENEGOTIATION;
}
