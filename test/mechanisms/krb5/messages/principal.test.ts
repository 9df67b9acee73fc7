/** The option service, and the text of principals. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isNamed, principalText, serviceNameOf } from '../../../../src/mechanisms/krb5/messages/principal.js';

describe('serviceNameOf', () => {
  test.each([
    ['ftp@Host.Example', { name: ['ftp', 'host.example'] }],
    ['ftp/Host.Example', { name: ['ftp', 'Host.Example'] }],
    ['ftp/host@REALM', { name: ['ftp', 'host'], realm: 'REALM' }],
    ['ftp/host@', { name: ['ftp', 'host'] }],
    ['a/b/c', { name: ['a', 'b', 'c'] }],
    ['a/b/c@R', { name: ['a', 'b', 'c'], realm: 'R' }],
    ['a\\/b\\@c/d\\n@R\\t', { name: ['a/b@c', 'd\n'], realm: 'R\t' }],
  ])('%s', (text, name) => {
    expect(serviceNameOf(text)).toEqual(name);
  });

  test('accepts a principal; without a realm, it matches any realm', () => {
    const principal = { name: ['ftp', 'host'], realm: 'R', type: 3 };
    expect(serviceNameOf(principal)).toEqual({ name: ['ftp', 'host'], realm: 'R' });
    const anywhere = serviceNameOf({ ...principal, realm: '' });
    expect([isNamed(principal, anywhere), isNamed({ ...principal, name: ['ftp'] }, anywhere)]).toEqual([true, false]);
  });

  test('is another service if a component is missing, or there is one more', () => {
    const requested = { name: ['ftp', 'host'] };
    const isServed = (...name: string[]) => isNamed({ name, realm: 'R', type: 3 }, requested);
    expect(isServed('ftp', 'host')).toBe(true);
    for (const name of [[], ['ftp'], ['ftp', 'host', 'admin'], ['host', 'ftp'], ['FTP', 'host']])
      expect(isServed(...name), name.join('/')).toBe(false);
  });

  test('reads the text of any principal with two components', () => {
    const part = fc.string({ minLength: 1 });
    fc.assert(
      fc.property(part, part, part, (first, second, realm) => {
        const principal = { name: [first, second], realm, type: 0 };
        expect(serviceNameOf(principalText(principal))).toEqual({ name: [first, second], realm });
      }),
    );
  });

  test('throws RangeError for other texts', () => {
    for (const text of ['', 'ftp', 'a@b@c', 'a@b/c', 'a/b@c/d', 'a@b/c@d', 'a@b/c/d']) {
      expect(() => serviceNameOf(text)).toThrow(RangeError);
    }
  });
});
