/** Delegation within TLS, with the right keys and wrong contents: certificate requests to clients, and proxy certificates to servers. */
import { generateKeyPairSync } from 'node:crypto';
import { connect } from 'node:net';
import { createSecureContext } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { concat } from '../../src/bytes.js';
import { RecordContext } from '../../src/mechanisms/gsi/context.js';
import { gsi } from '../../src/mechanisms/gsi/index.js';
import { Handshake } from '../../src/mechanisms/gsi/tls/handshake.js';
import { TLS_1_3 } from '../../src/mechanisms/gsi/tls/key-schedule.js';
import { openRecord, parseRecords, sealRecord } from '../../src/mechanisms/gsi/tls/records.js';
import { proxySigner } from '../../src/node/gsi/proxy-certificate.js';
import { TlsEngine } from '../../src/node/gsi/tls-engine.js';
import { ClientControl, formatGsiCredential, type GsiCredential, gsiInitiator } from '../../src/node/index.js';
import type { Exchange } from '../../src/protection/mechanism.js';
import { certificateRequest } from '../node/gsi/certificates.js';
import { startFtpServer } from './ftp-server.js';
import { type Grid, type GridServer, makeGrid, RETRIED, startArcServer, startGlobusServer } from './grid.js';
import { GRID_CLIENTS } from './grid-programs.js';
import { run } from './program.js';

let grid: Grid;
beforeAll(() => {
  grid = makeGrid();
});
afterAll(() => grid?.close());

const keyPair = (modulusLength = 2048) => generateKeyPairSync('rsa', { modulusLength });
/** Changes that break any structure in DER. */
const BROKEN: Readonly<Record<string, (octets: Uint8Array) => Uint8Array>> = {
  'a length of 2 GB': octets => concat(Uint8Array.of(0x30, 0x84, 0x7f, 0xff, 0xff, 0xff), octets.subarray(4)),
  'half of it': octets => octets.subarray(0, octets.length >> 1),
  'no elements': () => Uint8Array.of(0x30, 0),
  'no DER': () => Uint8Array.of(0),
  'a bit of the signature': octets => octets.map((octet, i) => (i === octets.length - 9 ? octet ^ 1 : octet)),
  'sequences in sequences': () => new Uint8Array(16_000).fill(0x30).map((octet, i) => (i % 2 === 0 ? octet : 0x80)),
};

/** A server that follows `D` with this request; the client's answer to it is the last token. */
function requesting(host: GsiCredential, request: Uint8Array, answered: () => void): Exchange {
  const pem = formatGsiCredential(host);
  const engine = new TlsEngine('server', createSecureContext({ key: pem, cert: pem, ca: [] }));
  const observer = new Handshake({ keyLogs: [engine.keyLog], rsaKeys: [] });
  let context: RecordContext | undefined;
  let isRequested = false;
  return {
    async step(token) {
      if (isRequested) answered();
      if (context !== undefined) {
        isRequested = true;
        return { token: context.wrap(request, 'safe').token };
      }
      const answer = await engine.process(token);
      observer.push('client', token!);
      const is13 = observer.agreed?.version === TLS_1_3;
      if (!engine.isComplete || !is13) observer.push('server', answer);
      if (!engine.isComplete) return { token: answer };
      context = new RecordContext({
        send: observer.directionOf('server')!,
        receive: observer.directionOf('client')!,
      });
      return { token: is13 ? context.wrap(Uint8Array.of(0), 'safe').token : answer };
    },
    destroy: () => engine.destroy(),
  };
}

const REQUESTS: Readonly<Record<string, () => Uint8Array>> = {
  'a valid one': () => certificateRequest(keyPair()),
  'that another key has signed': () => certificateRequest(keyPair(), keyPair().privateKey),
  'for a key of 1024 bits': () => certificateRequest(keyPair(1024)),
  'for a key of 512 bits': () => certificateRequest(keyPair(512)),
  ...Object.fromEntries(
    Object.entries(BROKEN).map(([name, change]) => [`with ${name}`, () => change(certificateRequest(keyPair()))]),
  ),
};

