/** Exchanges whose options name no ciphers get those of Node. Camellia shows it: this package has none of its own. */
import { expect, test } from 'vitest';
import { type CipherOptions, krb5, krb5Initiator, ReplayCache } from '../../src/mechanisms/krb5/index.js';
import { ClientControl, ServerControl } from '../../src/node/index.js';
import { realm, START } from '../mechanisms/krb5/live.js';
import { onLoopback } from './sockets.js';

const clock = () => START * 1000;

/** The enctype of the messages on both sides, or the error of the client. */
async function enctypes(spnego: boolean, client: CipherOptions = {}, server: CipherOptions = {}) {
  const { keytab, credential } = realm(26);
  const [near, far] = await onLoopback();
  const acceptor = { keytab, clock, replayCache: new ReplayCache(), ...server };
  const control = new ServerControl(far, { mechanisms: [krb5({ acceptor })] });
  const served = (async () => {
    await control.reply(220, 'Ready');
    for await (const event of control) await control.reply(200, 'OK', event);
  })().catch(() => {}); // it ends with the connection
  const service = 'ftp@host.example.test';
  const exchange = krb5Initiator({ credentials: [credential], service, clock, spnego, enctypes: [26], ...client });
  const stream = new ClientControl(near, { mechanism: 'GSSAPI', exchange });
  stream.on('error', () => {}); // `start` rejects with it
  try {
    await stream.start();
    return [stream.session.facts.enctype, control.session.facts.enctype];
  } finally {
    stream.destroy();
    await served;
  }
}

test.each([false, true])('client and server have the ciphers of Node (SPNEGO: %s)', async spnego => {
  expect(await enctypes(spnego)).toEqual([26, 26]);
});

test('an option that names none is kept to, on each side', async () => {
  await expect(enctypes(false, { ciphers: {} })).rejects.toMatchObject({ code: 'security/no-key', side: 'local' });
  await expect(enctypes(false, {}, { ciphers: {} })).rejects.toThrow(/refused ADAT/);
});
