/** Live exchanges between our client and our server, and with Node's TLS in place of one of them. */
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { createSecureContext } from 'node:tls';
import { describe, expect, test } from 'vitest';
import { toUtf8 } from '../../../src/bytes.js';
import type { RecordContext } from '../../../src/mechanisms/gsi/context.js';
import { gsi } from '../../../src/mechanisms/gsi/index.js';
import { parseClientHello } from '../../../src/mechanisms/gsi/tls/handshake-messages.js';
import { APPLICATION_DATA } from '../../../src/mechanisms/gsi/tls/record-cipher.js';
import { type Direction, sealRecord } from '../../../src/mechanisms/gsi/tls/records.js';
import { suiteByNumber } from '../../../src/mechanisms/gsi/tls/suites.js';
import { ClientControl } from '../../../src/node/client-control.js';
import type { GsiCredential } from '../../../src/node/gsi/credential.js';
import { TlsEngine } from '../../../src/node/gsi/tls-engine.js';
import { ServerControl } from '../../../src/node/server-control.js';
import type { Exchange } from '../../../src/protection/mechanism.js';
import { alternativeNames, authority, CA, HOST, type Made, make, proxyInfo, USER } from './certificates.js';
import {
  acceptor,
  clock,
  expectTalk,
  handshake,
  identityOf,
  initiator,
  only,
  refusal,
  run,
  VERSIONS,
} from './sides.js';

const proxy = make(`${USER.name}/CN=12`, { issuer: USER, extensions: [proxyInfo('limited')] });

describe.each(VERSIONS)('%s', version => {
  test('both sides know each other, and their records fit', async () => {
    const { client, server, tokens } = await run(initiator(only(version)), acceptor(only(version)));
    expect(client.facts).toMatchObject({
      serverName: '/O=Grid/CN=host/ftp.example.org',
      tls: version.slice(4),
      inOrder: true,
    });
    expect(server.facts).toMatchObject({ clientName: '/O=Grid/CN=Anna', limitedProxy: false, delegates: false });
    expect(client.facts!['cipherSuite']).toBe(server.facts!['cipherSuite']);
    expect(tokens.length).toBe(5);
    expectTalk(client.context!, server.context!);
  });

  test('a proxy stands for its owner', async () => {
    const { server } = await run(initiator({ ...only(version), credential: proxy }), acceptor(only(version)));
    expect(server.facts).toMatchObject({ clientName: '/O=Grid/CN=Anna', limitedProxy: true });
  });

  test('a proxy is refused where its kind is not accepted', async () => {
    const server = acceptor({ ...only(version), proxies: ['rfc'] });
    const error = await refusal(run(initiator({ ...only(version), credential: proxy }), server));
    expect([error.code, error.message]).toEqual([
      'security/untrusted',
      'proxy /O=Grid/CN=Anna/CN=12: limited proxies are not accepted',
    ]);
  });

  test('a long chain takes several records and writes', async () => {
    let issuer: Made = CA;
    for (let i = 0; i < 20; i++) {
      issuer = make(`/O=Grid/CN=${'x'.repeat(1500)}${i}`, { issuer, extensions: [authority()] });
    }
    const host = make('/O=Grid/CN=ftp.example.org', { issuer });
    expect(host.certificates.reduce((sum, { length }) => sum + length, 0)).toBeGreaterThan(60_000);
    const { client, server } = await run(initiator(only(version)), acceptor({ ...only(version), credential: host }));
    expectTalk(client.context!, server.context!);
  });

  test.each(
    version === 'TLSv1.2'
      ? [
          'ECDHE-ECDSA-AES128-GCM-SHA256',
          'ECDHE-ECDSA-CHACHA20-POLY1305',
          'ECDHE-ECDSA-AES256-SHA384',
          'ECDHE-ECDSA-AES128-CCM',
        ]
      : [
          'TLS_AES_128_GCM_SHA256',
          'TLS_CHACHA20_POLY1305_SHA256',
          'TLS_AES_128_CCM_SHA256',
          'TLS_AES_128_CCM_8_SHA256',
        ],
  )('cipher suite %s', async ciphers => {
    const options = { ...only(version), ciphers };
    const { client, server } = await run(initiator(options), acceptor(options));
    expectTalk(client.context!, server.context!);
  });

  const stranger = make('/O=Grid/CN=Eve', { extensions: [] });
  test.each([
    [
      'a client that no authority has signed',
      { credential: stranger },
      {},
      'untrusted',
      'no trusted authority has signed /O=Grid/CN=Eve',
    ],
    [
      'a server that no authority has signed',
      {},
      { credential: stranger },
      'untrusted',
      'no trusted authority has signed /O=Grid/CN=Eve',
    ],
    [
      'a server with another name',
      { server: 'other.example.org' },
      {},
      'wrong-name',
      'the server is /O=Grid/CN=host/ftp.example.org, not other.example.org',
    ],
    [
      'a server with another subject',
      { server: '/O=Grid/CN=Anna' },
      {},
      'wrong-name',
      'the server is /O=Grid/CN=host/ftp.example.org, not /O=Grid/CN=Anna',
    ],
    [
      'a server whose certificate has expired',
      { clock: () => clock() + 2 * 86_400_000 },
      {},
      'expired',
      '/O=Grid/CN=host/ftp.example.org has expired',
    ],
    [
      'a client whose certificate has expired',
      {},
      { clock: () => clock() + 2 * 86_400_000 },
      'expired',
      '/O=Grid/CN=Anna has expired',
    ],
  ])('%s is refused', async (_, ours, theirs, code, message) => {
    const error = await refusal(
      run(initiator({ ...only(version), ...ours }), acceptor({ ...only(version), ...theirs })),
    );
    expect([error.code, error.message, error.side]).toEqual([`security/${code}`, message, 'peer']);
  });

  test('the subject of the server may be given', async () => {
    const { client } = await run(
      initiator({ ...only(version), server: '/O=Grid/CN=host/ftp.example.org' }),
      acceptor(only(version)),
    );
    expect(client.context).toBeDefined();
  });

  test('a client without a certificate is refused', async () => {
    const client = new TlsEngine('client', createSecureContext({ ...only(version), ca: [] }));
    const server = acceptor(only(version));
    const { token } = await server.step(await client.process());
    const error = await refusal(Promise.resolve(server.step(await client.process(token))));
    expect([error.code, error.message]).toEqual(['security/untrusted', 'the peer has sent no certificate']);
    client.destroy();
  });

  test.each(['', '1', '00', 'DD'])('the delegation flag "%s" is refused', async flag => {
    const { client, server } = await handshake(version, acceptor({ ...only(version), delegated: () => {} }));
    const { octets } = sealRecord(client.directions()!.send, { type: APPLICATION_DATA, content: toUtf8(flag) });
    const error = await refusal(Promise.resolve(server.step(octets)));
    expect(error.message).toBe('not a delegation flag');
  });
});

