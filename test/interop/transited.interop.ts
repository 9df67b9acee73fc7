/** A client of A.EXAMPLE.TEST, whose ticket came through EXAMPLE.TEST, at a service of B.EXAMPLE.TEST; no KDC has judged that. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { openApReq } from '../../src/mechanisms/krb5/exchange/ap-exchange.js';
import { type Krb5AcceptorOptions, krb5Acceptor, parseKeytab } from '../../src/mechanisms/krb5/index.js';
import { parseContextToken } from '../../src/mechanisms/krb5/messages/gss-framing.js';
import { TICKET_FLAGS } from '../../src/mechanisms/krb5/messages/kerberos.js';
import { agree, refusal } from './conversation.js';
import { CLIENT_REALM, type Forest, HOST, ROOT, SERVICE_REALM, startForest } from './forest.js';
import { SeededOctets } from './messages.js';
import { FTP_FLAGS, Peer } from './peer.js';
import { exchangeMessages } from './traffic.js';

const folder = mkdtempSync(join(tmpdir(), 'rfc2228-forest-'));
let forest: Forest;

beforeAll(async () => {
  forest = await startForest(inject('mit'), join(folder, 'forest'));
});
afterAll(async () => {
  await forest?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const keytab = () => parseKeytab(readFileSync(forest.keytab));
const acceptor = (options: Partial<Krb5AcceptorOptions> = {}) => krb5Acceptor({ keytab: keytab(), ...options });
const initiator = () =>
  new Peer(inject('mit').program, forest.environment, {
    role: 'initiate',
    service: `ftp@${HOST}`,
    flags: FTP_FLAGS.mit,
  });

test('the ticket lists the realm between, and has no flag', async () => {
  const peer = initiator();
  const request = parseContextToken((await peer.step()).token!);
  await peer.close();
  if (request.kind !== 'AP-REQ') throw new Error('no AP-REQ');
  const { ticket } = openApReq(request.message, keytab(), {});
  expect([ticket.crealm, new TextDecoder().decode(ticket.transited.contents)]).toEqual([CLIENT_REALM, ROOT]);
  expect(ticket.flags & TICKET_FLAGS.transitedPolicyChecked).toBe(0);
});

test.each([
  ['by default', {}],
  ['by name', { hierarchicalTrust: false, transitedRealms: [ROOT] }],
])('we accept it %s', async (_how, options) => {
  const peer = initiator();
  const { context, facts } = await agree(acceptor(options), peer, 'acceptor');
  expect([facts.clientName, facts.serverName]).toEqual([`user@${CLIENT_REALM}`, `ftp/${HOST}@${SERVICE_REALM}`]);
  expect((await exchangeMessages(context, peer, new SeededOctets('forest'), 20)).differing).toBe(0);
  await peer.close();
});

test('MIT’s acceptor accepts it too', async () => {
  const [client, server] = [initiator(), new Peer(inject('mit').program, forest.environment, { role: 'accept' })];
  const { token } = await client.step();
  expect((await server.step(token)).complete).toBe(true);
  await Promise.all([client.close(), server.close()]);
});

test('we refuse it without the hierarchy, and MIT’s initiator understands why', async () => {
  const peer = initiator();
  const { token } = await peer.step();
  const error = await refusal(acceptor({ hierarchicalTrust: false }), token, 'security/wrong-name');
  expect(error.message).toContain(
    `came through ${ROOT}, which is not trusted between ${CLIENT_REALM} and ${SERVICE_REALM}`,
  );
  await peer.request('s', error.token);
  expect(await peer.errorText()).toMatch(/transited|path/i);
  await peer.close();
});
