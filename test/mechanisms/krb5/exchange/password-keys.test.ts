/** Keys from passwords, held against those that ktutil of MIT Kerberos 1.20.1 derived. */
import { describe, expect, it } from 'vitest';
import { toHex } from '../../../../src/bytes.js';
import { parsePrincipal, passwordKeys } from '../../../../src/mechanisms/krb5/index.js';

// addent -password -p ftp/server.example.test@EXAMPLE.TEST -k 3 -e …
const principal = 'ftp/server.example.test@EXAMPLE.TEST';
const password = 'Grüße 99';
const KEYS: [enctype: number, key: string][] = [
  [17, 'd5720bba081f205ece0348810b4e3ad8'],
  [18, 'e5c48fdcbdfee52007d640c2460af9f0fb9c015d2707cf803afe5a308a37dedf'],
  [19, '033ac10a7baf7e30e08aa72f44a821eb'],
  [20, '52891e124ae7404183751caceac35fda11cce7fd5228bee3bb2799e7a24d966e'],
];

describe('passwordKeys', () => {
  it('derives the keys that MIT derives, for every version', () => {
    const keys = passwordKeys({ principal, password, source: 'a password' });
    expect(keys.map(({ enctype, key }) => [enctype, toHex(key)])).toEqual(KEYS);
    for (const { principal, kvno, source } of keys) {
      expect(principal).toEqual({ name: ['ftp', 'server.example.test'], realm: 'EXAMPLE.TEST', type: 0 });
      expect([kvno, source]).toEqual([undefined, 'a password']);
    }
  });

  it('takes another salt, and a principal that is parsed', () => {
    const salt = 'EXAMPLE.TESTftpserver.example.test';
    const keys = passwordKeys({ principal: parsePrincipal('HOST$@EXAMPLE.TEST'), password, salt });
    expect(keys.map(({ key }) => toHex(key))).toEqual(KEYS.map(([, key]) => key));
    expect(keys[0]!.principal!.name).toEqual(['HOST$']);
    expect(keys[0]).not.toHaveProperty('source');
  });

  it.each(['ftp', 'ftp/host', '@', 'ftp@', 'a@b@c', ''])('does not take %j for a principal', text => {
    expect(() => passwordKeys({ principal: text, password })).toThrow(RangeError);
  });
});
