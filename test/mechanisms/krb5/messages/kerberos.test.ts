import fc, { type Arbitrary } from 'fast-check';
import { describe, expect, test } from 'vitest';
import { concat, fromHex, toHex } from '../../../../src/bytes.js';
import { formatDer, parseDer, type Type } from '../../../../src/mechanisms/der.js';
import { kerberosKey } from '../../../../src/mechanisms/krb5/crypto/kerberos-key.js';
import { formatGssChecksum, parseGssChecksum } from '../../../../src/mechanisms/krb5/messages/gss-checksum.js';
import {
  type ContextToken,
  formatContextToken,
  frameOf,
  mechanismOf,
  parseContextToken,
} from '../../../../src/mechanisms/krb5/messages/gss-framing.js';
import {
  type ApRep,
  type ApReq,
  type Authenticator,
  apRep,
  apReq,
  authenticatorSchema,
  type EncApRepPart,
  type EncTicketPart,
  encApRepPart,
  encTicketPart,
  type KrbError,
  krbError,
  type PrincipalName,
  type Ticket,
  ticket,
  USAGE,
} from '../../../../src/mechanisms/krb5/messages/kerberos.js';
import { nodeCiphers } from '../../../../src/node/index.js';
import { errorOf, expectCode, onlyRefuses } from '../../../helpers.js';
import { exchangeOf, exchanges } from '../exchange-vectors.js';

const mit = exchangeOf('krb5-mit-aes256-cts-hmac-sha1-96');

describe('an AP-REQ of MIT', () => {
  const token = parseContextToken(mit.apReq);
  test('is parsed into the fields of RFC 4120 §5.5.1', () => {
    expect(token).toMatchObject({
      kind: 'AP-REQ',
      message: {
        pvno: 5,
        msgType: 14,
        apOptions: 0x20000000,
        ticket: {
          tktVno: 5,
          realm: 'EXAMPLE.TEST',
          sname: { nameType: 1, nameString: ['ftp', 'aes256-sha1.example.test'] },
          encPart: { etype: 18, kvno: 1 },
        },
        authenticator: { etype: 18 },
      },
    });
  });

  test('a KRB-ERROR has all its fields', () => {
    const error: KrbError = {
      pvno: 5,
      msgType: 30,
      ctime: 1795342909,
      cusec: 184039,
      stime: 1795342910,
      susec: 0,
      errorCode: 37,
      crealm: 'EXAMPLE.TEST',
      cname: { nameType: 1, nameString: ['ftpuser'] },
      realm: 'EXAMPLE.TEST',
      sname: { nameType: 1, nameString: ['ftp', 'host'] },
      eText: 'Clock skew too great',
      eData: Uint8Array.of(1, 2),
    };
    const octets = formatContextToken({ kind: 'KRB-ERROR', message: error });
    expect(toHex(octets.subarray(0, 19))).toBe('6081c006092a864886f71201020203007e81b0');
    expect(parseContextToken(octets)).toEqual({ kind: 'KRB-ERROR', message: error });
  });
});

describe.each(exchanges)('messages of other implementations are formatted as they were parsed: $title', exchange => {
  const { keys, context_tokens } = exchange.context;
  test.each(context_tokens)('token of the $from', ({ token }) => {
    expect(toHex(formatContextToken(parseContextToken(fromHex(token))))).toBe(token);
  });

  test('ticket and authenticator', () => {
    const { message } = parseContextToken(exchange.apReq) as Extract<ContextToken, { kind: 'AP-REQ' }>;
    const service = exchange.keytab.find(({ principal }) => principal.name[0] === 'ftp')!;
    /** Decrypts and parses it, and compares the formatted octets; some enctypes leave padding. */
    const check = <T>(type: Type<T>, usage: number, etype: number, octets: Uint8Array, cipher: Uint8Array): T => {
      const key = kerberosKey(etype, octets, { ciphers: nodeCiphers });
      const opened = key.decrypt(usage, cipher);
      const record = parseDer(type, opened, 0, key.enctype.messageBlock - 1);
      const written = formatDer(type, record);
      expect(written).toEqual(opened.slice(0, written.length));
      expect(opened.length - written.length).toBeLessThan(key.enctype.messageBlock);
      return record;
    };
    check(encTicketPart, USAGE.ticket, service.enctype, service.key, message.ticket.encPart.cipher);
    const { etype, key } = keys.ticket_session_key;
    const record = check(authenticatorSchema, USAGE.authenticator, etype, fromHex(key), message.authenticator.cipher);
    expect(formatGssChecksum(parseGssChecksum(record.cksum!.checksum))).toEqual(record.cksum!.checksum);
  });
});

