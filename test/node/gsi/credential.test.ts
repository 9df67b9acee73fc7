/** Credentials and authorities in files, where the tools of the grid keep them. */
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { toUtf8 } from '../../../src/bytes.js';
import { verifyChain } from '../../../src/node/gsi/chain.js';
import { trustPartsOf } from '../../../src/node/gsi/trust.js';
import {
  findGsiFiles,
  formatGsiCredential,
  parseGsiCredential,
  readGsiCredential,
  readTrustDirectory,
} from '../../../src/node/index.js';
import { errorOf } from '../../helpers.js';
import { authority, CA, type Made, make, NOW, newKey, pem, proxyInfo, revocationList, USER } from './certificates.js';

const folder = mkdtempSync(join(tmpdir(), 'gsi-'));
afterAll(() => rmSync(folder, { recursive: true }));
const put = (name: string, text: string | Uint8Array, mode = 0o600): string => {
  const path = join(folder, name);
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
};

const path = (name: string) => join(folder, name);
const proxy = make(`${USER.name}/CN=1`, { issuer: USER, extensions: [proxyInfo('all')] });

describe('a credential', () => {
  test('is read as it is written, in the order of a proxy file', () => {
    const text = formatGsiCredential(proxy);
    expect(text.match(/BEGIN [A-Z ]+/g)).toEqual([
      'BEGIN CERTIFICATE',
      'BEGIN PRIVATE KEY',
      'BEGIN CERTIFICATE',
      'BEGIN CERTIFICATE',
    ]);
    const { certificates, key } = parseGsiCredential(toUtf8(text));
    expect(certificates).toEqual(proxy.certificates.map(it => Uint8Array.from(it)));
    expect(key.equals(proxy.key)).toBe(true);
  });

  test('may have its key in another file, and in the older forms of PEM', () => {
    const key = toUtf8(String(USER.key.export({ format: 'pem', type: 'sec1' })));
    expect(parseGsiCredential(toUtf8(pem(USER.der)), key).certificates.length).toBe(1);
    expect(parseGsiCredential(USER.der, key).certificates.length).toBe(1);
  });

  test.each<[string, () => unknown, string | RegExp]>([
    ['without a certificate', () => parseGsiCredential(toUtf8('nothing')), 'no certificate in PEM'],
    ['without a key', () => parseGsiCredential(toUtf8(pem(USER.der))), 'no private key in PEM'],
    ...(['pkcs8', 'sec1'] as const).map((type): [string, () => unknown, RegExp] => [
      `with a password, in ${type}`,
      () =>
        parseGsiCredential(
          toUtf8(pem(USER.der)),
          toUtf8(String(USER.key.export({ format: 'pem', type, cipher: 'aes-128-cbc', passphrase: 'x' }))),
        ),
      /^the private key has a password, .* "openssl pkey/,
    ]),
    [
      'with another key',
      () =>
        parseGsiCredential(
          toUtf8(pem(USER.der)),
          toUtf8(String(newKey().privateKey.export({ format: 'pem', type: 'pkcs8' }))),
        ),
      'the private key is not that of the first certificate',
    ],
  ])('%s is an error', (_, read, message) => {
    const error = errorOf(read);
    expect([error.code, error.side]).toEqual(['syntax/bad-file', 'local']);
    expect(error.message).toMatch(message);
  });

  test.skipIf(process.platform === 'win32')('is refused if others may read its key', () => {
    const path = put('open.pem', formatGsiCredential(USER), 0o640);
    expect(errorOf(() => readGsiCredential({ certificates: path, key: path })).message).toContain('chmod 600');
    chmodSync(path, 0o600);
    expect(readGsiCredential({ certificates: path, key: path }).certificates.length).toBe(USER.certificates.length);
  });

  test.skipIf(process.getuid === undefined)('is refused if another file takes its place behind the check', () => {
    const [path, planted] = [
      put('mine.pem', formatGsiCredential(USER)),
      put('other.pem', formatGsiCredential(CA), 0o644),
    ];
    const uid = process.getuid!();
    const user = vi.spyOn(process as { getuid(): number }, 'getuid').mockImplementation(() => {
      if (existsSync(planted)) renameSync(planted, path);
      return uid;
    });
    const { message } = errorOf(() => readGsiCredential({ certificates: path, key: path }));
    user.mockRestore();
    expect(message).toContain('chmod 600');
  });

  test.skipIf(process.getuid === undefined)('is refused at once if it is a pipe of another user', () => {
    const path = join(folder, 'pipe');
    execFileSync('mkfifo', ['-m', '600', path]);
    const user = vi.spyOn(process as { getuid(): number }, 'getuid').mockReturnValue(12_345);
    const { message } = errorOf(() => readGsiCredential({ certificates: path, key: path }));
    user.mockRestore();
    expect(message).toContain('belongs to another user');
  });

  test.skipIf(process.getuid === undefined)('is refused if its key belongs to another user', () => {
    const path = put('planted.pem', formatGsiCredential(USER));
    const user = vi.spyOn(process as { getuid(): number }, 'getuid').mockReturnValue(12_345);
    const { code, side, message } = errorOf(() => readGsiCredential({ certificates: path, key: path }));
    user.mockRestore();
    expect([code, side, message]).toEqual([
      'syntax/bad-file',
      'local',
      `${path} contains a private key, but belongs to another user`,
    ]);
  });
});

