/** Every mutation of security data, those of single mechanisms last. */
import { AP_REPS } from './ap-rep.js';
import { AP_REQS } from './ap-req.js';
import { AUTHENTICATORS } from './authenticator.js';
import { FRAMES } from './frame.js';
import { KRB4 } from './krb4.js';
import { EXCHANGE_LINES } from './lines.js';
import type { ExchangeMutation } from './mutation.js';
import { EXCHANGE_OCTETS } from './octets.js';
import { PSK } from './psk.js';
import { SPNEGO } from './spnego.js';

export const EXCHANGES: readonly ExchangeMutation[] = [
  ...EXCHANGE_LINES,
  ...EXCHANGE_OCTETS,
  ...FRAMES,
  ...AP_REQS,
  ...AUTHENTICATORS,
  ...AP_REPS,
  ...SPNEGO,
  ...PSK,
  ...KRB4,
];