describe('the frame (RFC 2743 §3.1)', () => {
  test('names Kerberos or SPNEGO', () => {
    expect(frameOf(mit.apReq)).toEqual({ mechanism: 'kerberos', start: 15 });
    expect(mechanismOf(fromHex('601b06062b0601050502'))).toBe('spnego');
  });

  test.each([
    ['nothing', ''],
    ['one octet', '60'],
    ['a TLS record', '160301'],
    ['another mechanism', '600b06092b0601040101020304'],
    ['a Wrap token', '050404ff000c00000000000010352128'],
    ['another tag around the mechanism', '610b06092a864886f712010202'],
  ])('%s is not a frame of Kerberos or SPNEGO', (_, octets) => expect(mechanismOf(fromHex(octets))).toBeUndefined());

  test.each([
    ['nothing', '', 0, 'not a GSS-API token'],
    ['a TLS record', '160301', 0, 'not a GSS-API token'],
    ['a length that is too great', '600c06092a864886f712010202', 2, 'expected 12 octets'],
    ['a length that is too small', '600a06092a864886f7120102020100', 12, 'trailing octets after the GSS-API token'],
    ['another mechanism', '600806062b0601040101', 2, 'not Kerberos'],
    ['a token of SPNEGO', '600806062b0601050502', 2, 'SPNEGO'],
    ['no token id', '600b06092a864886f712010202', 13, 'got TOK_ID (missing)'],
    ['a GetMIC token of RFC 1964', '600d06092a864886f7120102020101', 13, 'got TOK_ID 0101'],
    ['another message than its id says', '600f06092a864886f71201020201006f00', 15, 'expected AP-REQ'],
  ])('is refused: %s', (_, octets, offset, message) => {
    const error = errorOf(() => parseContextToken(fromHex(octets)));
    expect([error.code, error.offset]).toEqual(['security/bad-token', offset]);
    expect(error.message).toContain(message);
  });

  test('must be a Uint8Array', () => {
    // @ts-expect-error: a caller without types
    expect(() => parseContextToken('6082')).toThrow(TypeError);
  });
});

