/** Channel bindings, compared with those in the authenticators of MIT Kerberos and Heimdal. */
import { expect, test } from 'vitest';
import { fromHex, toHex } from '../../../../src/bytes.js';
import { acceptableBindings } from '../../../../src/mechanisms/krb5/exchange/channel-bindings.js';
import { channelBindings } from '../../../../src/mechanisms/krb5/index.js';
import { exchanges } from '../exchange-vectors.js';

const given = exchanges.flatMap(({ title, context }) => {
  const { initiator_bindings: ends } = context;
  const value = context.authenticator_checksum ?? context.authenticator_checksum_head!;
  return ends === null ? [] : [{ title, ends, hash: value.slice(8, 40) }];
});

test.each(given)('are those of $title', ({ ends, hash }) => {
  const bindings = channelBindings({
    initiator: fromHex(ends.initiator_address),
    acceptor: fromHex(ends.acceptor_address),
    application: fromHex(ends.application_data),
  });
  expect(toHex(bindings)).toBe(hash);
});

test('the vectors have some with application data, and some without', () => {
  expect(given.length).toBeGreaterThan(20);
  expect(new Set(given.map(({ ends }) => ends.application_data === '')).size).toBe(2);
});

test('are correct for 127.0.0.1 at both ends, and absent parts are empty', () => {
  const local = Uint8Array.of(127, 0, 0, 1);
  expect(toHex(channelBindings({ initiator: local, acceptor: local }))).toBe('b4cede9aefa9e053aa8efe1f90fdb854');
  const nothing = new Uint8Array();
  expect(channelBindings({})).toEqual(channelBindings({ initiator: nothing, acceptor: nothing, application: nothing }));
});

test('have address type 24 for IPv6', () => {
  const ends = { initiator: new Uint8Array(16), acceptor: new Uint8Array(16) };
  expect(toHex(channelBindings(ends))).toBe('58bd3ed99e60bceec18f9935ecc05a61');
});

test('throw RangeError or TypeError for invalid addresses', () => {
  for (const side of ['initiator', 'acceptor'] as const) {
    const message = `the address of the ${side} must have 4 or 16 octets`;
    expect(() => channelBindings({ [side]: new Uint8Array(5) })).toThrow(new RangeError(message));
    expect(() => channelBindings({ [side]: '127.0.0.1' })).toThrow(TypeError);
  }
});

test('those of curl are acceptable over IPv4 alone, beside the correct ones', () => {
  const [v4, v6] = [Uint8Array.of(127, 0, 0, 1), new Uint8Array(16)];
  const both = acceptableBindings({ initiator: v4, acceptor: v4 }).map(toHex);
  expect(both).toEqual(['b4cede9aefa9e053aa8efe1f90fdb854', 'b2682ad188190ceba548b386e7ca4fab']);
  for (const ends of [{ initiator: v6, acceptor: v6 }, { initiator: v4 }, { acceptor: v4 }, {}])
    expect(acceptableBindings(ends)).toEqual([channelBindings(ends)]);
});
