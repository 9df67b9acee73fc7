import { describe, expect, test } from 'vitest';
import { fromHex } from '../../../src/bytes.js';
import { describeKrb5Token, krb5, krb5Observer } from '../../../src/mechanisms/krb5/index.js';
import { formatContextToken } from '../../../src/mechanisms/krb5/messages/gss-framing.js';
import type { KrbError } from '../../../src/mechanisms/krb5/messages/kerberos.js';
import { errorOf, expectCode } from '../../helpers.js';
import { exchangeOf, requestOf } from './exchange-vectors.js';
import { negTokenInit, negTokenResp } from './negotiation.js';

const mit = exchangeOf('krb5-mit-aes256-cts-hmac-sha1-96');

describe('krb5, the mechanism', () => {
  test('recognises its first token', () => {
    expect([krb5().name, krb5().variant]).toEqual(['GSSAPI', 'krb5']);
    expect(krb5().recognises(mit.apReq)).toBe(true);
    expect(krb5().recognises(fromHex('602806062b0601050502'))).toBe(true);
    expect(krb5().recognises(fromHex('1603010200'))).toBe(false);
    expect(krb5().recognises(new Uint8Array())).toBe(false);
    expect(krb5Observer({ keys: mit.keytab }).observe('client', mit.apReq).problem).toBeUndefined();
  });
});

describe('describeKrb5Token', () => {
  test('describes an AP-REQ', () => {
    expect(describeKrb5Token(mit.apReq)).toEqual({
      kind: 'AP-REQ',
      serverName: 'ftp/aes256-sha1.example.test@EXAMPLE.TEST',
      ticketEnctype: 18,
      ticketKvno: 1,
      mutual: true,
      apOptions: ['mutual-required'],
      authenticatorEnctype: 18,
    });
    const message = { ...requestOf(mit), apOptions: 0x40000000 };
    expect(describeKrb5Token(formatContextToken({ kind: 'AP-REQ', message }))).toMatchObject({
      apOptions: ['use-session-key'],
      mutual: false,
    });
    const { kvno, ...encPart } = message.ticket.encPart;
    const withoutKvno = { ...message, ticket: { ...message.ticket, encPart } };
    expect(describeKrb5Token(formatContextToken({ kind: 'AP-REQ', message: withoutKvno }))).not.toHaveProperty(
      'ticketKvno',
    );
  });

  test('describes an AP-REP', () => expect(describeKrb5Token(mit.apRep!)).toEqual({ kind: 'AP-REP', enctype: 18 }));

  test('describes a KRB-ERROR', () => {
    const sname = { nameType: 2, nameString: ['ftp', 'h'] };
    const message: KrbError = { pvno: 5, msgType: 30, stime: 0, susec: 7, errorCode: 41, realm: 'R', sname };
    expect(describeKrb5Token(formatContextToken({ kind: 'KRB-ERROR', message }))).toStrictEqual({
      kind: 'KRB-ERROR',
      errorCode: 41,
      errorName: 'KRB_AP_ERR_MODIFIED',
      serverName: 'ftp/h@R',
      serverTime: '1970-01-01T00:00:00.000007Z',
    });
  });

  test('describes per-message tokens', () => {
    const { token } = mit.context.messages[0]!;
    const anatomy = describeKrb5Token(fromHex(token));
    expect(anatomy).toMatchObject({ kind: 'wrap', sealed: false, sequence: '271917352' });
    expect(() => JSON.stringify(anatomy)).not.toThrow();
    expect(describeKrb5Token(fromHex('600d06092a864886f7120102020201'))).toEqual({ kind: 'rfc1964-wrap' });
  });

  test('describes SPNEGO with the token inside', () => {
    expect(describeKrb5Token(negTokenInit(mit.apReq))).toMatchObject({
      kind: 'NegTokenInit',
      inside: { kind: 'AP-REQ' },
    });
    expect(describeKrb5Token(negTokenResp(1, mit.apRep))).toEqual({
      kind: 'NegTokenResp',
      state: 'accept-incomplete',
      inside: { kind: 'AP-REP', enctype: 18 },
    });
    expect(describeKrb5Token(negTokenResp(2))).toEqual({ kind: 'NegTokenResp', state: 'reject' });
    // A token belongs to the first mechanism: here there is none.
    expect(describeKrb5Token(negTokenInit(mit.apReq, []))).toEqual({ kind: 'NegTokenInit' });
  });

  test('describes the offer of a Windows server', () => {
    const offer = (oids: string, hints: string) => {
      const within = (tag: string, inside: string) => tag + (inside.length / 2).toString(16).padStart(2, '0') + inside;
      const lists = within('a0', within('30', oids)) + within('a3', within('30', hints));
      return fromHex(within('60', `06062b0601050502${within('a0', within('30', lists))}`));
    };
    const hint = Buffer.from('not_defined_in_RFC4178@please_ignore').toString('hex');
    const windows = offer('060a2b06010401823702020a', `a0261b24${hint}`);
    expect(describeKrb5Token(windows)).toEqual({
      kind: 'NegTokenInit2',
      offered: ['1.3.6.1.4.1.311.2.2.10'],
      hint: 'not_defined_in_RFC4178@please_ignore',
    });
    expect(describeKrb5Token(offer('06092a864882f712010202' + '06052a03048837' + '06028837', ''))).toEqual({
      kind: 'NegTokenInit2',
      offered: ['1.2.840.48018.1.2.2', '1.2.3.4.1079', '2.999'],
    });
    expect(describeKrb5Token(fromHex('601006062b0601050502a0063004a3023000'))).toStrictEqual({
      kind: 'NegTokenInit2',
      offered: [],
    });
    const long = 'ff'.repeat(65);
    expect(describeKrb5Token(offer(`0641${long}`, ''))).toMatchObject({ offered: [long] });
    for (let length = 1; length < windows.length; length++) {
      expectCode(() => describeKrb5Token(windows.subarray(0, length)), 'security/bad-token');
    }
  });

  test('refuses other octets', () => {
    expect(errorOf(() => describeKrb5Token(fromHex('600806062b0601050502'))).message).toContain('SPNEGO');
    expectCode(() => describeKrb5Token(fromHex('160301')), 'security/bad-token');
    expectCode(() => describeKrb5Token(new Uint8Array()), 'security/bad-token');
  });
});