describe('the checksum of an authenticator (RFC 4121 §4.1.1)', () => {
  const head = `10000000${'b4cede9aefa9e053aa8efe1f90fdb854'}`;
  test('bindings and flags', () => {
    expect(parseGssChecksum(fromHex(`${head}36010000`))).toEqual({
      bindings: fromHex('b4cede9aefa9e053aa8efe1f90fdb854'),
      flags: 0x136,
    });
  });

  test('delegated credentials, and what follows them', () => {
    const { delegation, extensions } = parseGssChecksum(fromHex(`${head}37010000${'01000300'}aabbccdd`));
    expect([delegation, extensions]).toEqual([fromHex('aabbcc'), fromHex('dd')]);
    expect(parseGssChecksum(fromHex(`${head}36010000dd`)).extensions).toEqual(fromHex('dd'));
    // Of no octets, and of as many as their length can say.
    const bindings = fromHex('b4cede9aefa9e053aa8efe1f90fdb854');
    for (const length of [0, 0xffff]) {
      const whole = { bindings, flags: 0x137, delegation: new Uint8Array(length).fill(7) };
      expect(parseGssChecksum(formatGssChecksum(whole))).toEqual(whole);
    }
  });

  test.each([
    ['too short', `${head}360100`, 23, 'it has 23 octets, but needs 24 or more'],
    [
      'bindings of another length',
      `20000000${head.slice(8)}36010000`,
      0,
      'the length of the channel bindings is not 16',
    ],
    ['no delegation option', `${head}37010000010000`, 24, 'the delegated credentials are missing'],
    ['another delegation option', `${head}37010000${'02000000'}`, 24, 'the delegation option is not 1'],
    ['credentials cut short', `${head}37010000${'01000300'}aabb`, 28, 'the delegated credentials are truncated'],
  ])('is refused: %s', (_, octets, offset, why) => {
    const error = errorOf(() => parseGssChecksum(fromHex(octets)));
    expect([error.code, error.offset]).toEqual(['security/bad-token', offset]);
    expect(error.message).toBe(`authenticator checksum: ${why}`);
  });

  test('is not formatted if it is contradictory', () => {
    const bindings = new Uint8Array(16);
    expect(() => formatGssChecksum({ bindings, flags: 1 })).toThrow(RangeError);
    expect(() => formatGssChecksum({ bindings, flags: 2, delegation: bindings })).toThrow(RangeError);
    expect(() => formatGssChecksum({ bindings, flags: 1, delegation: new Uint8Array(65536) })).toThrow(RangeError);
    expect(() => formatGssChecksum({ bindings: new Uint8Array(), flags: 2 })).toThrow(RangeError);
  });

  test('parse(format(x)) = x', () => {
    const octets = (minLength: number, maxLength: number) => fc.uint8Array({ minLength, maxLength });
    fc.assert(
      fc.property(
        octets(16, 16),
        fc.nat(0xffffffff),
        octets(0, 40),
        octets(1, 9),
        (bindings, flags, delegation, extensions) => {
          const checksum = { bindings, flags: flags >>> 0, extensions, ...(flags % 2 === 1 && { delegation }) };
          expect(parseGssChecksum(formatGssChecksum(checksum))).toEqual(checksum);
        },
      ),
    );
  });
});

