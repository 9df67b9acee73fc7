import { describe, expect, it } from 'vitest';
import { FtpSecurityError, replyCodeFor } from '../../src/errors.js';
import { krb5 } from '../../src/mechanisms/krb5/index.js';
import type { Exchange, Mechanism } from '../../src/protection/mechanism.js';
import { acceptorFor, chooseMechanism } from '../../src/session/choose-mechanism.js';
import { ascii, errorOf, mechanismWith } from '../helpers.js';

const KERBEROS = Uint8Array.from([0x60, 0x06, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 0x01, 0x02, 0x02]);
const TLS = Uint8Array.from([0x16, 3, 1, 2, 0]);

/** An exchange that says which one it is. */
function saying(text: string): Exchange & { destroyed: boolean } {
  return {
    destroyed: false,
    step: (token, channel) => ({ token: ascii(text), facts: { token, channel } }),
    destroy() {
      this.destroyed = true;
    },
  };
}

const gsi: Mechanism = {
  ...mechanismWith('gssapi', { acceptor: () => saying('gsi') }),
  variant: 'gsi',
  recognises: token => token[0] === 0x16,
};
const kerberos: Mechanism = { ...krb5(), acceptor: () => saying('krb5') };

describe('the mechanism of an exchange', () => {
  it.each<[string, string | undefined, Uint8Array, string | undefined]>([
    ['Kerberos under GSSAPI', 'GSSAPI', KERBEROS, 'krb5'],
    ['TLS under GSSAPI', 'GSSAPI', TLS, 'gsi'],
    ['a name in lower case', 'gssapi', TLS, 'gsi'],
    ['no name, since AUTH was not recorded', undefined, TLS, 'gsi'],
    ['a token that no mechanism knows', 'GSSAPI', ascii('NTLMSSP'), undefined],
    ['a name that no mechanism has', 'X-PSK', TLS, undefined],
  ])('is chosen by name and first token: %s', (_, name, token, variant) => {
    expect(chooseMechanism([kerberos, gsi], name, token)?.variant).toBe(variant);
  });
});

describe('an acceptor for several mechanisms of one name', () => {
  it('gives every token to the mechanism that recognises the first', () => {
    const exchange = acceptorFor([kerberos, gsi], 'GSSAPI');
    const channel = { initiator: Uint8Array.of(192, 0, 2, 1) };
    expect(exchange.step(TLS, channel)).toEqual({ token: ascii('gsi'), facts: { token: TLS, channel } });
    expect(exchange.step(KERBEROS)).toMatchObject({ token: ascii('gsi'), facts: { token: KERBEROS } });
  });

  it('ignores mechanisms without an acceptor', () => {
    const { acceptor: _, ...observed } = kerberos;
    const exchange = acceptorFor([observed, kerberos], 'GSSAPI');
    expect(exchange.step(KERBEROS)).toMatchObject({ token: ascii('krb5') });
  });

  it.each([
    ['another token', ascii('NTLMSSP')],
    ['no octets', new Uint8Array()],
    ['no token', undefined],
  ])('refuses %s with 535, and is over', (_, token) => {
    const exchange = acceptorFor([kerberos, gsi], 'GSSAPI');
    const error = errorOf(() => exchange.step(token));
    expect([error.code, replyCodeFor(error)]).toEqual(['security/bad-token', 535]);
    expect(() => exchange.step(TLS)).toThrow(new FtpSecurityError('sequence/closed', 'the GSSAPI exchange is over'));
  });

  it('can be destroyed during its exchange, or before', () => {
    const [begun, never] = [saying('gsi'), saying('gsi')];
    const exchange = acceptorFor([{ ...gsi, acceptor: () => begun }], 'GSSAPI');
    exchange.step(TLS);
    exchange.destroy!();
    expect(begun.destroyed).toBe(true);
    const keyless = acceptorFor([{ ...gsi, acceptor: () => ({ step: () => ({}) }) }], 'GSSAPI');
    keyless.step(TLS);
    expect(() => keyless.destroy!()).not.toThrow();
    const early = acceptorFor([{ ...gsi, acceptor: () => never }], 'GSSAPI');
    early.destroy!();
    expect(() => early.step(TLS)).toThrow(FtpSecurityError);
  });
});
