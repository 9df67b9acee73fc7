/** The passive side: keys that are missing or wrong, exchanges that were altered, and arbitrary octets. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { concat, fromHex, toHex, toUtf8 } from '../../../src/bytes.js';
import { gsi, gsiObserver, parseKeyLog } from '../../../src/mechanisms/gsi/index.js';
import { formatRecord } from '../../../src/mechanisms/gsi/tls/records.js';
import { rsaDecrypt } from '../../../src/node/index.js';
import type { ObservedStep, Peer } from '../../../src/protection/mechanism.js';
import { growth, LINEAR } from '../../ftp/readers.js';
import { errorOf, onlyRefuses } from '../../helpers.js';
import { expectNoOtherOctets, observeAltered } from './altered.js';
import { file, keysOf, observe, tokensOf, VECTORS } from './vectors.js';

const vectorOf = (name: string) => VECTORS.find(it => it.name === name)!;
const TLS13 = vectorOf('tls13-aes256gcm-deleg');
const TLS12 = vectorOf('tls12-ecdhe-aes256gcm-deleg');
const RSA = vectorOf('tls12-rsa-aes128cbc-sha1-nodeleg');
const keyLog = (lines: readonly string[]) => ({ keyLogs: [parseKeyLog(toUtf8(lines.join('\n')))] });

/** A secret with a bit flipped. */
const spoilt = (line: string) => line.replace(/.$/, digit => (Number.parseInt(digit, 16) ^ 1).toString(16));

describe('the keys of an exchange', () => {
  test.each([TLS13, TLS12, RSA])('$name: without them it is named, and why it stays closed', vector => {
    const { facts, problem, fromClient } = observe(vector, {});
    expect(fromClient).toBeUndefined();
    expect(facts['cipherSuite']).toMatch(/^TLS_/);
    const random = vector.keylog
      .find(line => !line.startsWith('RSA'))!
      .split(' ')[1]!
      .slice(0, 16);
    const rsa = vector === RSA ? ", or the server's RSA key" : '';
    expect([problem?.code, problem?.message]).toEqual([
      'security/no-key',
      `no secrets in a key log for client random ${random}…${rsa}`,
    ]);
    expect([facts.clientName, facts.serverName]).toEqual([undefined, undefined]);
    // Up to TLS 1.2 certificates are in the clear.
    expect(facts['claimedClientName']).toBe(vector === TLS13 ? undefined : vector.acceptor_sees_name);
  });

  test.each(VECTORS)('$name: names are authenticated only after both Finished', vector => {
    const observer = gsiObserver(keysOf(vector));
    for (const { from, token } of tokensOf(vector)) {
      const { facts, fromClient, fromServer } = observer.observe(from, token);
      const isVerified = fromClient !== undefined && fromServer !== undefined;
      expect('clientName' in facts || 'serverName' in facts).toBe(isVerified);
      expect('claimedClientName' in facts && isVerified).toBe(false);
    }
  });

  test('the premaster secret alone opens it, where the log names it', () => {
    const lines = RSA.keylog.filter(line => line.startsWith('RSA'));
    expect(lines.length).toBe(1);
    expect(observe(RSA, keyLog(lines)).fromClient).toBeDefined();
  });

  test('each secret is needed, but for the exporter', () => {
    for (const left of new Set(TLS13.keylog)) {
      const { problem, fromClient, fromServer } = observe(TLS13, keyLog(TLS13.keylog.filter(line => line !== left)));
      const isNeeded = !left.startsWith('EXPORTER');
      expect([problem?.code, fromClient === undefined, fromServer === undefined], left).toEqual(
        isNeeded ? ['security/no-key', true, true] : [undefined, false, false],
      );
    }
  });

  test('a secret that is wrong is a problem, and no error of the recording', () => {
    for (const vector of [TLS12, RSA, TLS13]) {
      for (const [i, line] of vector.keylog.entries()) {
        if (/^(EXPORTER|RSA|.*TRAFFIC_SECRET_0)/.test(line)) continue;
        const { problem, fromClient } = observe(
          vector,
          keyLog(vector.keylog.map((it, at) => (at === i ? spoilt(line) : it))),
        );
        expect(problem?.code, line.split(' ')[0]!).toBe('security/bad-checksum');
        expect(fromClient).toBeUndefined();
      }
    }
  });

  test('a secret whose length is not that of the suite is not used', () => {
    const { problem } = observe(TLS13, keyLog(TLS13.keylog.map(line => line.slice(0, -32))));
    expect(problem?.code).toBe('security/no-key');
  });
});

