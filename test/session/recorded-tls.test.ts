/** What counts as TLS after AUTH TLS and 234 (RFC 4217), octet by octet. */
import { describe, expect, it, test } from 'vitest';
import { concat } from '../../src/bytes.js';
import { RecordedTls, TlsRecords } from '../../src/session/recorded-tls.js';
import { ascii } from '../helpers.js';

const record = (length: number, { type = 22, major = 3, minor = 3 } = {}) =>
  concat(Uint8Array.of(type, major, minor, length >> 8, length & 0xff), new Uint8Array(length).fill(10));

/** What is not TLS, if the octets come at once, or one by one; and how many are. */
function told(octets: Uint8Array): { rest: number[]; octets: number } {
  const atOnce = new TlsRecords();
  const rest = [...atOnce.push(octets)];
  const single = new TlsRecords();
  expect([...octets].flatMap(octet => [...single.push(Uint8Array.of(octet))])).toEqual(rest);
  expect(single.octets).toBe(atOnce.octets);
  return { rest, octets: atOnce.octets };
}

it('SSL 2 is its ClientHello alone: version 3.1 comes where TLS has the length', () => {
  const octets = Uint8Array.of(0x80, 0x2e, 9, 9, 9);
  expect(new TlsRecords().push(octets)).toEqual(octets);
});

describe('a record', () => {
  it.each([20, 21, 22, 23, 24])('has type %i', type => {
    expect(told(record(3, { type }))).toEqual({ rest: [], octets: 8 });
  });

  it.each([0, 1, 2, 3, 4])('has version 3.%i', minor => {
    expect(told(record(3, { minor }))).toEqual({ rest: [], octets: 8 });
  });

  it.each([{ type: 19 }, { type: 25 }, { major: 2 }, { major: 4 }, { minor: 5 }])('does not have %j', other => {
    const whole = record(3, other);
    expect(told(whole)).toEqual({ rest: [...whole], octets: 0 });
    // Nor after a record, and then all that follows is none.
    const after = concat(record(2), concat(whole, record(2)));
    expect(told(after)).toEqual({ rest: [...whole, ...record(2)], octets: 7 });
  });

  it('has at most 2^14 + 2048 octets', () => {
    expect(told(record(2 ** 14 + 2048))).toEqual({ rest: [], octets: 5 + 2 ** 14 + 2048 });
    const longer = record(2 ** 14 + 2049);
    expect(new TlsRecords().push(longer)).toEqual(longer);
  });

  it('may be empty, and its header may be all that has come', () => {
    expect(told(concat(record(0), record(0)))).toEqual({ rest: [], octets: 10 });
    expect(told(record(7).subarray(0, 5))).toEqual({ rest: [], octets: 5 });
    expect(told(record(7).subarray(0, 4))).toEqual({ rest: [], octets: 4 });
  });
});

describe("SSL 2's ClientHello", () => {
  /** Length, type 1, version 3.x. */
  const hello = (length: number, type = 1, version = 3) =>
    concat(Uint8Array.of(0x80 | (length >> 8), length & 0xff, type, version, 1), new Uint8Array(length - 3).fill(10));

  it('may be the first, with the length that it says', () => {
    for (const length of [0x2e, 0x12e]) {
      expect(told(concat(hello(length), record(2)))).toEqual({ rest: [], octets: 2 + length + 7 });
      expect(told(concat(hello(length), ascii('NOOP')))).toEqual({ rest: [...ascii('NOOP')], octets: 2 + length });
    }
  });

  it('may not come later, and is of this type and version', () => {
    const later = concat(record(2), hello(0x2e));
    expect(told(later)).toEqual({ rest: [...hello(0x2e)], octets: 7 });
    for (const other of [hello(0x2e, 2), hello(0x2e, 1, 2)]) expect(new TlsRecords().push(other)).toEqual(other);
    const beyond = Uint8Array.of(0xa0, 0x2e, 1, 3, 1);
    expect(told(beyond)).toEqual({ rest: [...beyond], octets: 0 });
  });
});

test('after missing octets all is TLS, where there has been any', () => {
  const tls = new RecordedTls();
  expect([tls.gap('client'), tls.problem]).toEqual([false, undefined]);
  expect([...tls.push('client', ascii('NOOP'))]).toEqual([...ascii('NOOP')]);
  tls.push('server', record(3));
  expect(tls.gap('server')).toBe(true);
  expect([...tls.push('server', ascii('any octets'))]).toEqual([]);
  expect(tls.problem).toMatchObject({ code: 'security/no-key', message: expect.stringContaining('18 octets') });
  expect([tls.error('server'), tls.error('client')?.code]).toEqual([undefined, 'sequence/unprotected']);
});
