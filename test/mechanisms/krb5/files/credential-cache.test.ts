/** Credential caches: those of the vectors, versions 3 and 4 made by hand, and damaged ones. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { concat, copy, fromHex, toUtf8, u32be } from '../../../../src/bytes.js';
import { parseDer } from '../../../../src/mechanisms/der.js';
import { openApReq } from '../../../../src/mechanisms/krb5/exchange/ap-exchange.js';
import { parseCredentialCache, principalText } from '../../../../src/mechanisms/krb5/index.js';
import { ticket } from '../../../../src/mechanisms/krb5/messages/kerberos.js';
import { nodeCiphers } from '../../../../src/node/index.js';
import { errorOf, onlyRefuses } from '../../../helpers.js';
import { exchanges, requestOf } from '../exchange-vectors.js';

describe.each(exchanges)('$title', exchange => {
  test('the cache has the ticket of the AP-REQ, with its session key and times', () => {
    const request = requestOf(exchange);
    const opened = openApReq(request, exchange.keytab, { ciphers: nodeCiphers }).ticket;
    expect(principalText(exchange.cache.principal)).toBe(exchange.context.client);
    const found = exchange.cache.credentials.find(
      entry =>
        entry.server.name[0] === 'ftp' &&
        parseDer(ticket, entry.ticket).encPart.cipher.every((octet, i) => octet === request.ticket.encPart.cipher[i]),
    )!;
    expect(found).toMatchObject({
      key: opened.key,
      authTime: opened.authtime,
      endTime: opened.endtime,
      flags: opened.flags,
      isSessionKey: false,
      addresses: [],
      authorizationData: [],
      secondTicket: new Uint8Array(),
    });
    expect(found.startTime).toBe(opened.starttime ?? opened.authtime);
    expect(found.renewTill).toBe(opened.renewTill ?? 0);
  });

  test('settings are separated from credentials', () => {
    const { credentials, configuration } = exchange.cache;
    expect(credentials.every(({ server }) => server.realm !== 'X-CACHECONF:')).toBe(true);
    expect(configuration.map(({ name }) => name[0])).toContain('krb5_ccache_conf_data');
  });
});

const u16 = (value: number) => Uint8Array.of(value >> 8, value);
const counted = (octets: Uint8Array | string) => {
  const bytes = typeof octets === 'string' ? toUtf8(octets) : octets;
  return concat(u32be(bytes.length), bytes);
};
const principal = (type: number, realm: string, ...name: string[]) =>
  concat(u32be(type), u32be(name.length), counted(realm), ...name.map(counted));

/** All fields filled. */
function credential(version: 3 | 4, { realm = 'R', endTime = 300, authTime = 100 } = {}): Uint8Array {
  const type = version === 3 ? concat(u16(18), u16(18)) : u16(18);
  return concat(
    principal(1, 'R', 'user'),
    principal(3, realm, 'ftp', 'host'),
    type,
    counted(Uint8Array.of(9, 8, 7)),
    ...[authTime, 200, endTime, 0xffff_fff0].map(u32be),
    Uint8Array.of(1),
    u32be(0x4008_0000),
    u32be(1),
    u16(2),
    counted(Uint8Array.of(127, 0, 0, 1)),
    u32be(1),
    u16(1),
    counted(Uint8Array.of(5)),
    counted(Uint8Array.of(0x61, 0)),
    counted(Uint8Array.of(0x61, 1)),
  );
}

const header = (...fields: Uint8Array[]) => concat(u16(concat(...fields).length), ...fields);
const field = (tag: number, octets: Uint8Array) => concat(u16(tag), u16(octets.length), octets);
const offset = field(1, concat(u32be(2 ** 32 - 2), u32be(500_000)));
const version3 = concat(fromHex('0503'), principal(1, 'R', 'user'), credential(3));
const version4 = concat(
  fromHex('0504'),
  header(field(7, Uint8Array.of(1, 2)), offset),
  principal(1, 'R', 'user'),
  credential(4),
  credential(4, { realm: 'X-CACHECONF:' }),
  credential(4, { endTime: 0, authTime: 0xffff_ffff }),
);

const read = {
  client: { name: ['user'], realm: 'R', type: 1 },
  server: { name: ['ftp', 'host'], realm: 'R', type: 3 },
  key: { keytype: 18, keyvalue: Uint8Array.of(9, 8, 7) },
  authTime: 100,
  startTime: 200,
  endTime: 300,
  renewTill: 0xffff_fff0,
  isSessionKey: true,
  flags: 0x4008_0000,
  addresses: [{ addrType: 2, address: Uint8Array.of(127, 0, 0, 1) }],
  authorizationData: [{ adType: 1, adData: Uint8Array.of(5) }],
  ticket: Uint8Array.of(0x61, 0),
  secondTicket: Uint8Array.of(0x61, 1),
};