describe('the files of a user', () => {
  const home = join(folder, 'home');
  const [certificate, key] = [put('home/.globus/usercert.pem', 'x'), put('home/.globus/userkey.pem', 'x')];
  const given = put('proxy.pem', 'x');
  const missing = join(folder, 'missing');

  test.each([
    ['X509_USER_PROXY', { X509_USER_PROXY: given }, [given, given]],
    [
      'X509_USER_CERT and X509_USER_KEY',
      { X509_USER_PROXY: missing, X509_USER_CERT: given, X509_USER_KEY: key },
      [given, key],
    ],
    ['the folder .globus', { X509_USER_PROXY: missing }, [certificate, key]],
  ])('are found by %s', (_, environment, files) => {
    const found = findGsiFiles('user', { HOME: home, ...environment });
    expect([found.certificates, found.key]).toEqual(files);
  });

  const name = `x509up_u${process.getuid?.() ?? ''}`;
  test.skipIf(existsSync(join('/tmp', name)))('are looked for in this order, and where they are not is told', () => {
    const triedIn = (environment: object) => {
      const { code, message } = errorOf(() => findGsiFiles('user', { HOME: missing, ...environment }));
      expect(code).toBe('security/no-key');
      const [, tried] = /^no credential of the user in (.*): run "grid-proxy-init", or set X509_USER_PROXY$/.exec(
        message,
      )!;
      return tried!.split(', ');
    };
    const inFolder = join(missing, '.globus/usercert.pem');
    expect(triedIn({})).toEqual([join(tmpdir(), name), join('/tmp', name), inFolder]);
    expect(triedIn({ X509_USER_PROXY: missing })).toEqual([missing, inFolder]);
    expect(triedIn({ X509_USER_PROXY: '', X509_USER_CERT: given })).toEqual([
      join(tmpdir(), name),
      join('/tmp', name),
      inFolder,
    ]);
  });

  test('that a variable names are not looked for elsewhere, as another user may be there', () => {
    const proxy = join(tmpdir(), name);
    writeFileSync(proxy, 'x');
    const find = (environment: object) => findGsiFiles('user', { HOME: home, ...environment });
    const pair = { X509_USER_CERT: given, X509_USER_KEY: key };
    const noPair = { X509_USER_CERT: missing, X509_USER_KEY: key };
    try {
      expect(find({})).toMatchObject({ certificates: proxy, key: proxy });
      expect(find({ X509_USER_PROXY: missing, ...pair })).toMatchObject({ certificates: given, key });
      expect(find({ X509_USER_PROXY: missing })).toMatchObject({ certificates: certificate, key });
      expect(find(noPair)).toMatchObject({ certificates: proxy, key: proxy });
      expect(errorOf(() => find({ X509_USER_PROXY: missing, ...noPair })).code).toBe('security/no-key');
      expect(errorOf(() => findGsiFiles('server', { HOME: home, ...noPair })).code).toBe('security/no-key');
    } finally {
      rmSync(proxy);
    }
  });

  test('of a server are no proxy', () => {
    const environment = { HOME: home, X509_USER_PROXY: given, X509_USER_CERT: certificate, X509_USER_KEY: key };
    expect(findGsiFiles('server', environment)).toMatchObject({ certificates: certificate, key });
  });

  test.skipIf(existsSync('/etc/grid-security/hostcert.pem'))('of a server may be in the folder .globus', () => {
    const [hostcert, hostkey] = [put('home/.globus/hostcert.pem', 'x'), put('home/.globus/hostkey.pem', 'x')];
    expect(findGsiFiles('server', { HOME: home })).toMatchObject({ certificates: hostcert, key: hostkey });
  });

  test('come with the directory of authorities', () => {
    const directory = join(home, '.globus/certificates');
    const find = (more: object) => findGsiFiles('user', { HOME: home, X509_USER_PROXY: given, ...more }).trustDirectory;
    expect(find({ X509_CERT_DIR: missing })).toBe(missing);
    mkdirSync(directory);
    expect(find({})).toBe(directory);
  });
});