describe("the server's RSA key", () => {
  const key = rsaDecrypt(file('captures/tls12-AES128-SHA.host.key.der'));
  const capture = { rsaKeys: [key] };

  test('opens no exchange whose key exchange is another', () => {
    expect(observe(TLS12, capture).problem?.code).toBe('security/no-key');
  });

  test.each([
    ['of another length', () => new Uint8Array(48)],
    ['without its padding', () => new Uint8Array(256)],
    ['that it can not decrypt', () => undefined],
    ['of another version', () => padded(0x0301)],
    ['whose padding has a zero', () => padded(0x0303, 20)],
    ['that is longer', () => padded(0x0303, 206)],
    ['that begins with another octet than 0', () => padded(0x0303, 207, [1, 2])],
    ['whose padding is that of signatures', () => padded(0x0303, 207, [0, 1])],
    [
      'whose padding has less than 8 octets',
      () => padded(0x0303).subarray(-58).fill(7, 0, 9).fill(2, 1, 2).fill(0, 0, 1),
    ],
  ])('a text %s is no premaster secret', (_, decrypt) => {
    expect(observe(RSA, { rsaKeys: [decrypt] }).problem?.code).toBe('security/no-key');
  });

  test('a premaster secret that is not the right one does not fit', () => {
    const { problem, fromClient } = observe(RSA, { rsaKeys: [() => undefined, () => padded(0x0303)] });
    expect([problem?.code, fromClient]).toEqual(['security/bad-checksum', undefined]);
  });

  test('the padding has 8 octets or more', () => {
    // 00 02, 8 octets, 00, and the premaster secret: of a key of 59 octets (RFC 8017 §7.2.1).
    const shortest = padded(0x0303).subarray(-59);
    shortest.set([0, 2]);
    expect(observe(RSA, { rsaKeys: [() => shortest] }).problem?.code).toBe('security/bad-checksum');
  });

  function padded(version: number, zero = 207, start = [0, 2]): Uint8Array {
    const octets = new Uint8Array(256).fill(7);
    octets.set(start);
    octets[zero] = 0;
    octets.set([version >> 8, version & 255], 208);
    return octets;
  }
});

