import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { concat, fromHex, toHex } from '../../../../src/bytes.js';
import { kerberosKey } from '../../../../src/mechanisms/krb5/crypto/kerberos-key.js';
import { openApReq } from '../../../../src/mechanisms/krb5/exchange/ap-exchange.js';
import { describeKrb5Token, krb5, krb5Observer } from '../../../../src/mechanisms/krb5/index.js';
import { formatContextToken } from '../../../../src/mechanisms/krb5/messages/gss-framing.js';
import { type ApReq, USAGE } from '../../../../src/mechanisms/krb5/messages/kerberos.js';
import { onlyRefuses } from '../../../helpers.js';
import { exchangeOf, requestOf } from '../exchange-vectors.js';

const mit = exchangeOf('krb5-mit-aes256-cts-hmac-sha1-96');

describe('damage to the tokens of an exchange', () => {
  const flipped = (token: Uint8Array, bit: number) => {
    const octets = Uint8Array.from(token);
    octets[bit >> 3]! ^= 1 << (bit & 7);
    return octets;
  };
  const rangeOf = (token: Uint8Array, part: Uint8Array) => {
    const start = toHex(token).indexOf(toHex(part)) / 2;
    return (bit: number) => bit >> 3 >= start && bit >> 3 < start + part.length;
  };

  test('a flipped bit in the ticket or authenticator of an AP-REQ is detected', () => {
    const message = requestOf(mit);
    const inTicket = rangeOf(mit.apReq, message.ticket.encPart.cipher);
    const inAuthenticator = rangeOf(mit.apReq, message.authenticator.cipher);
    // Every clear bit, but one bit per octet of ciphertexts, which the tests of the enctypes cover.
    const bits = Array.from({ length: 8 * mit.apReq.length }, (_, bit) => bit);
    for (const bit of bits.filter(bit => !(inTicket(bit) || inAuthenticator(bit)) || bit % 8 === (bit >> 3) % 8)) {
      const step = onlyRefuses(() => krb5Observer({ keys: mit.keytab }).observe('client', flipped(mit.apReq, bit)));
      if (inTicket(bit) || inAuthenticator(bit)) {
        expect(step?.problem?.code).toBe('security/bad-checksum');
        expect(step?.facts.clientName !== undefined).toBe(false);
      }
    }
  });

  test('a flipped bit in an AP-REP is detected: there are no contexts', () => {
    const observer = krb5Observer({ keys: mit.keytab });
    observer.observe('client', mit.apReq);
    for (let bit = 0; bit < 8 * mit.apRep!.length; bit++) {
      const step = onlyRefuses(() => observer.observe('server', flipped(mit.apRep!, bit)));
      expect(step === undefined || step.problem !== undefined).toBe(true);
      expect(step?.fromClient ?? step?.fromServer).toBeUndefined();
    }
    expect(observer.observe('server', mit.apRep!).fromServer).toBeDefined();
  });

  test('arbitrary octets in place of the token, its content or the ciphertexts throw nothing but FtpSecurityError', () => {
    const octets = fc.uint8Array({ maxLength: 200 });
    const observer = krb5Observer({ keys: mit.keytab });
    fc.assert(
      fc.property(octets, fc.constantFrom('0100', '0200', '0300'), (body, id) => {
        const inside = concat(fromHex(`06092a864886f712010202${id}`), body);
        const framed = concat(Uint8Array.of(0x60, 0x81, inside.length), inside);
        for (const token of [body, framed]) {
          krb5().recognises(token);
          onlyRefuses(() => describeKrb5Token(token));
          onlyRefuses(() => observer.observe('client', token));
          onlyRefuses(() => observer.observe('server', token));
        }
      }),
    );
    fc.assert(
      fc.property(octets, cipher => {
        const message = requestOf(mit);
        const { ticket } = message;
        const tokens: ApReq[] = [
          { ...message, authenticator: { etype: 18, cipher } },
          { ...message, ticket: { ...ticket, encPart: { etype: 18, cipher } } },
        ];
        for (const changed of tokens) {
          const { problem } = observer.observe('client', formatContextToken({ kind: 'AP-REQ', message: changed }));
          expect(problem?.code).toMatch(/^security\/bad-(token|checksum)$/);
        }
      }),
    );
  });

  test('arbitrary octets encrypted with the keys of the exchange throw nothing but FtpSecurityError', () => {
    const session = openApReq(requestOf(mit), mit.keytab).ticket.key;
    const service = kerberosKey(18, mit.keytab[0]!.key);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), text => {
        const message = requestOf(mit);
        const inside = kerberosKey(18, session.keyvalue).encrypt(USAGE.authenticator, text);
        const { ticket } = message;
        const tokens: ApReq[] = [
          { ...message, authenticator: { etype: 18, cipher: inside } },
          { ...message, ticket: { ...ticket, encPart: { etype: 18, cipher: service.encrypt(USAGE.ticket, text) } } },
        ];
        for (const changed of tokens) {
          const token = formatContextToken({ kind: 'AP-REQ', message: changed });
          expect(krb5Observer({ keys: mit.keytab }).observe('client', token).problem?.code).toBe('security/bad-token');
        }
      }),
      { numRuns: 50 },
    );
  });
});
