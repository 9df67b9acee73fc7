/** What the page takes: files, known by their octets, and typed keys. */
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { verifyRecording } from '../../../src/capture/index.js';
import { fileKind } from '../../../src/page/verifier/file-kind.js';
import { mechanismsWith, needsNodeCiphers, parseTypedKeys } from '../../../src/page/verifier/keys.js';
import { realCapture, vectorPath } from '../../capture/helpers.js';
import { ascii } from '../../helpers.js';

const KEY = '00112233445566778899aabbccddeeff';

describe('a file', () => {
  const capture = realCapture('probe-heimdal-nomutual');
  it.each([
    ['recording', capture],
    ['recording', ascii('S> 220 ready\r\n')],
    ['gzip', gzipSync(capture)],
    ['keytab', readFileSync(vectorPath('probe-heimdal-nomutual.keytab'))],
    ['transcript', ascii('{"type":"message"}\n')],
    ['key log', ascii(`# a comment\nCLIENT_RANDOM ${KEY}${KEY} ${KEY}${KEY}${KEY}\n`)],
    ['unknown', ascii('\x89PNG')],
    ['unknown', ascii('')],
  ])('is known by its first octets: %s', (kind, octets) => {
    expect(fileKind(octets, 'name')).toBe(kind);
  });

  it('is a srvtab by its name alone', () => {
    expect(fileKind(ascii('ftp\0host\0'), '/etc/srvtab')).toBe('srvtab');
  });
});

describe('typed keys', () => {
  it('are of Kerberos by their encryption type, or of X-PSK', () => {
    const { krb5, psk } = parseTypedKeys(` 17:${KEY}\naes128-sha2:${KEY} psk:${KEY}${KEY} `);
    expect(krb5.map(({ enctype, key }) => [enctype, key.length])).toEqual([
      [17, 16],
      [19, 16],
    ]);
    expect(psk.map(key => key.length)).toEqual([32]);
    expect(parseTypedKeys('')).toEqual({ krb5: [], psk: [] });
  });

  it.each([`18:${KEY}`, `99:${KEY}`, KEY, `psk:${KEY.slice(2)}`, `psk:${KEY}0`, `17:${KEY.slice(1)}x`])(
    'are refused without a word of the key: %s',
    text => {
      const error = (() => {
        try {
          return parseTypedKeys(text);
        } catch (error) {
          return error;
        }
      })();
      expect(error).toBeInstanceOf(RangeError);
      expect(String(error)).not.toMatch(/00112233|ddee/);
    },
  );
});

it.each([
  ['krb5ftp-private-camellia128', true],
  ['curl733-mit163ftpd-safe-des3-cbc-sha1', true],
  ['gssftp163-krb4-private', true],
  ['heimdal-private-arcfour-hmac-md5', false],
  ['krb5ftp-noauth-plain', false],
])('says whether the exchange of %s needs ciphers of Node', (name, needed) => {
  const mechanisms = mechanismsWith({ krb5: [], psk: [], gsi: [] });
  const { records } = verifyRecording(realCapture(name), { mechanisms });
  const exchanges = records.filter(record => record.type === 'connection');
  expect(exchanges.length).toBeGreaterThan(0);
  expect(exchanges.some(needsNodeCiphers)).toBe(needed);
});
