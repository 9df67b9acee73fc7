import { describe, expect, it } from 'vitest';
import { fromHex } from '../../../src/bytes.js';
import { describeKrb4Token } from '../../../src/mechanisms/krb4/index.js';
import { expectCode } from '../../helpers.js';
import { VECTORS } from './vectors.js';

describe('a token without a key', () => {
  it('of the exchange', () => {
    const { authenticator, mutual_reply_safe } = VECTORS.ap_req[0]!;
    expect(describeKrb4Token(fromHex(authenticator))).toEqual({
      kind: 'AP_REQ',
      weak: true,
      realm: 'HEIM.TEST',
      ticketKvno: 1,
      ticketLength: 56,
      authenticatorLength: 32,
      littleEndian: false,
    });
    const answer = describeKrb4Token(fromHex(mutual_reply_safe));
    expect(answer).toEqual({ kind: 'safe message', weak: true, length: 4, littleEndian: false });
  });

  it.each(VECTORS.messages)('$kind $byte_order $name is described with its kind and length', vector => {
    const { kind, littleEndian, length } = describeKrb4Token(fromHex(vector.message));
    const octets = vector.plaintext.length / 2;
    expect(kind).toBe(vector.kind === 'safe' ? 'safe message' : 'private message');
    expect(littleEndian).toBe(vector.byte_order === 'le');
    expect(length).toBe(vector.kind === 'safe' ? octets : Math.ceil((octets + 13) / 8) * 8);
  });

  it('that is not of Kerberos V4 is refused', () => {
    for (const hex of ['', '04', '0404ffff', '040c00000004aaaaaaaa', '040e00000000', '050e000000']) {
      expectCode(() => describeKrb4Token(fromHex(hex)), 'security/bad-token');
    }
    expectCode(() => describeKrb4Token(fromHex(`040c00000011${'00'.repeat(17)}`)), 'security/bad-token');
  });
});
