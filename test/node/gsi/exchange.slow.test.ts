/** Live exchanges pass the conformance suite of mechanisms, and `node --tls-keylog` writes their secrets. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { conformanceSuite, establish } from '../../../src/mechanisms/conformance.js';
import { formatGsiCredential } from '../../../src/node/index.js';
import { CA, HOST, NOW, USER } from './certificates.js';
import { acceptor, initiator } from './sides.js';

describe.each(['TLSv1.2', 'TLSv1.3'] as const)('%s', version => {
  const exchange = () => {
    const options = { minVersion: version, maxVersion: version };
    return { initiator: initiator(options), acceptor: acceptor(options) };
  };
  const suite = conformanceSuite({
    contexts: () => establish(exchange()),
    levels: ['safe', 'private'],
    numbering: 'in-order',
    exchange,
  });
  for (const { name, run } of suite) test(name, () => run());
});

test('node --tls-keylog writes the secrets of both sides', () => {
  const path = (name: string) => join(tmpdir(), name);
  writeFileSync(path('user.pem'), formatGsiCredential(USER));
  writeFileSync(path('host.pem'), formatGsiCredential(HOST));
  writeFileSync(path('ca.der'), CA.der);
  writeFileSync(path('exchange.mjs'), PROGRAM);
  execFileSync(process.execPath, [`--tls-keylog=${path('key.log')}`, 'exchange.mjs'], { cwd: tmpdir() });
  const lines = readFileSync(path('key.log'), 'utf8').match(/^CLIENT_TRAFFIC_SECRET_0 \w{64} (?!0+$)\w+$/gm);
  expect(lines).toHaveLength(2);
});

const PROGRAM = `
  import { readFileSync } from 'node:fs';
  import { gsiAcceptor, gsiInitiator, gsiTrust, parseGsiCredential } from '${new URL('../../../dist/node/index.js', import.meta.url)}';
  const trust = gsiTrust({ authorities: [readFileSync('ca.der')] });
  const options = name => ({ credential: parseGsiCredential(readFileSync(name)), trust, clock: () => ${NOW} });
  const client = gsiInitiator({ ...options('user.pem'), server: 'ftp.example.org' });
  const server = gsiAcceptor(options('host.pem'));
  for (let token, context; context === undefined; ) {
    ({ token } = await client.step(token));
    ({ token, context } = await server.step(token));
  }
`;
