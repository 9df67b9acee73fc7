import { describe, test } from 'vitest';
import { expectNoOtherOctets } from './altered.js';
import { VECTORS } from './vectors.js';

const CHOSEN = ['tls10-rsa-aes128cbc-sha1-nodeleg', 'tls12-ecdhe-aes256gcm-deleg', 'tls13-aes256gcm-deleg'];

describe.each(VECTORS.filter(({ name }) => CHOSEN.includes(name)))('$name', vector => {
  test('no octet of many in the exchange may be another', { timeout: 120_000 }, () => expectNoOtherOctets(vector, 4));
});
