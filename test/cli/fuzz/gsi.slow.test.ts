/** `rfc2228 fuzz` under GSI: conforming peers show nothing, and one that looks at no tag is found. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { FtpSecurityError } from '../../../src/errors.js';
import { wrappingWith } from '../../../src/fuzz/mechanisms/mechanism.js';
import { formatGsiCredential, gsiAcceptor, gsiInitiator, gsiTrust } from '../../../src/node/index.js';
import type { Exchange, SecurityContext, Unwrapped } from '../../../src/protection/mechanism.js';
import { alternativeNames, authority, keyUsage, make, NOW, signingPolicy } from '../../node/gsi/certificates.js';
import { against, folder, records, rfc2228, titles, toClient } from './command.js';
import { conformingClient, conformingServer, type Sides } from './peers.js';

const today = Math.round((Date.now() - NOW) / 86_400_000);
const valid = { from: today - 2, to: today + 2 };
const CA = make('/O=Grid/CN=Authority', { ...valid, extensions: [authority(), keyUsage(0x06)] });
const issue = (name: string) =>
  make(name, { ...valid, issuer: CA, extensions: [keyUsage(0xa0), alternativeNames('localhost')] });
const [user, host] = [issue('/O=Grid/CN=Anna'), issue('/O=Grid/CN=localhost')];
const trust = gsiTrust({ authorities: [CA.der] });

const path = (name: string) => join(folder, name);
mkdirSync(path('certificates'));
writeFileSync(path('certificates/01234567.0'), CA.der);
writeFileSync(path('certificates/01234567.signing_policy'), signingPolicy(CA.name));
vi.stubEnv('X509_CERT_DIR', path('certificates'));
vi.stubEnv('X509_USER_PROXY', path('none'));
const actingAs = (credential: typeof user) => {
  writeFileSync(path('credential.pem'), formatGsiCredential(credential), { mode: 0o600 });
  vi.stubEnv('X509_USER_CERT', path('credential.pem'));
  vi.stubEnv('X509_USER_KEY', path('credential.pem'));
};

/** @param change  of the context of a faulty side */
function sides(change = (context: SecurityContext) => context): Sides {
  const as = (exchange: Exchange): Exchange => ({
    async step(token) {
      const { context, ...step } = await exchange.step(token);
      return { ...step, ...(context && { context: change(context) }) };
    },
  });
  return {
    mechanism: 'GSSAPI',
    acceptor: () => as(gsiAcceptor({ credential: host, trust })),
    initiator: () => as(gsiInitiator({ credential: user, trust, server: 'localhost' })),
  };
}

/** What can't be opened is taken for a text. */
const careless = (text: string) => (context: SecurityContext) =>
  Object.assign(
    wrappingWith(context, (plaintext, level) => context.wrap(plaintext, level)),
    {
      unwrap(token: Uint8Array): Unwrapped {
        try {
          return context.unwrap(token);
        } catch (error) {
          if (!(error instanceof FtpSecurityError)) throw error;
          return { plaintext: Buffer.from(text), level: 'private', sequence: 'ok' };
        }
      },
    },
  );

const GSI = ['--mechanism', 'gsi', '--rate', '10000', '--json', '--out', join(folder, 'findings')];
const OF_RECORDS = ['--only', 'token', '--only', 'sequence', '--only', 'exchange'];

describe('fuzz server', () => {
  it('shows nothing of a server on ServerControl', async () => {
    actingAs(user);
    const ran = await against(conformingServer(sides()), where =>
      rfc2228(['server', where.replace('127.0.0.1', 'localhost'), ...GSI, ...OF_RECORDS, '--cases', '90']),
    );
    expect([titles(ran), ran.stderr, ran.status]).toEqual([[], '', 0]);
    const { accepted, unready } = records(ran).at(-1).outcomes;
    expect(accepted).toBeGreaterThan(5);
    expect(unready).toBeUndefined();
  }, 60_000);

  it('finds one that looks at no tag', async () => {
    actingAs(user);
    const ran = await against(conformingServer(sides(careless('NOOP\r\n'))), where =>
      rfc2228(['server', where.replace('127.0.0.1', 'localhost'), ...GSI, '--only', 'token', '--cases', '25']),
    );
    expect(titles(ran).filter(title => title.startsWith('unverified text accepted: token: '))).not.toEqual([]);
    expect(ran.status).toBe(1);
  });
});

describe('fuzz client', () => {
  it('shows nothing of a client on ClientControl', async () => {
    actingAs(host);
    const ran = await toClient(port => conformingClient(port, sides()), [...OF_RECORDS, '--cases', '60'], GSI);
    expect([titles(ran), ran.status]).toEqual([[], 0]);
    const { accepted, closed } = records(ran).at(-1).outcomes;
    expect(accepted).toBeGreaterThan(2);
    expect(closed).toBeGreaterThan(20);
  }, 60_000);

  it('says which credential is missing', async () => {
    vi.stubEnv('X509_USER_CERT', path('none'));
    const { status, stderr } = await rfc2228(['client', '--listen', '0', ...GSI]);
    expect([status, stderr]).toEqual([2, expect.stringContaining('no credential of the server')]);
  });
});