describe('properties', () => {
  const int32 = fc.integer();
  const uint32 = fc.nat({ max: 2 ** 32 - 1 });
  const text = fc.string({ unit: 'grapheme', maxLength: 12 });
  const octets = fc.uint8Array({ maxLength: 40 });
  const time = fc.integer({ min: -62167219200, max: 253402300799 });
  const microseconds = fc.nat({ max: 999_999 });
  const just = <N extends number>(only: N) => fc.constant(only);
  const record = <T extends object>(
    fields: { [K in keyof T]-?: Arbitrary<NonNullable<T[K]>> },
    ...optional: (keyof T)[]
  ) => {
    const requiredKeys = (Object.keys(fields) as (keyof T)[]).filter(key => !optional.includes(key));
    return fc.record(fields, { requiredKeys, noNullPrototype: true }) as unknown as Arbitrary<T>;
  };
  const extensions = fc.constantFrom(fromHex('af00'), fromHex('af03020105be020500'));
  const name = record<Omit<PrincipalName, 'extensions'>>({
    nameType: int32,
    nameString: fc.array(text, { maxLength: 3 }),
  });
  const key = fc.record({ keytype: int32, keyvalue: octets }, { noNullPrototype: true });
  const typed = <A extends string, B extends string>(a: A, b: B) =>
    fc
      .tuple(int32, octets)
      .map(([number, value]) => ({ [a]: number, [b]: value }) as Record<A, number> & Record<B, Uint8Array>);
  const elements = fc.array(typed('adType', 'adData'), { maxLength: 2 });
  const encrypted = record<ApRep['encPart']>(
    { etype: int32, kvno: uint32, cipher: octets, extensions },
    'kvno',
    'extensions',
  );
  const someTicket = record<Ticket>(
    { tktVno: just(5), realm: text, sname: name, encPart: encrypted, extensions },
    'extensions',
  );
  const someTicketPart = record<EncTicketPart>(
    {
      flags: uint32,
      key,
      crealm: text,
      cname: name,
      transited: typed('trType', 'contents'),
      authtime: time,
      starttime: time,
      endtime: time,
      renewTill: time,
      caddr: fc.array(typed('addrType', 'address'), { maxLength: 2 }),
      authorizationData: elements,
      extensions,
    },
    'starttime',
    'renewTill',
    'caddr',
    'authorizationData',
    'extensions',
  );
  const someApReq = record<ApReq>(
    {
      pvno: just(5),
      msgType: just(14),
      apOptions: uint32,
      ticket: someTicket,
      authenticator: encrypted,
      extensions,
    },
    'extensions',
  );
  const someAuthenticator = record<Authenticator>(
    {
      authenticatorVno: just(5),
      crealm: text,
      cname: name,
      cksum: typed('cksumtype', 'checksum'),
      cusec: microseconds,
      ctime: time,
      subkey: key,
      seqNumber: uint32,
      authorizationData: elements,
      extensions,
    },
    'cksum',
    'subkey',
    'seqNumber',
    'authorizationData',
    'extensions',
  );
  const someApRep = record<ApRep>({ pvno: just(5), msgType: just(15), encPart: encrypted, extensions }, 'extensions');
  const someApRepPart = record<EncApRepPart>(
    { ctime: time, cusec: microseconds, subkey: key, seqNumber: uint32, extensions },
    'subkey',
    'seqNumber',
    'extensions',
  );
  const someError = record<KrbError>(
    {
      pvno: just(5),
      msgType: just(30),
      ctime: time,
      cusec: microseconds,
      stime: time,
      susec: microseconds,
      errorCode: int32,
      crealm: text,
      cname: name,
      realm: text,
      sname: name,
      eText: text,
      eData: octets,
      extensions,
    },
    'ctime',
    'cusec',
    'crealm',
    'cname',
    'eText',
    'eData',
    'extensions',
  );

  const comesBack = <T>(type: Type<T>, values: Arbitrary<T>) =>
    fc.assert(
      fc.property(values, value => {
        const written = formatDer(type, value);
        expect(parseDer(type, written)).toEqual(value);
        expect(formatDer(type, parseDer(type, written))).toEqual(written);
      }),
    );
  test('parse(format(x)) = x: Ticket', () => comesBack(ticket, someTicket));
  test('parse(format(x)) = x: EncTicketPart', () => comesBack(encTicketPart, someTicketPart));
  test('parse(format(x)) = x: AP-REQ', () => comesBack(apReq, someApReq));
  test('parse(format(x)) = x: Authenticator', () => comesBack(authenticatorSchema, someAuthenticator));
  test('parse(format(x)) = x: AP-REP', () => comesBack(apRep, someApRep));
  test('parse(format(x)) = x: EncAPRepPart', () => comesBack(encApRepPart, someApRepPart));
  test('parse(format(x)) = x: KRB-ERROR', () => comesBack(krbError, someError));

  test('parse(format(x)) = x: context tokens', () => {
    const tokens: Arbitrary<ContextToken> = fc.oneof(
      someApReq.map(message => ({ kind: 'AP-REQ' as const, message })),
      someApRep.map(message => ({ kind: 'AP-REP' as const, message })),
      someError.map(message => ({ kind: 'KRB-ERROR' as const, message })),
    );
    fc.assert(
      fc.property(tokens, token => {
        expect(parseContextToken(formatContextToken(token))).toEqual(token);
      }),
    );
  });

  test('every prefix of a token is an error', () => {
    for (const token of [mit.apReq, mit.apRep!]) {
      for (let end = 0; end < token.length; end++) {
        expectCode(() => parseContextToken(token.subarray(0, end)), 'security/bad-token');
      }
    }
  });

  test('arbitrary octets give a token or an error', () => {
    const inside = fc.uint8Array({ maxLength: 200 });
    fc.assert(
      fc.property(fc.constantFrom('0100', '0200', '0300'), inside, (id, body) => {
        const frame = concat(fromHex(`06092a864886f712010202${id}`), body);
        const token = concat(Uint8Array.of(0x60, 0x81, frame.length), frame);
        onlyRefuses(() => parseContextToken(token));
        onlyRefuses(() => parseContextToken(body));
      }),
    );
  });
});