describe('an exchange that was altered', () => {
  test.each(VECTORS)('$name: no octet may be another, but versions of records in the clear', vector => {
    expectNoOtherOctets(vector, 97);
  });

  test('contexts of one step do not share keys with those of the next', () => {
    const observer = gsiObserver(keysOf(TLS12));
    const steps = tokensOf(TLS12).map(({ from, token }) => observer.observe(from, token));
    const [before, last] = steps.filter(({ fromClient }) => fromClient !== undefined).slice(-2);
    before!.fromClient!.destroy();
    before!.fromServer!.destroy();
    const { token_hex, plain_hex } = TLS12.messages.find(({ op, dir }) => op === 'wrap' && dir === 'i2a')!;
    expect(toHex(last!.fromClient!.unwrap(fromHex(token_hex!)).plaintext)).toBe(plain_hex);
  });

  test('after destroy the contexts remain, and no further token is read', () => {
    const observer = gsiObserver(keysOf(TLS12));
    let step: ObservedStep = { facts: {} };
    for (const { from, token } of tokensOf(TLS12)) step = observer.observe(from, token);
    observer.destroy!();
    const { problem } = observer.observe('client', Uint8Array.of(22));
    expect([problem?.code, problem?.side]).toEqual(['sequence/closed', 'local']);
    const { token_hex, plain_hex } = TLS12.messages.find(({ op, dir }) => op === 'wrap' && dir === 'i2a')!;
    expect(toHex(step.fromClient!.unwrap(fromHex(token_hex!)).plaintext)).toBe(plain_hex);
  });

  test('after an error it stays closed', () => {
    const { error, problem, fromServer } = observeAltered(TLS13, 2, token => token.subarray(0, 40));
    expect(error?.code).toBe('security/bad-token');
    expect([problem, fromServer]).toEqual([error, undefined]);
  });

  test('an alert is told by its name', () => {
    const { problem } = observeAltered(TLS12, 2, () => formatRecord(21, 0x0303, Uint8Array.of(2, 42)));
    expect(problem?.message).toBe('TLS alert of the client: bad_certificate');
  });

  test.each([
    ['data before the handshake is over', 2, 23],
    ['ChangeCipherSpec before the hellos', 0, 20],
  ])('%s is refused', (_, place, type) => {
    const record = formatRecord(type, 0x0303, Uint8Array.of(1));
    const { error } = observeAltered(TLS12, place, token => concat(record, token));
    expect(error?.code).toBe('security/bad-token');
  });

  test('a handshake that begins with another message, or of the server, is refused', () => {
    const [hello, answer] = tokensOf(TLS12);
    const refused = (from: Peer, token: Uint8Array) => errorOf(() => gsiObserver().observe(from, token)).code;
    expect(refused('client', answer!.token)).toBe('security/bad-token');
    expect(refused('server', hello!.token)).toBe('security/bad-token');
  });

  test('what TLS passes over in the clear changes nothing: alerts that are warnings, and empty records', () => {
    const [warning, empty] = [
      formatRecord(21, 0x0303, Uint8Array.of(1, 90)),
      formatRecord(22, 0x0303, new Uint8Array()),
    ];
    for (const place of [0, 1, 2]) {
      const { error, problem, fromClient } = observeAltered(TLS12, place, token =>
        place === 0 ? concat(empty, token, warning) : concat(warning, empty, token),
      );
      expect([error, problem, fromClient !== undefined]).toEqual([undefined, undefined, true]);
    }
  });

  test('ClientKeyExchange may come only once', () => {
    const message = formatRecord(22, 0x0303, Uint8Array.of(16, 0, 0, 0));
    const { error } = observeAltered(TLS12, 2, token => concat(message, message, token));
    expect(error?.message).toBe('unexpected ClientKeyExchange');
  });

  test('an alert in the clear behind ChangeCipherSpec of TLS 1.2 is none', () => {
    const change = toHex(formatRecord(20, 0x0303, Uint8Array.of(1)));
    const place = tokensOf(TLS12).findIndex(({ from, token }) => from === 'client' && toHex(token).includes(change));
    const alert = toHex(formatRecord(21, 0x0303, Uint8Array.of(2, 42)));
    const { problem } = observeAltered(TLS12, place, token => fromHex(toHex(token).replace(change, change + alert)));
    expect(problem?.message).toBe('the secrets do not match the handshake of the client');
  });

  // Behind the headers of record and message, version and random, there is a session identifier with its length.
  const suiteAt = (token: Uint8Array) => 44 + token[43]!;
  const withSuite = (number: number) => (token: Uint8Array) => {
    const changed = Uint8Array.from(token);
    changed.set([number >> 8, number & 255], suiteAt(token));
    return changed;
  };

  test.each([
    ['of TLS 1.3 in TLS 1.2', TLS12, 0x1301, 'TLS_AES_128_GCM_SHA256 is not a cipher suite of TLS 1.2'],
    ['of TLS 1.2 in TLS 1.3', TLS13, 0x002f, 'TLS_RSA_WITH_AES_128_CBC_SHA is not a cipher suite of TLS 1.3'],
    [
      'of TLS 1.2 in TLS 1.0',
      vectorOf('tls10-rsa-aes128cbc-sha1-nodeleg'),
      0x009c,
      'TLS_RSA_WITH_AES_128_GCM_SHA256 is not a cipher suite of TLS 1.0',
    ],
    ['that was not offered', TLS12, 0x006c, 'the client has not offered TLS_DH_anon_WITH_AES_128_CBC_SHA256'],
  ])('a cipher suite %s is refused', (_, vector, number, message) => {
    const { error } = observeAltered(vector, 1, withSuite(number));
    expect([error?.code, error?.message]).toEqual(['security/bad-token', message]);
  });

  test('handshake messages in tiny records take linear time', () => {
    const record = formatRecord(22, 0x0303, Uint8Array.of(0));
    const work = (count: number) => {
      const observer = gsiObserver();
      observer.observe('client', formatRecord(22, 0x0303, Uint8Array.of(1, 15, 0, 0)));
      for (let i = 0; i < count; i++) observer.observe('client', record);
    };
    expect(growth(work, 5000)).toBeLessThan(LINEAR);
  });

  test('a handshake without end is refused', () => {
    const observer = gsiObserver();
    const record = formatRecord(22, 0x0301, new Uint8Array(16_384).fill(255));
    const run = () => {
      for (let i = 0; i < 100; i++) observer.observe('client', record);
    };
    expect(errorOf(run).code).toBe('syntax/limit-exceeded');
  });

  test('a suite, or a version, that is not known is told', () => {
    const at = (token: Uint8Array, offset: number, ...octets: number[]) => {
      const changed = Uint8Array.from(token);
      changed.set(octets, offset);
      return changed;
    };
    // Behind headers, version and random, and the session's name of as many octets as say so.
    const suiteAt = (token: Uint8Array) => 44 + token[43]!;
    const { problem } = observeAltered(TLS12, 1, token => at(token, suiteAt(token), 0, 0x0a));
    expect([problem?.code, problem?.message]).toEqual(['security/no-key', 'cipher suite 0x000a is not known']);
    const { error } = observeAltered(TLS12, 1, token => at(token, 9, 3, 0));
    expect(error?.message).toBe('TLS version 300');
  });
});

