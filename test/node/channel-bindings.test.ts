/** Kerberos over sockets of 127.0.0.1: both sides bind the exchange to the addresses of the connection (RFC 2228 appendix I). */
import { describe, expect, test } from 'vitest';
import {
  channelBindings,
  type Krb5AcceptorOptions,
  type Krb5InitiatorOptions,
  krb5,
  krb5Initiator,
  ReplayCache,
} from '../../src/mechanisms/krb5/index.js';
import { ClientControl, ServerControl } from '../../src/node/index.js';
import { realm, START } from '../mechanisms/krb5/live.js';
import { onLoopback } from './sockets.js';

const LOCAL = Uint8Array.of(127, 0, 0, 1);
const clock = () => START * 1000;

interface Side<Options> {
  exchange?: Partial<Options>;
  channelBindings?: boolean;
}

/** What the server is told of the client once it is secured; or the error of the client. */
async function secured(client: Side<Krb5InitiatorOptions> = {}, server: Side<Krb5AcceptorOptions> = {}) {
  const { keytab, credential } = realm(18);
  const [near, far] = await onLoopback();
  const replayCache = new ReplayCache();
  const control = new ServerControl(far, {
    mechanisms: [krb5({ acceptor: { keytab, clock, replayCache, ...server.exchange } })],
    ...('channelBindings' in server && { channelBindings: server.channelBindings! }),
  });
  const served = (async () => {
    await control.reply(220, 'Ready');
    for await (const event of control) await control.reply(200, 'OK', event);
  })().catch(() => {});
  const stream = new ClientControl(near, {
    mechanism: 'GSSAPI',
    exchange: krb5Initiator({ credentials: [credential], service: 'ftp@host.example.test', clock, ...client.exchange }),
    ...('channelBindings' in client && { channelBindings: client.channelBindings! }),
  });
  stream.on('error', () => {});
  try {
    await stream.start();
    return control.session.facts['bindings'] ?? 'none';
  } finally {
    stream.destroy();
    await served;
  }
}

const hex = (octets: Uint8Array) => Buffer.from(octets).toString('hex');
const loopback = hex(channelBindings({ initiator: LOCAL, acceptor: LOCAL }));
/** What a client sends that sees another address of the server, behind address translation. */
const translated = { bindings: channelBindings({ initiator: LOCAL, acceptor: Uint8Array.of(192, 0, 2, 1) }) };

describe('channel bindings', () => {
  test('are those of the sockets, on both sides', async () => {
    expect(await secured()).toBe(loopback);
    expect(loopback).toBe('b4cede9aefa9e053aa8efe1f90fdb854');
  });

  test('are not sent, or not looked at, where an option says so', async () => {
    expect(await secured({ channelBindings: false })).toBe('none');
    expect(await secured({ exchange: translated }, { channelBindings: false })).toBe(hex(translated.bindings));
  });

  test('that differ are refused; none are taken, unless they are required', async () => {
    await expect(secured({ exchange: translated })).rejects.toThrow(/535/);
    const required = { exchange: { requireBindings: true } };
    expect(await secured({}, required)).toBe(loopback);
    await expect(secured({ channelBindings: false }, required)).rejects.toThrow(/535/);
  });
});
