/** The keytab and the credential cache that Kerberos would use, found in a folder of the test. */
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { fromHex } from '../../src/bytes.js';
import { defaultCredentials, defaultKeytab } from '../../src/node/index.js';
import { vectorPath } from '../capture/helpers.js';
import { errorOf } from '../helpers.js';

const folder = mkdtempSync(join(tmpdir(), 'rfc2228-'));
afterAll(() => rmSync(folder, { recursive: true }));
const at = (...names: string[]) => join(folder, ...names);

const VECTORS = new URL('../../vectors/krb5/', import.meta.url);
const first = readdirSync(VECTORS).find(name => name.startsWith('krb5-mit-aes256'))!;
const { ccache_hex } = JSON.parse(readFileSync(new URL(first, VECTORS), 'utf8'));
const cache = fromHex(ccache_hex);
const keytab = readdirSync(vectorPath('.')).find(name => name.endsWith('.keytab'))!;

mkdirSync(at('collection'));
writeFileSync(at('collection', 'primary'), 'tkt1\n');
for (const name of ['cache', 'krb5cc_1234', 'collection/tkt1', 'collection/tkt']) writeFileSync(at(name), cache);
copyFileSync(vectorPath(keytab), at('keytab'));
mkdirSync(at('included'));
writeFileSync(at('included', 'more.conf'), `[libdefaults]\n default_keytab_name = FILE:${at('keytab')}\n`);
writeFileSync(at('included', 'not read~'), '[libdefaults]\n default_keytab_name = FILE:/nowhere\n');
writeFileSync(
  at('krb5.conf'),
  `# default_ccache_name = FILE:/nowhere\n[realms]\n default_ccache_name = FILE:/elsewhere\nincludedir ${at('included')}\n` +
    `[libdefaults]\n  default_ccache_name = "FILE:${at('krb5cc_%{uid}')}"\n`,
);
const NONE = { KRB5_CONFIG: at('none') };

describe('defaultCredentials', () => {
  it.each([
    ['FILE: in KRB5CCNAME', { env: { ...NONE, KRB5CCNAME: `FILE:${at('cache')}` } }],
    ['a path in KRB5CCNAME', { env: { ...NONE, KRB5CCNAME: at('cache') } }],
    ['DIR: in KRB5CCNAME, by its primary', { env: { ...NONE, KRB5CCNAME: `DIR:${at('collection')}` } }],
    ['DIR:: in KRB5CCNAME', { env: { ...NONE, KRB5CCNAME: `DIR::${at('collection', 'tkt')}` } }],
    ['default_ccache_name of krb5.conf', { env: { KRB5_CONFIG: `${at('none')}:${at('krb5.conf')}` }, uid: 1234 }],
    ['krb5cc_UID in the temporary folder', { env: NONE, uid: 1234, temporaryFolder: folder }],
  ])('are found by %s', (_, options) => {
    expect(defaultCredentials(options).credentials.length).toBeGreaterThan(0);
  });

  it.each([
    ['KCM:1000', /type KCM is not a file: run "kinit -c FILE:/],
    ['KEYRING:persistent:1000', /type KEYRING is not a file.*set KRB5CCNAME=FILE:/],
    ['MEMORY:x', /type MEMORY/],
    [at('missing'), /^no credential cache at .*missing: run "kinit"/],
    [folder, /^the credential cache at .* can't be read \(EISDIR\): run "kinit", or set KRB5CCNAME$/],
  ])('have an error with the remedy for %s', (name, message) => {
    const error = errorOf(() => defaultCredentials({ env: { ...NONE, KRB5CCNAME: name } }));
    expect([error.code, error.side, error.message]).toEqual([
      'security/no-key',
      'local',
      expect.stringMatching(message),
    ]);
  });

  it('that are no cache are syntax/bad-file', () => {
    const options = { env: { ...NONE, KRB5CCNAME: at('krb5.conf') } };
    expect(errorOf(() => defaultCredentials(options)).code).toBe('syntax/bad-file');
  });
});

describe('defaultKeytab', () => {
  it.each([
    ['FILE: in KRB5_KTNAME', { ...NONE, KRB5_KTNAME: `FILE:${at('keytab')}` }],
    ['a path in KRB5_KTNAME', { ...NONE, KRB5_KTNAME: at('keytab') }],
    ['default_keytab_name of a file that krb5.conf includes', { KRB5_CONFIG: at('krb5.conf') }],
  ])('is found by %s', (_, env) => {
    expect(defaultKeytab({ env }).length).toBeGreaterThan(0);
  });

  it.each([
    ['MEMORY:x', /type MEMORY is not a file: set KRB5_KTNAME=FILE:/],
    [at('missing'), /^no keytab at .*missing: set KRB5_KTNAME/],
    [folder, /^the keytab at .* can't be read \(EISDIR\): set KRB5_KTNAME/],
  ])('has an error with the remedy for %s', (name, message) => {
    const error = errorOf(() => defaultKeytab({ env: { ...NONE, KRB5_KTNAME: name } }));
    expect([error.code, error.message]).toEqual(['security/no-key', expect.stringMatching(message)]);
  });
});
