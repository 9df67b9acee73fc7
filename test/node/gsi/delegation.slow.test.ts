/** Credentials that clients delegate; each takes the server a new RSA key. */
import { execFileSync } from 'node:child_process';
import { createPublicKey } from 'node:crypto';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { concat, toUtf8 } from '../../../src/bytes.js';
import { RecordContext } from '../../../src/mechanisms/gsi/context.js';
import { TLS_1_2 } from '../../../src/mechanisms/gsi/tls/key-schedule.js';
import type { GsiCredential } from '../../../src/node/gsi/credential.js';
import type { Exchange } from '../../../src/protection/mechanism.js';
import { pairOf, protocolOf } from '../../mechanisms/gsi/pairs.js';
import { CA, make, proxyInfo, USER } from './certificates.js';
import { acceptor, expectTalk, handshake, initiator, only, refusal, run, serve, VERSIONS } from './sides.js';

afterEach(() => void vi.restoreAllMocks());

const TLS12 = protocolOf(TLS_1_2, 'TLS_RSA_WITH_AES_128_GCM_SHA256');

describe.each(VERSIONS)('%s', version => {
  test('a client that delegates hands over a credential, if the server accepts it', async () => {
    const taken: GsiCredential[] = [];
    const { server } = await runDelegating(version, acceptor({ ...only(version), delegated: it => taken.push(it) }));
    expect(server.facts).toMatchObject({ clientName: '/O=Grid/CN=Anna', delegates: true });
    expect(taken.length).toBe(1);
    const again = await run(initiator({ ...only(version), credential: taken[0]! }), acceptor(only(version)));
    expect(again.server.facts).toMatchObject({ clientName: '/O=Grid/CN=Anna', delegates: false });
  });

  test('a client may leave out its own chain when it delegates', async () => {
    const taken: GsiCredential[] = [];
    await runDelegating(version, acceptor({ ...only(version), delegated: it => taken.push(it) }), {
      sendsChain: false,
    });
    const again = await run(initiator({ ...only(version), credential: taken[0]! }), acceptor(only(version)));
    expect(again.server.facts).toMatchObject({ clientName: '/O=Grid/CN=Anna' });
  });

  test('a client that delegates is refused by a server that does not accept it', async () => {
    const error = await refusal(runDelegating(version, acceptor(only(version))));
    expect(error.message).toBe('the client delegates a credential, which this server does not accept');
  });

  test.each([
    [
      'of another owner',
      () => make('/O=Grid/CN=Eve', { issuer: CA }),
      'wrong-name',
      '/O=Grid/CN=Anna has delegated a credential of /O=Grid/CN=Eve',
    ],
    [
      'that no one has signed',
      () => make('/O=Grid/CN=Eve'),
      'untrusted',
      'no trusted authority has signed /O=Grid/CN=Eve',
    ],
  ])('a delegated credential %s is refused', async (_, owner, code, message) => {
    const server = acceptor({ ...only(version), delegated: () => expect.unreachable() });
    const error = await refusal(runDelegating(version, server, { owner: owner() }));
    expect([error.code, error.message]).toEqual([`security/${code}`, message]);
  });

  test('a delegated certificate of another key is refused', async () => {
    const server = acceptor({ ...only(version), delegated: () => expect.unreachable() });
    const error = await refusal(runDelegating(version, server, { hasOtherKey: true }));
    expect(error.message).toBe('the delegated certificate has another key than was requested');
  });
});

describe.each(VERSIONS)('%s, our client', version => {
  const limited = make(`${USER.name}/CN=1`, { issuer: USER, extensions: [proxyInfo('limited')] });
  test.each([
    ['a limited credential', USER, {}, true],
    ['one with all rights', USER, { rights: 'all' }, false],
    ['a limited one of a limited one', limited, { rights: 'all' }, true],
  ] as const)('delegates %s', async (_, credential, delegate, limitedProxy) => {
    const taken: GsiCredential[] = [];
    const ours = initiator({ ...only(version), credential, delegate });
    const { client, server, tokens } = await run(ours, acceptor({ ...only(version), delegated: it => taken.push(it) }));
    expect([client.facts, server.facts]).toEqual([
      expect.objectContaining({ delegates: true }),
      expect.objectContaining({ clientName: USER.name, delegates: true }),
    ]);
    expect(tokens.length).toBe(7);
    expectTalk(client.context!, server.context!);
    const again = await run(initiator({ ...only(version), credential: taken[0]! }), acceptor(only(version)));
    expect(again.server.facts).toMatchObject({ clientName: USER.name, limitedProxy, delegates: false });
  });

  test('delegates nothing unless it is asked to, and is refused by a server that does not accept it', async () => {
    const { client } = await run(initiator(only(version)), acceptor({ ...only(version), delegated: () => {} }));
    expect(client.facts).toMatchObject({ delegates: false });
    const error = await refusal(run(initiator({ ...only(version), delegate: {} }), acceptor(only(version))));
    expect(error.message).toBe('the client delegates a credential, which this server does not accept');
  });

  test.each([
    ['no certificate request', (server: RecordContext) => server.wrap(USER.der, 'safe').token, 'bad-token'],
    ['no token', () => undefined, 'bad-token'],
    ['a token that is not sealed for us', () => pairOf(TLS12).acceptor.wrap(USER.der, 'safe').token, 'bad-checksum'],
  ])('ends, and no context remains, if the server answers with %s', async (_, answer, code) => {
    const client = initiator({ ...only(version), delegate: {} });
    const { server, flag, ours } = await serve(version, client);
    expect([flag, ours.context]).toEqual(['D', undefined]);
    const token = answer(server);
    const destroyed = vi.spyOn(RecordContext.prototype, 'destroy');
    expect((await refusal(Promise.resolve(client.step(token)))).code).toBe(`security/${code}`);
    expect(destroyed).toHaveBeenCalledTimes(1);
    expect((await refusal(Promise.resolve(client.step(token)))).code).toBe('sequence/closed');
  });
});

/** Delegates a proxy of `owner` for the key that the server asks for. */
async function runDelegating(
  version: (typeof VERSIONS)[number],
  acceptor: Exchange,
  { owner = USER, hasOtherKey = false, sendsChain = true } = {},
) {
  const { client, server } = await handshake(version, acceptor);
  const { token } = await server.step(client.wrap(toUtf8('D'), 'safe').token);
  const publicKey = requestedKey(client.unwrap(token!).plaintext);
  const signed = make(`${owner.name}/CN=77`, {
    issuer: owner,
    extensions: [proxyInfo('all')],
    ...(!hasOtherKey && { key: { publicKey, privateKey: owner.key } }),
  });
  const sent = sendsChain ? concat(...signed.certificates) : signed.der;
  const end = await server.step(client.wrap(sent, 'safe').token);
  expectTalk(client, end.context!);
  return { server: end };
}

/** The key of a certificate request (RFC 2986 §4), whose own signature must be right: OpenSSL judges it. */
function requestedKey(request: Uint8Array) {
  const pem = execFileSync('openssl', ['req', '-inform', 'DER', '-verify', '-noout', '-pubkey'], {
    input: request,
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  return createPublicKey(pem);
}
