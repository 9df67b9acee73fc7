/** Every key of an exchange of the vectors, derived from its key log. */
import { fromHex } from '../../../src/bytes.js';
import { parseClientHello, parseServerHello } from '../../../src/mechanisms/gsi/tls/handshake-messages.js';
import { nextTrafficSecret, recordKeys, TLS_1_3, trafficKeys } from '../../../src/mechanisms/gsi/tls/key-schedule.js';
import { suiteByNumber } from '../../../src/mechanisms/gsi/tls/suites.js';
import { tokensOf, type Vector } from './vectors.js';

export function gsiKeysOf(vector: Vector): Uint8Array[] {
  const [opening, answer] = tokensOf(vector).map(({ token }) => firstMessage(token));
  const client = parseClientHello(opening!);
  const server = parseServerHello(answer!);
  const suite = suiteByNumber(server.suites[0]!)!;
  const secrets = vector.keylog.map(line => fromHex(line.split(' ')[2]!));
  if (server.version === TLS_1_3) {
    return secrets.flatMap(secret => {
      // The fixed part of the nonce is the nonce of the first record, which is no secret.
      return [secret, trafficKeys(suite, secret).key, nextTrafficSecret(suite, secret)];
    });
  }
  return secrets.flatMap(secret => {
    const { version } = server;
    const master = { version, suite, secret, clientRandom: client.random, serverRandom: server.random };
    const { client: ours, server: theirs } = recordKeys({ ...master, encryptThenMac: false });
    return [secret, ours.key, ours.mac, theirs.key, theirs.mac].filter(octets => octets.length > 0);
  });
}

/** The body of the first handshake message of a token. */
function firstMessage(token: Uint8Array): Uint8Array {
  const length = token[6]! * 2 ** 16 + token[7]! * 256 + token[8]!;
  return token.subarray(9, 9 + length);
}
