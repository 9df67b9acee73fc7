import assert from 'node:assert/strict';
import { fuzzCases, krb5FuzzSession, perform } from 'rfc2228/fuzz';

const key = { enctype: 18, key: new Uint8Array(32).fill(1), acceptorSubkey: true };
for (const one of fuzzCases({ layers: ['token'], to: 'client' })) {
  const session = krb5FuzzSession({ ...key, role: 'acceptor', sendSequence: 9, receiveSequence: 7 });
  const played = perform(one, session); // undefined where the case is not applicable
  if (played) assert(played.chunks.length > 0); // send them, and hold the client to one.expected
}
