/** Against Node's TLS, which is OpenSSL: its handshakes are followed, its records opened, and it opens ours. */
import { describe, expect, test } from 'vitest';
import { fromUtf8, toUtf8 } from '../../../src/bytes.js';
import { RecordContext } from '../../../src/mechanisms/gsi/context.js';
import { gsiObserver } from '../../../src/mechanisms/gsi/index.js';
import { Handshake } from '../../../src/mechanisms/gsi/tls/handshake.js';
import { rsaDecrypt } from '../../../src/node/index.js';
import type { ObservedStep } from '../../../src/protection/mechanism.js';
import { errorOf } from '../../helpers.js';
import { type TlsOptions, type TlsPair, tlsPair } from './node-tls.js';
import { file } from './vectors.js';

const NO_EXTENDED_MASTER_SECRET = 1;
const NO_ENCRYPT_THEN_MAC = 1 << 19;

const old = (version: TlsOptions['version'], ciphers: string, secureOptions = 0): TlsOptions => ({
  version,
  ciphers: `${ciphers}:@SECLEVEL=0`,
  secureOptions,
});
const tls12 = (ciphers: string, secureOptions = 0) => old('TLSv1.2', ciphers, secureOptions);
const tls13 = (ciphers: string): TlsOptions => ({ version: 'TLSv1.3', ciphers });

const CASES: readonly TlsOptions[] = [
  tls13('TLS_AES_128_GCM_SHA256'),
  tls13('TLS_AES_256_GCM_SHA384'),
  tls13('TLS_CHACHA20_POLY1305_SHA256'),
  tls13('TLS_AES_128_CCM_SHA256'),
  tls13('TLS_AES_128_CCM_8_SHA256'),
  { ...tls13('TLS_AES_256_GCM_SHA384'), curves: 'P-384' },
  { ...tls13('TLS_AES_128_GCM_SHA256'), certificate: 'ecdsa' },
  tls12('ECDHE-RSA-AES128-GCM-SHA256'),
  tls12('ECDHE-RSA-AES256-GCM-SHA384', NO_EXTENDED_MASTER_SECRET),
  tls12('DHE-RSA-AES256-GCM-SHA384'),
  tls12('ECDHE-RSA-CHACHA20-POLY1305'),
  tls12('AES128-CCM'),
  tls12('AES256-CCM8'),
  { ...tls12('ECDHE-ECDSA-AES256-CCM'), certificate: 'ecdsa' },
  { ...tls12('ECDHE-ECDSA-AES128-CCM8'), certificate: 'ecdsa' },
  ...[0, NO_ENCRYPT_THEN_MAC, NO_ENCRYPT_THEN_MAC | NO_EXTENDED_MASTER_SECRET].flatMap(options =>
    ['AES128-SHA', 'AES256-SHA256', 'ECDHE-RSA-AES128-SHA256', 'ECDHE-RSA-AES256-SHA384', 'ADH-AES128-SHA256'].map(
      ciphers => tls12(ciphers, options),
    ),
  ),
  ...['NULL-MD5', 'NULL-SHA', 'NULL-SHA256', 'ECDHE-RSA-NULL-SHA'].map(ciphers => tls12(ciphers)),
  ...(['TLSv1', 'TLSv1.1'] as const).flatMap(version =>
    [0, NO_ENCRYPT_THEN_MAC].flatMap(options =>
      ['AES128-SHA', 'ECDHE-RSA-AES256-SHA', 'NULL-SHA'].map(ciphers => old(version, ciphers, options)),
    ),
  ),
];

const titled = CASES.map(options => ({
  title: Object.values(options).join(' '),
  options,
}));

/** The exchange of GSI: the client says behind the handshake that it does not delegate. */
async function exchangeOf(options: TlsOptions): Promise<{ pair: TlsPair; step: ObservedStep }> {
  const pair = await tlsPair(options);
  const flights = [...pair.flights, { from: 'client' as const, token: await pair.say('client', '0') }];
  const observer = gsiObserver({ keyLogs: [pair.keyLog()] });
  let step: ObservedStep = { facts: {} };
  for (const { from, token } of flights) step = observer.observe(from, token);
  return { pair, step };
}

