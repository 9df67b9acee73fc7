import { gsi } from './gsi.js';
import { krb4 } from './krb4.js';
import { krb5 } from './krb5/index.js';
import type { FuzzMechanism } from './mechanism.js';
import { psk } from './psk.js';

/** Every mechanism that can be fuzzed: a line each. */
export const MECHANISMS: readonly FuzzMechanism[] = [krb5, psk, krb4, gsi];