/** Requests for which all clients sign a proxy certificate, also where the key is too short. */
const SIGNED = ['a valid one', 'for a key of 1024 bits', 'for a key of 512 bits'];

describe.each(Object.keys(GRID_CLIENTS))('a certificate request for %s', name => {
  // JGlobus takes seconds to start.
  const requests = Object.keys(REQUESTS).filter(what => name !== 'JGlobus' || !what.startsWith('with '));

  test.each(requests)('%s', async what => {
    let isSigned = false;
    const acceptor = () => requesting(grid.host, REQUESTS[what]!(), () => (isSigned = true));
    const options = { mechanisms: [gsi({ acceptor })], mayLogIn: () => false, folder: grid.folder, timeout: 5000 };
    const server = await startFtpServer({ ...options, require: 'private', transfers: ['clear'] });
    const urls = [`gsiftp://localhost:${server.port}/x`, `file://${grid.folder}/x`] as const;
    const [program, ...args] = GRID_CLIENTS[name]!.copy(grid, ...urls);
    const { code } = await run(program!, args, {
      environment: grid.userEnvironment as never,
      folder: grid.folder,
      limit: 15_000,
    });
    await server.close();
    // It would be null if a signal had killed the program.
    expect([code, isSigned]).toEqual([expect.any(Number), SIGNED.includes(what)]);
  });
});

/** A client whose proxy certificate is replaced. */
function delegating(exchange: Exchange, replace: (request: Uint8Array) => Uint8Array): Exchange {
  return {
    async step(token) {
      const step = await exchange.step(token);
      const directions = (step.context as RecordContext | undefined)?.directions();
      if (directions === undefined) return step;
      const { send, receive } = directions;
      const { content } = openRecord({ ...receive, number: receive.number - 1 }, parseRecords(token!)[0]!);
      const { octets } = sealRecord({ ...send, number: send.number - 1 }, { type: 23, content: replace(content) });
      return { ...step, token: octets };
    },
    destroy: () => exchange.destroy!(),
  };
}

type Replace = (request: Uint8Array, user: GsiCredential) => Uint8Array;
const signed = (request: Uint8Array, user: GsiCredential, now = Date.now()) =>
  proxySigner(user, { lifetime: 3_600_000 })(request, now);
const PROXIES: Readonly<Record<string, Replace>> = {
  'a valid one': signed,
  'of another key': (_, user) => signed(certificateRequest(keyPair()), user),
  'that another key has signed': (request, user) => signed(request, { ...user, key: keyPair().privateKey }),
  "the user's own certificate": (_, user) => user.certificates[0]!,
  ...Object.fromEntries(
    Object.entries(BROKEN).map(([name, change]) => [
      `with ${name}`,
      (request: Uint8Array, user: GsiCredential) => change(signed(request, user)),
    ]),
  ),
};
/** Neither server verifies the signature of what is delegated to it. */
const ACCEPTED = ['a valid one', 'that another key has signed', 'with a bit of the signature'];
const SERVERS = [
  // It replies with 530.
  ['globus-gridftp-server', startGlobusServer, 'sequence/unexpected-reply'],
  ['gridftpd of ARC', startArcServer, 'sequence/closed'],
] as const;

describe.each(SERVERS)('a proxy certificate for %s', RETRIED, (_, start, refusal) => {
  let server: GridServer;
  beforeAll(async () => {
    server = await start(grid);
  });
  afterAll(() => server?.stop());

  test.each(Object.keys(PROXIES))('%s', async what => {
    const { user: credential, trust } = grid;
    const exchange = delegating(gsiInitiator({ credential, trust, server: 'localhost', delegate: {} }), request =>
      PROXIES[what]!(request, credential),
    );
    const control = new ClientControl(connect(server.port, '127.0.0.1'), {
      mechanism: 'GSSAPI',
      exchange,
      protection: 'clear',
    });
    control.on('error', () => {});
    control.resume();
    const outcome = await control.start().then(
      () => 'accepted',
      (error: Error & { code?: string }) => error.code,
    );
    control.destroy();
    expect(outcome).toBe(ACCEPTED.includes(what) ? 'accepted' : refusal);
  });
});