test('version 3 is parsed with every field', () => {
  expect(parseCredentialCache(version3)).toStrictEqual({
    principal: read.client,
    credentials: [read],
    configuration: [],
  });
});

test('version 4 is parsed with its time offset, an unknown header field, settings and removed credentials', () => {
  expect(parseCredentialCache(version4)).toEqual({
    principal: read.client,
    credentials: [read],
    configuration: [{ name: ['ftp', 'host'], value: read.ticket }],
    timeOffset: -1.5,
  });
  const bare = concat(fromHex('05040000'), principal(1, 'R', 'user'));
  expect(parseCredentialCache(bare)).toEqual({ principal: read.client, credentials: [], configuration: [] });
});

test('a credential is removed only if both its times say so', () => {
  const head = concat(fromHex('05040000'), principal(1, 'R', 'user'));
  const kept = [{ endTime: 0 }, { authTime: 0xffff_ffff }, {}];
  const { credentials } = parseCredentialCache(
    concat(head, ...[...kept, { endTime: 0, authTime: 0xffff_ffff }].map(times => credential(4, times))),
  );
  expect(credentials.map(({ authTime, endTime }) => [authTime, endTime])).toEqual([
    [100, 0],
    [0xffff_ffff, 300],
    [100, 300],
  ]);
});

test('a file of another kind or version is refused', () => {
  for (const hex of ['', '05', '0502', '0501', '0505', '0604']) {
    const error = errorOf(() => parseCredentialCache(fromHex(hex)));
    expect([error.code, error.offset]).toEqual(['syntax/bad-file', 0]);
  }
  // @ts-expect-error: a caller without types
  expect(() => parseCredentialCache('file')).toThrow(TypeError);
});

test('a truncated file is refused with the offset, or read up to its last complete credential', () => {
  for (const file of [version3, version4]) {
    let ends = 0;
    for (let length = 2; length < file.length; length++) {
      const cut = file.subarray(0, length);
      const whole = onlyRefuses(() => parseCredentialCache(cut));
      if (whole !== undefined) {
        const all = parseCredentialCache(file).credentials;
        expect(whole.credentials).toEqual(all.slice(0, whole.credentials.length));
        if (whole.error === undefined) ends++;
        else expect([whole.error.code, whole.error.offset! <= length]).toEqual(['syntax/bad-file', true]);
        continue;
      }
      const error = errorOf(() => parseCredentialCache(cut));
      expect([error.code, error.offset! <= length]).toEqual(['syntax/bad-file', true]);
    }
    // Behind the principal, and behind each credential but the last.
    expect(ends).toBe(file === version3 ? 1 : 3);
  }
});

test('a file whose first credential is cut short is refused', () => {
  const { code, offset, message } = errorOf(() => parseCredentialCache(version3.subarray(0, -1)));
  expect([code, offset]).toEqual(['syntax/bad-file', version3.length - 2]);
  expect(message).toBe('credential cache: 2 octets expected, 1 left');
});

test('a newline after the file is ignored, and reported', () => {
  for (const file of [version3, version4]) {
    const { error, ...cache } = parseCredentialCache(concat(file, toUtf8('\n')));
    expect(cache).toEqual(parseCredentialCache(file));
    expect(cache.credentials.length).toBeGreaterThan(0);
    expect(error).toMatchObject({ code: 'syntax/bad-file', offset: file.length });
  }
});

test('arbitrary octets throw nothing but FtpSecurityError', () => {
  const file = fromHex(`0504${Buffer.from(version4.subarray(2)).toString('hex')}`);
  const changes = fc.array(fc.tuple(fc.nat(file.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(changes, changed => {
      const altered = copy(file);
      for (const [index, octet] of changed) altered[index] = octet;
      onlyRefuses(() => parseCredentialCache(altered));
    }),
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), octets => {
      onlyRefuses(() => parseCredentialCache(concat(fromHex('0504'), octets)));
    }),
  );
});

test('impossible counts are refused without using memory', () => {
  const huge = concat(fromHex('0503'), u32be(1), u32be(0xffff_ffff), counted('R'));
  expect(errorOf(() => parseCredentialCache(huge)).code).toBe('syntax/bad-file');
});