describe('any octets', () => {
  test('give an FtpSecurityError at most', () => {
    const token = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc
        .tuple(fc.integer({ min: 19, max: 24 }), fc.constantFrom(0x301, 0x303), fc.uint8Array({ maxLength: 200 }))
        .map(([type, version, fragment]) => formatRecord(type, version, fragment)),
    );
    const tokens = fc.array(fc.record({ from: fc.constantFrom<Peer>('client', 'server'), token }), { maxLength: 6 });
    fc.assert(
      fc.property(tokens, fc.constantFrom(TLS12, TLS13, RSA), fc.nat(2), (sent, vector, real) => {
        const observer = gsiObserver(keysOf(vector));
        for (const { from, token } of [...tokensOf(vector).slice(0, real), ...sent]) {
          const step = onlyRefuses(() => observer.observe(from, token));
          expect(step?.fromClient).toBeUndefined();
        }
      }),
    );
  });

  test('that are no Uint8Array are a TypeError', () => {
    expect(() => gsiObserver().observe('client', 'text' as unknown as Uint8Array)).toThrow(TypeError);
  });
});

describe('what is weak', () => {
  test('are TLS 1.0 and 1.1, with or without keys', () => {
    let weak = 0;
    for (const vector of VECTORS) {
      for (const options of [keysOf(vector), {}]) {
        const { facts } = observe(vector, options);
        const isOld = ['1.0', '1.1'].includes(facts['tls'] as string);
        expect([facts.weak, facts.weakness], vector.name).toEqual(
          isOld ? [true, 'TLS 1.0 and 1.1 are deprecated (RFC 8996)'] : [undefined, undefined],
        );
        // Facts that are not known are absent.
        expect(Object.values(facts)).not.toContain(undefined);
        weak += Number(isOld);
      }
    }
    expect(weak).toBeGreaterThan(0);
    expect(weak).toBeLessThan(2 * VECTORS.length);
  });

  test('is a key exchange that authenticates neither side', () => {
    // Type and length; version, random, no session; TLS_DH_anon_WITH_AES_128_CBC_SHA256, no compression.
    const random = '07'.repeat(32);
    const hello = (hex: string) => formatRecord(22, 0x0303, fromHex(hex));
    const observer = gsiObserver();
    observer.observe('client', hello(`010000290303${random}000002006c0100`));
    const { facts } = observer.observe('server', hello(`020000260303${random}00006c00`));
    expect(facts).toMatchObject({
      tls: '1.2',
      weak: true,
      weakness: 'the key exchange authenticates neither side',
    });
  });
});

test('RSA keys are functions: octets of a file are misuse', () => {
  for (const rsaKeys of [[new Uint8Array(4)], [() => undefined, 'key'], 'key', {}])
    expect(() => gsiObserver({ rsaKeys: rsaKeys as never })).toThrow(TypeError);
});

describe('the mechanism', () => {
  test('knows its first token, and those of others', () => {
    const mechanism = gsi({ observer: {} });
    const empty = fromHex('16030100001603010000');
    for (const { token } of VECTORS.map(vector => tokensOf(vector)[0]!))
      expect([mechanism.recognises(token), mechanism.recognises(concat(empty, token))]).toEqual([true, true]);
    expect(mechanism.recognises(empty)).toBe(false);
    for (const hex of [
      '',
      '16',
      '6082',
      '1603010005020000',
      '1703030012ab01',
      '170303001201',
      '160203001201',
      toHex(tokensOf(TLS12)[1]!.token),
    ]) {
      expect(mechanism.recognises(fromHex(hex)), hex).toBe(false);
    }
  });

  test('offers no side that has no options', () => {
    expect(Object.keys(gsi())).toEqual(['name', 'variant', 'recognises', 'describe']);
  });
});
