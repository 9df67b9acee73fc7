/** Both sides of live exchanges in a test grid. */
import { createSecureContext } from 'node:tls';
import { expect } from 'vitest';
import { fromUtf8, toUtf8 } from '../../../src/bytes.js';
import { FtpSecurityError } from '../../../src/errors.js';
import { RecordContext } from '../../../src/mechanisms/gsi/context.js';
import { Handshake } from '../../../src/mechanisms/gsi/tls/handshake.js';
import { formatGsiCredential, type GsiCredential } from '../../../src/node/gsi/credential.js';
import {
  type GsiAcceptorOptions,
  type GsiInitiatorOptions,
  gsiAcceptor,
  gsiInitiator,
} from '../../../src/node/gsi/exchange.js';
import { TlsEngine } from '../../../src/node/gsi/tls-engine.js';
import { gsiTrust } from '../../../src/node/gsi/trust.js';
import type { Exchange, SecurityContext, Step } from '../../../src/protection/mechanism.js';
import { CA, HOST, NOW, USER } from './certificates.js';

export const trust = gsiTrust({ authorities: [CA.der] });
export const clock = () => NOW;

export const initiator = (options: Partial<GsiInitiatorOptions> = {}): Exchange =>
  gsiInitiator({ credential: USER, trust, clock, server: 'ftp.example.org', ...options });

export const acceptor = (options: Partial<GsiAcceptorOptions> = {}): Exchange =>
  gsiAcceptor({ credential: HOST, trust, clock, ...options });

export interface Course {
  client: Step;
  server: Step;
  /** The tokens in order; the first is the client's. */
  tokens: Uint8Array[];
}

/** Runs an exchange to its end. @throws what a side throws, after both have been destroyed */
export async function run(client: Exchange, server: Exchange): Promise<Course> {
  const tokens: Uint8Array[] = [];
  let [ours, theirs]: [Step, Step] = [{}, {}];
  try {
    ours = await client.step();
    while (theirs.context === undefined) {
      tokens.push(ours.token!);
      theirs = await server.step(ours.token);
      if (theirs.token === undefined) break;
      tokens.push(theirs.token);
      ours = await client.step(theirs.token);
    }
  } catch (error) {
    client.destroy!();
    server.destroy!();
    throw error;
  }
  return { client: ours, server: theirs, tokens };
}

export const VERSIONS = ['TLSv1.2', 'TLSv1.3'] as const;
export const only = (version: (typeof VERSIONS)[number]) => ({ minVersion: version, maxVersion: version });

/** The error of a step. */
export async function refusal(work: Promise<unknown>): Promise<FtpSecurityError> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof FtpSecurityError)) throw new Error(`not an FtpSecurityError: ${error}`, { cause: error });
  return error;
}

export function expectTalk(client: SecurityContext, server: SecurityContext): void {
  for (const [from, to] of [
    [client, server],
    [server, client],
  ] as const) {
    for (const text of ['PWD\r\n', 'long '.repeat(5000), 'NOOP\r\n']) {
      const { plaintext, level, sequence } = to.unwrap(from.wrap(toUtf8(text), 'safe').token);
      expect([fromUtf8(plaintext), level, sequence]).toEqual([text, 'private', 'ok']);
    }
  }
}

export function identityOf(credential: GsiCredential) {
  const pem = formatGsiCredential(credential);
  return { key: pem, cert: pem, ca: [] };
}

/** Node's TLS as a client, up to the delegation flag, and the server that waits for it. */
export async function handshake(version: (typeof VERSIONS)[number], server: Exchange) {
  const engine = new TlsEngine('client', createSecureContext({ ...identityOf(USER), ...only(version) }));
  const observer = new Handshake({ keyLogs: [engine.keyLog], rsaKeys: [] });
  let token = await engine.process();
  observer.push('client', token);
  for (;;) {
    const answer = (await server.step(token)).token!;
    token = engine.isComplete ? new Uint8Array() : await engine.process(answer);
    observer.push('server', answer);
    if (token.length === 0) break;
    observer.push('client', token);
  }
  const client = new RecordContext({ send: observer.directionOf('client')!, receive: observer.directionOf('server')! });
  engine.destroy();
  return { client, server };
}

/** Node's TLS as a server, up to the delegation flag of the client, and what the client has sent then. */
export async function serve(version: (typeof VERSIONS)[number], client: Exchange) {
  const engine = new TlsEngine('server', createSecureContext({ ...identityOf(HOST), ...only(version) }));
  const observer = new Handshake({ keyLogs: [engine.keyLog], rsaKeys: [] });
  let ours = await client.step();
  for (;;) {
    const answer = await engine.process(ours.token);
    observer.push('client', ours.token!);
    // In TLS 1.3 the last answer has only session tickets, which Globus leaves out.
    if (engine.isComplete && version === 'TLSv1.3') break;
    observer.push('server', answer);
    ours = await client.step(answer);
    if (engine.isComplete) break;
  }
  const server = new RecordContext({ send: observer.directionOf('server')!, receive: observer.directionOf('client')! });
  if (version === 'TLSv1.3') ours = await client.step(server.wrap(Uint8Array.of(0), 'safe').token);
  engine.destroy();
  return { server, flag: fromUtf8(server.unwrap(ours.token!).plaintext), ours };
}