test('versions that do not fit are refused, with an alert for the peer', async () => {
  const error = await refusal(run(initiator(only('TLSv1.3')), acceptor(only('TLSv1.2'))));
  expect(error.code).toBe('security/bad-token');
  expect(error.message).toMatch(/^TLS: /);
  expect(error.token?.[0]).toBe(21);
});

test.each(VERSIONS)('%s: a server that ends TLS within the handshake is refused', async version => {
  for (const level of [1, 2]) {
    const client = initiator(only(version));
    await client.step();
    const closeNotify = Uint8Array.of(21, 3, 3, 0, 2, level, 0);
    expect((await refusal(Promise.resolve(client.step(closeNotify)))).code).toBe('security/bad-token');
    client.destroy!();
  }
});

test('tickets of a server are read over', async () => {
  const server = new TlsEngine('server', createSecureContext(identityOf(HOST)));
  const client = initiator();
  const answer = await server.process((await client.step()).token);
  // The last token has session tickets, and not the octet that Globus sends.
  const tickets = await server.process((await client.step(answer)).token);
  expect(tickets.length).toBeGreaterThan(100);
  const { context, token } = await client.step(tickets);
  expect([context !== undefined, token?.[0]]).toEqual([true, 23]);
  server.destroy();
});

test.each([0, 1, 2, 3])('an exchange that is destroyed ends, also within a step, after %d turns', async turns => {
  const [client, server] = [initiator(), acceptor()];
  const opening = await client.step();
  const answer = refusal(Promise.resolve(server.step(opening.token)));
  for (let i = 0; i < turns; i++) await setImmediate();
  server.destroy!();
  expect((await answer).code).toBe('sequence/closed');
  client.destroy!();
  expect((await refusal(Promise.resolve(client.step(opening.token)))).code).toBe('sequence/closed');
});