describe('a directory of authorities', () => {
  const policy = `access_id_CA X509 '${CA.name}'\npos_rights globus CA:sign\ncond_subjects globus '"/O=Grid/*"'\n`;

  test('has certificates, signing policies and revocation lists by their names', () => {
    put('trust/0123abcd.0', pem(CA.der));
    put('trust/0123abcd.signing_policy', policy);
    put('trust/0123abcd.r0', revocationList(CA, [0x1234]));
    put('trust/0123abcd.info', 'other');
    put('trust/notes.0', 'other');
    const trust = readTrustDirectory(join(folder, 'trust'));
    const { policies, revocationLists } = trustPartsOf(trust);
    expect(trust.names).toEqual([CA.name]);
    expect([...policies!]).toEqual([[CA.name, [[['/O=Grid/*']]]]]);
    expect(revocationLists.length).toBe(1);
  });

  test('may have a file that can not be read: then its authorities are not trusted, and the others are', () => {
    for (const [bad, contents] of [
      ['89abcdef.0', 'other'],
      ['89abcdef.r0', 'other'],
      ['89abcdef.signing_policy', 'other'],
    ] as const) {
      const name = `mixed-${bad}`;
      put(`${name}/0123abcd.0`, pem(CA.der));
      put(`${name}/89abcdef.0`, pem(USER.der));
      put(`${name}/${bad}`, contents);
      const trust = readTrustDirectory(path(name));
      expect([trust.names, [...trust.unreadable.keys()]]).toEqual([[CA.name], ['89abcdef']]);
    }
  });

  test('has policies that are for the authority beside them alone, as for Globus', () => {
    const other = make('/O=Grid/CN=Other', { extensions: [] });
    const wide = (name: string) => policy.replace(CA.name, name).replace('/O=Grid/*', '*');
    put('own/0123abcd.0', pem(CA.der));
    put('own/0123abcd.signing_policy', policy);
    put('own/89abcdef.0', pem(other.der));
    put('own/89abcdef.signing_policy', wide(other.name) + wide(CA.name));
    put('own/ffffffff.signing_policy', wide(CA.name) + wide('/O=Grid/CN=Below'));
    const { policies } = trustPartsOf(readTrustDirectory(path('own')));
    expect(new Map(policies)).toEqual(
      new Map([
        [CA.name, [[['/O=Grid/*']]]],
        [other.name, [[['*']]]],
        ['/O=Grid/CN=Below', [[['*']]]],
      ]),
    );
  });

  test('may have links whose file is gone, and policies without an authority', () => {
    put('links/0123abcd.0', pem(CA.der));
    put('links/0123abcd.signing_policy', policy);
    put('links/01020304.signing_policy', policy);
    put('links/89abcdef.0', pem(USER.der));
    symlinkSync(path('missing'), path('links/89abcdef.r0'));
    const trust = readTrustDirectory(path('links'));
    expect([trust.names, [...trust.unreadable.keys()]]).toEqual([[CA.name], ['89abcdef']]);
    expect(trust.unreadable.get('89abcdef')).toContain('ENOENT');
  });

  test('may have an authority under two names: it is not trusted if a file of either can not be read', () => {
    for (const [hash, bad] of [
      ['0123abcd', '89abcdef'],
      ['89abcdef', '0123abcd'],
    ] as const) {
      const name = `twice-${hash}`;
      put(`${name}/${hash}.0`, pem(CA.der));
      put(`${name}/${hash}.signing_policy`, policy);
      put(`${name}/${bad}.0`, pem(CA.der));
      put(`${name}/${bad}.r0`, 'other');
      put(`${name}/00000000.0`, pem(USER.der));
      const trust = readTrustDirectory(path(name));
      expect([trust.names, [...trust.unreadable.keys()]]).toEqual([[USER.name], [bad]]);
    }
  });

  test('may have a file that can not be read: what its authority has certified is not trusted either', () => {
    const middle = make('/O=Grid/CN=Middle', { issuer: CA, extensions: [authority()] });
    const policyOf = (name: string) => policy.replace(CA.name, name);
    const refusals = (chain: Made) => {
      const trust = readTrustDirectory(path('below'));
      return errorOf(() => verifyChain(chain.certificates, { trust, now: NOW, purpose: 'client' })).message;
    };
    const bob = make('/O=Grid/CN=Bob', { issuer: middle });
    const of = (issuer: string) => `${issuer} is not trusted, as one of its files can't be read`;
    const files = { '0': pem(CA.der), signing_policy: policy, r0: pem(revocationList(CA, [0x1234]), 'X509 CRL') };
    put('below/89abcdef.0', pem(middle.der));
    put('below/89abcdef.signing_policy', policyOf(middle.name));
    for (const bad of ['0', 'signing_policy', 'r0']) {
      for (const [kind, contents] of Object.entries(files)) {
        put(`below/0123abcd.${kind}`, kind === bad ? 'other' : contents);
      }
      expect(refusals(bob)).toBe(of(CA.name));
    }
    // The list of an authority whose certificate only the peer has; its policy is there under an older hash, too.
    rmSync(path('below/89abcdef.0'));
    put('below/0123abcd.r0', files.r0);
    put('below/89abcdef.r0', 'other');
    put('below/ffffffff.signing_policy', policyOf(middle.name));
    expect(refusals(bob)).toBe(of(middle.name));
  });

  test('without an authority is an error', () => {
    mkdirSync(join(folder, 'empty'));
    const error = errorOf(() => readTrustDirectory(join(folder, 'empty')));
    expect([error.code, error.side]).toEqual(['syntax/bad-file', 'local']);
  });
});
