/** Channel bindings and client addresses in exchanges. */
import { expect, test } from 'vitest';
import { fromHex, toHex } from '../../../../src/bytes.js';
import {
  channelBindings,
  type Krb5AcceptorOptions,
  type Krb5Facts,
  type Krb5InitiatorOptions,
  krb5Acceptor,
  krb5Initiator,
  ReplayCache,
} from '../../../../src/mechanisms/krb5/index.js';
import type { ChannelEnds, Step } from '../../../../src/protection/mechanism.js';
import { errorOf, expectCode } from '../../../helpers.js';
import { acceptRecorded, CLIENT_ADDRESS, requestFor, withTicket } from '../acceptors.js';
import { exchangeOf } from '../exchange-vectors.js';
import { errorNumberOf, realm, START } from '../live.js';

test('channel bindings are compared if both sides have them', () => {
  const local = Uint8Array.of(127, 0, 0, 1);
  const bound = exchangeOf('krb5-mit-aes256-cts-hmac-sha1-96');
  const unbound = exchangeOf('krb5-mit-aes256-cts-hmac-sha1-96', ', mutual-replay-sequence');
  const bindings = channelBindings({ initiator: local, acceptor: local });
  expect(acceptRecorded(bound, { bindings }).step.context).toBeDefined();
  expect(acceptRecorded(unbound, { bindings }).step.context).toBeDefined();
  const other = channelBindings({ initiator: local, acceptor: Uint8Array.of(127, 0, 0, 2) });
  const error = errorOf(() => acceptRecorded(bound, { bindings: other }));
  expect([error.code, errorNumberOf(error.token)]).toEqual(['security/bad-bindings', 60]);
});

test('correct bindings and those of curl are accepted, and missing ones are refused if they are required', () => {
  const ends = { initiator: Uint8Array.of(127, 0, 0, 1), acceptor: Uint8Array.of(127, 0, 0, 1) };
  const other = { ...ends, acceptor: Uint8Array.of(127, 0, 0, 2) };
  const made = realm(18);
  const attempt = (bindings: Uint8Array | undefined, channel: ChannelEnds | undefined, requireBindings = false) => {
    const options = { clock: () => START * 1000, replayCache: new ReplayCache(), keytab: made.keytab };
    const initiator = krb5Initiator({
      credentials: [made.credential],
      service: 'ftp@host.example.test',
      ...options,
      ...(bindings && { bindings }),
    });
    const { token } = initiator.step() as Step;
    return (krb5Acceptor({ ...options, requireBindings }).step(token, channel) as Step).context;
  };
  const ofCurl = fromHex('b2682ad188190ceba548b386e7ca4fab');
  for (const bindings of [channelBindings(ends), ofCurl]) {
    expect(attempt(bindings, ends, true)).toBeDefined();
    expectCode(() => attempt(bindings, other), 'security/bad-bindings');
    expect(attempt(bindings, undefined)).toBeDefined();
    for (const one of ['initiator', 'acceptor'] as const) expect(attempt(bindings, { [one]: ends[one] })).toBeDefined();
  }
  expect(attempt(undefined, ends)).toBeDefined();
  expect(errorOf(() => attempt(undefined, ends, true)).message).toMatch(/required, but the client sent none/);
  expect(errorOf(() => attempt(ofCurl, undefined, true)).message).toMatch(/required, but the addresses are unknown/);
});

test('the bindings are those of the connection by default, and the option bindings takes precedence', () => {
  const ends = { initiator: new Uint8Array(16).fill(1), acceptor: new Uint8Array(16).fill(2) };
  const given = channelBindings({ application: Uint8Array.of(1) });
  const made = realm(18);
  const bound = (options: Partial<Krb5InitiatorOptions>, channel?: ChannelEnds) => {
    const clock = () => START * 1000;
    const { step } = krb5Initiator({
      credentials: [made.credential],
      service: 'ftp@host.example.test',
      clock,
      ...options,
    });
    const { facts } = step(undefined, channel) as { facts: Krb5Facts };
    return facts.bindings;
  };
  expect(bound({}, ends)).toBe(toHex(channelBindings(ends)));
  expect(bound({ bindings: given }, ends)).toBe(toHex(given));
  for (const one of ['initiator', 'acceptor'] as const) expect(bound({}, { [one]: ends[one] })).toBeUndefined();
  expect(bound({})).toBeUndefined();
});

test('the addresses in a ticket are compared with the address of the connection', () => {
  const made = realm(18, withTicket({ caddr: [CLIENT_ADDRESS] }));
  const attempt = (initiator: Uint8Array, options: Partial<Krb5AcceptorOptions> = {}) => {
    const clock = () => START * 1000;
    const acceptor = krb5Acceptor({ keytab: made.keytab, clock, replayCache: new ReplayCache(), ...options });
    return acceptor.step(requestFor(made), { initiator }) as Step;
  };
  expect(attempt(CLIENT_ADDRESS.address).context).toBeDefined();
  expectCode(() => attempt(Uint8Array.of(192, 0, 2, 8)), 'security/wrong-name');
  expectCode(
    () => attempt(CLIENT_ADDRESS.address, { peerAddress: Uint8Array.of(192, 0, 2, 8) }),
    'security/wrong-name',
  );
});