test('options of the wrong kind are a TypeError', () => {
  expect(() => initiator({ server: '' })).toThrow(TypeError);
  expect(() => acceptor({ trust: { names: [], unreadable: new Map() } })).toThrow(TypeError);
  expect(() => initiator({ server: undefined as unknown as string })).toThrow(TypeError);
  expect(() => initiator({ credential: {} as GsiCredential, delegate: {} })).toThrow(TypeError);
  expect(() => acceptor({ proxies: ['limit'] as unknown as ['limited'] })).toThrow(TypeError);
  expect(() => initiator({ delegate: { rights: 'none' as 'all' } })).toThrow(TypeError);
});

test('a suite without encryption has to be asked for, and gives the level safe', async () => {
  const options = { ...only('TLSv1.2'), ciphers: 'ECDHE-ECDSA-NULL-SHA:@SECLEVEL=0' };
  const { client, server } = await run(initiator(options), acceptor(options));
  expect(client.facts!['cipherSuite']).toBe('TLS_ECDHE_ECDSA_WITH_NULL_SHA');
  const { token, level } = client.context!.wrap(toUtf8('PWD'), 'safe');
  expect([level, server.context!.unwrap(token).level, server.context!.supports('private')]).toEqual([
    'safe',
    'safe',
    false,
  ]);
  expect((await refusal(run(initiator(options), acceptor(only('TLSv1.2'))))).code).toBe('security/bad-token');
});

/** OpenSSL uses them only with parameters. By default they are left out, as they cost a server more than a client. */
test.each(['DHE-RSA-AES256-GCM-SHA384', 'DHE-RSA-CHACHA20-POLY1305', 'DHE-RSA-AES128-CCM8', 'DHE-RSA-AES128-SHA256'])(
  'a suite with a Diffie-Hellman key exchange over numbers, %s, has to be asked for by the server',
  async ciphers => {
    const key = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const credential = make(HOST.name, { issuer: CA, key, extensions: [alternativeNames('ftp.example.org')] });
    const options = { ...only('TLSv1.2'), ciphers };
    const { client, server } = await run(initiator(options), acceptor({ ...options, credential }));
    expect(client.facts!['cipherSuite']).toMatch(/^TLS_DHE_RSA_WITH_/);
    expectTalk(client.context!, server.context!);
    const error = await refusal(run(initiator(options), acceptor({ ...only('TLSv1.2'), credential })));
    expect([error.code, error.message]).toEqual(['security/bad-token', 'TLS: no shared cipher']);
  },
);

test('by default no suite is offered that the context does not know', async () => {
  const client = initiator();
  const token = (await client.step()).token!;
  client.destroy!();
  const { suites } = parseClientHello(token.subarray(9));
  // A signal of no renegotiation, which is no suite (RFC 5746 §3.3).
  const unknown = suites.filter(number => number !== 0xff && suiteByNumber(number) === undefined);
  expect(unknown.map(number => number.toString(16))).toEqual([]);
  expect(suites.length).toBeGreaterThan(20);

  const other = new TlsEngine(
    'client',
    createSecureContext({ ...identityOf(USER), ciphers: 'ARIA', ...only('TLSv1.2') }),
  );
  const error = await refusal(Promise.resolve(acceptor().step(await other.process())));
  expect([error.code, error.message]).toEqual(['security/bad-token', 'TLS: no shared cipher']);
  other.destroy();
});

test('TLS 1.0 and 1.1 are not offered, whatever the ciphers', () => {
  for (const version of ['TLSv1', 'TLSv1.1', 'SSLv3'] as unknown as 'TLSv1.2'[]) {
    const ciphers = 'DEFAULT:@SECLEVEL=0';
    expect(() => initiator({ minVersion: version, ciphers })).toThrow(RangeError);
    expect(() => acceptor({ minVersion: version, maxVersion: version, ciphers })).toThrow(RangeError);
  }
});