describe.each(titled)('$title', ({ options }) => {
  test('an observer opens what both sides say', async () => {
    const { pair, step } = await exchangeOf(options);
    expect(step.problem).toBeUndefined();
    expect(step.facts['cipherSuite']).toBe(pair.cipher);
    expect(step.facts['delegates']).toBe(false);
    const level = pair.cipher.includes('NULL') ? 'safe' : 'private';
    for (const text of ['PWD\r\n', 'x', 'long '.repeat(5000), 'NOOP\r\n']) {
      for (const [from, context] of [
        ['client', step.fromClient!],
        ['server', step.fromServer!],
      ] as const) {
        const opened = context.unwrap(await pair.say(from, text));
        expect([fromUtf8(opened.plaintext), opened.level, opened.sequence]).toEqual([text, level, 'ok']);
      }
    }
    pair.end();
  });

  test('each side opens what a context in the place of the other wraps', async () => {
    const pair = await tlsPair(options);
    const handshake = new Handshake({ keyLogs: [pair.keyLog()], rsaKeys: [] });
    for (const { from, token } of pair.flights) handshake.push(from, token);
    for (const [ours, theirs] of [
      ['client', 'server'],
      ['server', 'client'],
    ] as const) {
      const context = new RecordContext({
        send: handshake.directionOf(ours)!,
        receive: handshake.directionOf(theirs)!,
      });
      for (const text of ['PWD\r\n', 'long '.repeat(5000), 'NOOP\r\n']) {
        const { token } = context.wrap(toUtf8(text), 'safe');
        expect((await pair.hear(theirs, token)).toString()).toBe(text);
      }
    }
    pair.end();
  });
});

test.each([tls12('ECDHE-RSA-AES128-GCM-SHA256'), tls13('TLS_AES_256_GCM_SHA384')])(
  '$ciphers: an observer goes on behind 32 lost records, and not behind 33',
  async options => {
    const { pair, step } = await exchangeOf(options);
    const tokens: Uint8Array[] = [];
    for (let i = 0; i <= 66; i++) tokens.push(await pair.say('client', `NOOP ${i}`));
    const read = (i: number) => {
      const { plaintext, sequence } = step.fromClient!.unwrap(tokens[i]!);
      return [fromUtf8(plaintext), sequence];
    };
    expect(read(32)).toEqual(['NOOP 32', 'gap']);
    expect(errorOf(() => read(66)).code).toBe('security/bad-checksum');
    expect(read(65)).toEqual(['NOOP 65', 'gap']);
    expect(read(66)).toEqual(['NOOP 66', 'ok']);
    pair.end();
  },
);

describe.each([tls12('ECDHE-RSA-AES128-GCM-SHA256'), tls12('AES128-SHA'), tls13('TLS_AES_256_GCM_SHA384')])(
  'a session that is resumed: $ciphers',
  options => {
    test('an observer opens what both sides say', async () => {
      const first = await tlsPair(options);
      // A ticket of TLS 1.3 is read with what comes behind it.
      await first.hear('client', new Uint8Array());
      const { pair, step } = await exchangeOf({ ...options, resumption: first.resumption() });
      expect(pair.isResumed).toBe(true);
      expect(step.problem).toBeUndefined();
      const { plaintext } = step.fromServer!.unwrap(await pair.say('server', '200 fine\r\n'));
      expect(fromUtf8(plaintext)).toBe('200 fine\r\n');
    });
  },
);

test("a session that is resumed has no key for the server's RSA key: it must be in a key log", async () => {
  const first = await tlsPair(tls12('AES128-SHA'));
  const pair = await tlsPair({ ...tls12('AES128-SHA'), resumption: first.resumption() });
  const observer = gsiObserver({ rsaKeys: [rsaDecrypt(file('certificates/rsa.key'))] });
  let step: ObservedStep = { facts: {} };
  for (const { from, token } of pair.flights) step = observer.observe(from, token);
  expect([pair.isResumed, step.problem?.code]).toEqual([true, 'security/no-key']);
  pair.end();
});

describe.each([0, NO_EXTENDED_MASTER_SECRET])(
  "with the server's RSA key in place of a key log, options %i",
  options => {
    test.each(['TLSv1', 'TLSv1.2'] as const)('%s: an observer opens what both sides say', async version => {
      const pair = await tlsPair(old(version, 'AES128-SHA', options));
      const flights = [...pair.flights, { from: 'client' as const, token: await pair.say('client', '0') }];
      const observer = gsiObserver({ rsaKeys: [rsaDecrypt(file('certificates/rsa.key'))] });
      let step: ObservedStep = { facts: {} };
      for (const { from, token } of flights) step = observer.observe(from, token);
      expect(step.problem).toBeUndefined();
      const { plaintext } = step.fromServer!.unwrap(await pair.say('server', '200 fine\r\n'));
      expect(fromUtf8(plaintext)).toBe('200 fine\r\n');
      pair.end();
    });
  },
);