/** Records that the peer itself sends, or that were changed on the way; and how the connection ends then. */
const BAD_RECORDS: [what: string, make: (send: Direction) => Uint8Array, error: RegExp][] = [
  [
    'an alert',
    send => sealRecord(send, { type: 21, content: Uint8Array.of(2, 40) }).octets,
    /TLS alert: handshake_failure/,
  ],
  [
    'another message',
    send => sealRecord(send, { type: 22, content: Uint8Array.of(1, 0, 0, 0) }).octets,
    /handshake message 1|renegotiation/,
  ],
  [
    'another number',
    send => sealRecord({ ...send, number: send.number + 1 }, { type: 23, content: toUtf8('NOOP') }).octets,
    /wrong checksum/,
  ],
];

describe.each(VERSIONS)('%s: a control connection ends', version => {
  test.each(BAD_RECORDS)('at the server, after %s', async (_, make, error) => {
    let end: (thrown: unknown) => void;
    const ended = new Promise<unknown>(resolve => (end = resolve));
    const server = createServer(async socket => {
      const control = new ServerControl(socket, {
        mechanisms: [gsi({ acceptor })],
        require: 'private',
        transfers: ['clear'],
      });
      await control.reply(220, 'Ready');
      try {
        for await (const event of control) await control.reply(200, 'OK', event);
        end(undefined);
      } catch (thrown) {
        end(thrown);
      }
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
    const { exchange, sending } = watched(initiator(only(version)));
    const control = new ClientControl(socket, { mechanism: 'GSSAPI', exchange, protection: 'clear' });
    control.on('error', () => {});
    await control.start();
    const closed = once(socket, 'close');
    socket.write(`ENC ${Buffer.from(make(sending())).toString('base64')}\r\nENC ${'A'.repeat(64)}\r\n`);
    await closed;
    expect(String(await ended)).toMatch(error);
    server.close();
  });

  test.each(BAD_RECORDS)('at the client, after %s', async (_, make, error) => {
    const { exchange: acceptorExchange, sending } = watched(acceptor(only(version)));
    const server = createServer(async socket => {
      const mechanisms = [gsi({ acceptor: () => acceptorExchange })];
      const control = new ServerControl(socket, { mechanisms, require: 'private', transfers: ['clear'] });
      await control.reply(220, 'Ready');
      socket.on('error', () => {});
      for await (const { command } of control)
        if (command.verb === 'NOOP') socket.write(`632 ${Buffer.from(make(sending())).toString('base64')}\r\n`);
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
    const exchange = initiator(only(version));
    const control = new ClientControl(socket, { mechanism: 'GSSAPI', exchange, protection: 'clear' });
    await control.start();
    control.resume();
    control.write('NOOP\r\n');
    const [thrown] = await once(control, 'error');
    expect(String(thrown)).toMatch(error);
    expect([control.destroyed, socket.destroyed]).toEqual([true, true]);
    server.close();
  });
});

/** An exchange, and the direction of the next record of its context. */
function watched(exchange: Exchange): { exchange: Exchange; sending(): Direction } {
  let context: RecordContext | undefined;
  return {
    exchange: {
      async step(token) {
        const step = await exchange.step(token);
        context = step.context as RecordContext | undefined;
        return step;
      },
      destroy: () => exchange.destroy!(),
    },
    sending: () => context!.directions()!.send,
  };
}

test('control connections over sockets speak it', async () => {
  const server = createServer(async socket => {
    const mechanisms = [gsi({ acceptor })];
    const control = new ServerControl(socket, { mechanisms, require: 'private', transfers: ['clear'] });
    await control.reply(220, 'Ready');
    for await (const event of control) {
      const { clientName } = control.session.facts;
      await control.reply(event.command.verb === 'QUIT' ? 221 : 230, `${clientName} ${event.level}`, event);
      if (event.command.verb === 'QUIT') break;
    }
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const control = new ClientControl(socket, { mechanism: 'GSSAPI', exchange: initiator(), protection: 'clear' });
  await control.start();
  control.end('USER anna\r\nQUIT\r\n');
  let text = '';
  for await (const chunk of control.setEncoding('utf8')) text += chunk;
  expect(text).toBe('220 Ready\r\n230 /O=Grid/CN=Anna private\r\n221 /O=Grid/CN=Anna private\r\n');
  server.close();
});
