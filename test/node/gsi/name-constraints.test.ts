/** Name constraints of authorities: OpenSSL makes the chains, and judges them beside our own check. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { concat, fromHex, toHex, toUtf8 } from '../../../src/bytes.js';
import { formatElement } from '../../../src/mechanisms/der.js';
import { certificatesOf } from '../../../src/node/gsi/certificate.js';
import { verifyChain } from '../../../src/node/gsi/chain.js';
import { gsiTrust } from '../../../src/node/gsi/trust.js';
import { errorOf, onlyRefuses } from '../../helpers.js';
import {
  alternativeNames,
  authority,
  CA,
  type Extension,
  type Made,
  make,
  NOW,
  nameConstraints,
  nameOf,
  noAuthority,
  pem,
  proxyInfo,
  sequence,
} from './certificates.js';

const folder = mkdtempSync(join(tmpdir(), 'constraints-'));
const [KEY, OTHER_KEY] = ['key', 'other-key'].map(name => {
  const path = join(folder, name);
  execFileSync('openssl', ['genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', path]);
  return path;
}) as [string, string];

const MAIL_IN_UTF8 = '1.3.6.1.5.5.7.8.9;UTF8';
const DIRECTORY_NAMES = `
[grid]
O = Grid
[anna]
O = Grid
CN = Anna
[multiple]
O = Grid
OU = Unit
+CN = Anna
[proxy]
O = Grid
CN = Anna
CN2.CN = 1
[nothing]
`;

let made = 0;

/** Makes a certificate; the issuer of an authority without one is itself. Nearly all have one key. */
function certify(
  subject: string,
  extensions: Readonly<Record<string, string>>,
  issuer?: string,
  { key = KEY, issuerKey = KEY } = {},
): string {
  const path = join(folder, `${++made}.pem`);
  const config = join(folder, 'config');
  const lines = Object.entries(extensions).map(([name, value]) => `${name} = ${value}`);
  const head = ['[req]', 'distinguished_name = none', 'x509_extensions = extensions', '[none]', '[extensions]'];
  writeFileSync(config, [...head, ...lines, DIRECTORY_NAMES].join('\n'));
  const by = issuer === undefined ? [] : ['-CA', issuer, '-CAkey', issuerKey];
  const options = ['-x509', '-new', '-utf8', '-key', key, '-config', config, '-days', '2', '-subj', subject, ...by];
  execFileSync('openssl', ['req', ...options, '-out', path], { stdio: 'pipe' });
  return path;
}

const AUTHORITY = { basicConstraints: 'critical,CA:true' };
const ROOT = certify('/O=Grid/CN=Root', AUTHORITY);
const constrained = new Map<string, string>();
const SUBJECT = '/O=Grid/CN=Anna';

/** An authority with constraints, below the root. */
function authorityWith(nameConstraints: string): string {
  const known = constrained.get(nameConstraints);
  const path = known ?? certify('/O=Grid/CN=Middle', { ...AUTHORITY, nameConstraints }, ROOT);
  constrained.set(nameConstraints, path);
  return path;
}

const ownerBy = (issuer: string, subject: string, subjectAltName: string) =>
  certify(subject, { basicConstraints: 'CA:false', ...(subjectAltName !== '' && { subjectAltName }) }, issuer);

/** The verdicts on a chain of files, the owner's certificate first, and the trusted authority last. */
function verdicts(chain: readonly string[]): { ours: string; theirs: boolean } {
  const [root, leaf, ...between] = [chain.at(-1)!, ...chain.slice(0, -1)] as [string, string, ...string[]];
  const files = ['-CAfile', root, ...between.flatMap(file => ['-untrusted', file]), leaf];
  const { status } = spawnSync('openssl', ['verify', '-allow_proxy_certs', ...files]);
  const trust = gsiTrust({ authorities: [readFileSync(root)] });
  const sent = [leaf, ...between].flatMap(file => certificatesOf(readFileSync(file)));
  const verify = () => verifyChain(sent, { trust, now: Date.now(), purpose: 'server' });
  return { ours: onlyRefuses(verify) === undefined ? errorOf(verify).message : 'right', theirs: status === 0 };
}

const WHY = /^the name constraints of \S+ (?:do not permit|exclude|can't be checked for) /;

/** Constraints, the owner's subject and alternative names, whether they are permitted, and what OpenSSL says if it differs. */
type Row = [constraints: string, subject: string, names: string, isRight: boolean, theirs?: boolean];
const NET = '192.0.2.0/255.255.255.0';
const NET6 = '2001:db8:0:0:0:0:0:0/ffff:ffff:0:0:0:0:0:0';
const ROWS: Row[] = [
  ['permitted;DNS:example.org', SUBJECT, 'DNS:example.org', true],
  ['permitted;DNS:example.org', SUBJECT, 'DNS:a.b.Example.ORG', true],
  ['permitted;DNS:example.org', SUBJECT, 'DNS:*.example.org', true],
  ['permitted;DNS:example.org', SUBJECT, 'DNS:badexample.org', false],
  ['permitted;DNS:example.org', SUBJECT, 'DNS:example.org.evil.net', false],
  ['permitted;DNS:example.org', SUBJECT, 'DNS:org', false],
  ['permitted;DNS:example.org', SUBJECT, 'DNS:example.org,DNS:evil.net', false],
  ['permitted;DNS:example.org,permitted;DNS:other.net', SUBJECT, 'DNS:example.org,DNS:x.other.net', true],
  ['permitted;DNS:example.org', '/O=Grid/CN=Anna Smith', 'IP:192.0.2.7,email:anna@evil.net,URI:http://evil.net', true],
  ['permitted;DNS:example.org', SUBJECT, 'DNS:example.org.', false],
  ['permitted;DNS:.example.org', SUBJECT, 'DNS:www.example.org', true],
  ['permitted;DNS:.example.org', SUBJECT, 'DNS:example.org', false],
  ['permitted;DNS:example.org,excluded;DNS:www.example.org', SUBJECT, 'DNS:ftp.example.org', true],
  ['permitted;DNS:example.org,excluded;DNS:www.example.org', SUBJECT, 'DNS:a.www.example.org', false],
  ['excluded;DNS:www.example.org', SUBJECT, 'DNS:WWW.example.org', false],
  ['excluded;DNS:www.example.org', SUBJECT, 'DNS:example.org', true],
  ['excluded;DNS:.example.org', SUBJECT, 'DNS:example.org', true],
  // A wildcard stands for the excluded name too.
  ['excluded;DNS:www.example.org', SUBJECT, 'DNS:*.example.org', false, true],
  ['excluded;DNS:a.www.example.org', SUBJECT, 'DNS:*.example.org', true],
  // Without a DNS name, the common name is that of a host.
  ['permitted;DNS:example.org', '/O=Grid/CN=ftp.example.org', '', true],
  ['permitted;DNS:example.org', '/O=Grid/CN=ftp.evil.net', '', false],
  ['permitted;DNS:example.org', '/O=Grid/CN=ftp.evil.net', 'IP:192.0.2.7', false],
  ['permitted;DNS:example.org', '/O=Grid/CN=ftp.evil.net', 'DNS:ftp.example.org', true],
  ['permitted;DNS:example.org', '/O=Grid/CN=host\\/ftp.evil.net', '', false, true],
  ['permitted;DNS:example.org', '/O=Grid/CN=localhost', '', false, true],
  ['permitted;DNS:example.org', SUBJECT, 'IP:192.0.2.7', false, true],
  ['excluded;DNS:evil.net', '/O=Grid/CN=ftp.evil.net', '', false],
  ['excluded;DNS:evil.net', '/O=Grid/CN=ftp\\/ftp.evil.net', '', false, true],
  ['permitted;DNS:example.org', '/O=Grid/CN=Anna Smith', '', true],
  // An address in the common name is that of no host: it is compared with alternative names alone.
  ['excluded;DNS:evil.net', '/O=Grid/CN=192.0.2.7', 'IP:192.0.2.7', true],
  ['permitted;DNS:example.org', '/O=Grid/CN=192.0.2.7', 'IP:192.0.2.7', true, false],
  ['permitted;dirName:grid', SUBJECT, '', true],
  ['permitted;dirName:grid', '/O=GRID/CN=Anna', '', true],
  ['permitted;dirName:grid', '/O=  Grid /CN=Anna', '', true],
  ['permitted;dirName:grid', '/O=Gridlock/CN=Anna', '', false],
  ['permitted;dirName:grid', '/CN=Anna/O=Grid', '', false],
  ['permitted;dirName:grid', '/OU=Grid/CN=Anna', '', false],
  ['permitted;dirName:grid', '/CN=Anna', '', false],
  ['permitted;dirName:grid', SUBJECT, 'dirName:anna', true],
  ['permitted;dirName:anna', SUBJECT, 'dirName:grid', false],
  ['permitted;dirName:nothing', SUBJECT, '', true],
  ['permitted;dirName:multiple', '/O=Grid/OU=Unit+CN=Anna', '', true],
  ['permitted;dirName:multiple', '/O=Grid/CN=ANNA+OU=unit', '', true],
  ['permitted;dirName:multiple', '/O=Grid/OU=Unit/CN=Anna', '', false],
  ['excluded;dirName:anna', SUBJECT, '', false],
  ['excluded;dirName:anna', '/O=grid/CN=ANNA', '', false],
  ['excluded;dirName:anna', '/O=Grid/CN=Anna/CN=Bob', '', false],
  ['excluded;dirName:anna', '/O=Grid', '', true],
  ['excluded;dirName:anna', '/O=Grid/CN=Bob', '', true],
  ['excluded;dirName:anna', '/O=Grid/CN=Bob', 'dirName:anna', false],
  ['excluded;dirName:nothing', SUBJECT, '', false],
  [`permitted;IP:${NET}`, SUBJECT, 'IP:192.0.2.7', true],
  [`permitted;IP:${NET}`, SUBJECT, 'IP:192.0.3.7', false],
  [`permitted;IP:${NET}`, SUBJECT, 'IP:2001:db8::1', false],
  [`permitted;IP:${NET},permitted;IP:${NET6}`, SUBJECT, 'IP:192.0.2.7,IP:2001:db8::1', true],
  [`excluded;IP:${NET6}`, SUBJECT, 'IP:2001:db8:ffff::1', false],
  [`excluded;IP:${NET6}`, SUBJECT, 'IP:2001:db9::1', true],
  [`excluded;IP:${NET6}`, SUBJECT, 'IP:192.0.2.7', true],
  ['permitted;IP:0.0.0.0/0.0.0.0', SUBJECT, 'IP:192.0.2.7', true],
  // A mask that is not a prefix (RFC 4632 §3.1) can't be checked.
  ['permitted;IP:192.0.2.0/255.0.255.0', SUBJECT, 'IP:192.7.2.7', false, true],
  ['permitted;IP:192.0.2.0/255.0.255.0', SUBJECT, 'DNS:example.org', true],
  ['permitted;email:example.org', SUBJECT, 'email:anna@Example.org', true],
  ['permitted;email:example.org', SUBJECT, 'email:anna@www.example.org', false],
  ['permitted;email:.example.org', SUBJECT, 'email:anna@www.example.org', true],
  ['permitted;email:.example.org', SUBJECT, 'email:anna@example.org', false],
  ['permitted;email:anna@example.org', SUBJECT, 'email:anna@EXAMPLE.org', true],
  ['permitted;email:anna@example.org', SUBJECT, 'email:ANNA@example.org', false],
  ['permitted;email:example.org', '/O=Grid/emailAddress=anna@example.org', '', true],
  ['permitted;email:example.org', '/O=Grid/emailAddress=anna@evil.net', '', false],
  ['permitted;email:example.org', '/O=Grid/emailAddress=anna@evil.net', 'email:anna@example.org', false],
  ['excluded;email:evil.net', SUBJECT, 'email:anna@evil.net', false],
  ['excluded;email:evil.net', SUBJECT, 'email:anna@www.evil.net', true],
  // A quoted mailbox is that without quotes (RFC 5321 §4.1.2).
  ['excluded;email:anna@evil.net', SUBJECT, 'email:\\"anna\\"@evil.net', false, true],
  ['excluded;email:anna@evil.net', SUBJECT, 'email:an\\\\na@evil.net', false, true],
  ['excluded;email:evil.net', SUBJECT, 'email:anna@evil.net@example.org', false, true],
  [`excluded;otherName:${MAIL_IN_UTF8}:änna@evil.net`, SUBJECT, `otherName:${MAIL_IN_UTF8}:änna@evil.net`, false, true],
  ['permitted;email:example.org', SUBJECT, `otherName:${MAIL_IN_UTF8}:änna@evil.net`, false],
  ['permitted;URI:example.org', SUBJECT, 'URI:https://example.org:8443/x', true],
  ['permitted;URI:example.org', SUBJECT, 'URI:https://www.example.org', false],
  ['permitted;URI:.example.org', SUBJECT, 'URI:https://www.example.org', true],
  ['permitted;URI:example.org', SUBJECT, 'URI:urn:x', false],
  ['excluded;URI:evil.net', SUBJECT, 'URI:ftp://evil.net', false],
  // OpenSSL takes the name of a user for that of the host.
  ['excluded;URI:evil.net', SUBJECT, 'URI:ftp://anna@evil.net', false, true],
  ['excluded;URI:evil.net', SUBJECT, 'URI:ftp://192.0.2.7', false, true],
  ['permitted;RID:1.2.3', SUBJECT, 'RID:1.2.3', false],
  ['permitted;RID:1.2.3', SUBJECT, 'DNS:example.org', true],
  ['excluded;otherName:1.2.3;UTF8:x', SUBJECT, 'otherName:1.2.3;UTF8:y', false],
  ['excluded;otherName:1.2.3;UTF8:x', SUBJECT, 'otherName:1.2.4;UTF8:x', false, true],
  ['permitted;otherName:1.2.3;UTF8:x', SUBJECT, 'DNS:example.org', true],
];

describe('constraints and names of an owner', () => {
  // Every other one is critical, which makes no difference.
  const rows = ROWS.map(
    ([constraints, ...row], i): Row => [i % 2 === 0 ? constraints : `critical,${constraints}`, ...row],
  );

  test.each(rows)('%s: %s %s', (constraints, subject, names, isRight, theirs = isRight) => {
    const issuer = authorityWith(constraints);
    const found = verdicts([ownerBy(issuer, subject, names), issuer, ROOT]);
    expect(found).toEqual({ ours: isRight ? 'right' : expect.stringMatching(WHY), theirs });
  });
});

describe('constraints of a chain', () => {
  const leafOf = (issuer: string, names: string) => ownerBy(issuer, SUBJECT, names);

  test('are those of all authorities together', () => {
    const upper = authorityWith('permitted;DNS:example.org');
    const nameConstraints = 'permitted;DNS:other.net';
    const lower = certify('/O=Grid/CN=Lower', { ...AUTHORITY, nameConstraints }, upper);
    const free = certify('/O=Grid/CN=Free', AUTHORITY, upper);
    for (const [issuer, names, isRight] of [
      [lower, 'DNS:a.example.org', false],
      [lower, 'DNS:a.other.net', false],
      [free, 'DNS:a.example.org', true],
      [free, 'DNS:a.other.net', false],
    ] as const) {
      const found = verdicts([leafOf(issuer, names), issuer, upper, ROOT]);
      expect(found).toEqual({ ours: isRight ? 'right' : expect.stringMatching(WHY), theirs: isRight });
    }
  });

  test('include those of the trusted authority', () => {
    const root = certify('/O=Grid/CN=Top', { ...AUTHORITY, nameConstraints: 'permitted;dirName:grid' });
    expect(verdicts([ownerBy(root, SUBJECT, ''), root])).toEqual({ ours: 'right', theirs: true });
    expect(verdicts([ownerBy(root, '/O=Other/CN=Anna', ''), root])).toEqual({
      ours: 'the name constraints of /O=Grid/CN=Top do not permit a directory name of /O=Other/CN=Anna',
      theirs: false,
    });
  });

  test('are also for the names of authorities, but not of one of the same name as its issuer', () => {
    const upper = authorityWith('permitted;dirName:anna');
    const other = certify('/O=Grid/CN=Other', AUTHORITY, upper);
    const same = certify('/O=Grid/CN=Middle', AUTHORITY, upper, { key: OTHER_KEY });
    const leaf = certify('/O=Grid/CN=Anna', { basicConstraints: 'CA:false' }, same, { issuerKey: OTHER_KEY });
    expect(verdicts([leafOf(other, ''), other, upper, ROOT])).toEqual({
      ours: 'the name constraints of /O=Grid/CN=Middle do not permit a directory name of /O=Grid/CN=Other',
      theirs: false,
    });
    expect(verdicts([leaf, same, upper, ROOT])).toEqual({ ours: 'right', theirs: true });
  });

  test('are for proxies too, as for OpenSSL', () => {
    const proxyCertInfo = 'critical,language:id-ppl-inheritAll';
    const proxyOf = (issuer: string, number: number) => certify(`${SUBJECT}/CN=${number}`, { proxyCertInfo }, issuer);
    for (const [constraints, number, isRight] of [
      ['permitted;dirName:anna', 1, true],
      ['excluded;dirName:proxy', 1, false],
      ['excluded;dirName:proxy', 2, true],
    ] as const) {
      const issuer = authorityWith(constraints);
      const owner = leafOf(issuer, '');
      const found = verdicts([proxyOf(owner, number), owner, issuer, ROOT]);
      expect(found).toEqual({ ours: isRight ? 'right' : expect.stringMatching(WHY), theirs: isRight });
    }
  });
});

const dns = (name: string) => formatElement(0x82, toUtf8(name));
const general = (...names: Uint8Array[]): Extension => ({ type: '551d11', value: sequence(...names) });
const middleWith = (extension: Extension) =>
  make('/O=Grid/CN=Middle', { issuer: CA, extensions: [authority(), extension] });
const ownerWith = (issuer: Made, ...extensions: Extension[]) => make(SUBJECT, { issuer, extensions });

describe('constraints that OpenSSL does not make', () => {
  const options = { trust: gsiTrust({ authorities: [CA.der] }), now: NOW, purpose: 'client' } as const;
  const verdict = ({ certificates }: Made) => {
    const verify = () => verifyChain(certificates, options);
    return onlyRefuses(verify) === undefined ? errorOf(verify).message : 'right';
  };
  const CANNOT = "the name constraints of /O=Grid/CN=Middle can't be checked for a DNS name of /O=Grid/CN=Anna";

  test.each([
    ['no constraints', sequence(), 'name constraints without a subtree'],
    ['no subtrees', sequence(formatElement(0xa0, new Uint8Array())), 'name constraints without a subtree'],
    ['a subtree without a name', nameConstraints([new Uint8Array()]).value, 'a general name is missing'],
    ['another part', sequence(formatElement(0xa2, sequence(dns('x')))), 'name constraints with unknown parts'],
    [
      'an unknown kind of name',
      nameConstraints([formatElement(0x8a, toUtf8('x'))]).value,
      'a general name of an unknown kind',
    ],
    [
      'a name in pieces, as BER has it',
      nameConstraints([formatElement(0xa2, dns('x'))]).value,
      'a general name of an unknown kind',
    ],
    ['nothing', new Uint8Array(), 'DER: expected an element with tag 30'],
    ...[
      [0xa0, 0xa0],
      [0xa1, 0xa0],
    ].map((tags): [string, Uint8Array, string] => [
      `the parts ${tags.map(it => it.toString(16)).join(' and ')}`,
      sequence(...tags.map(tag => formatElement(tag, sequence(dns('x'))))),
      'name constraints with unknown parts',
    ]),
    [
      'octets behind them',
      concat(nameConstraints([dns('x')]).value, Uint8Array.of(5, 0)),
      'octets after name constraints',
    ],
  ])('with %s are refused', (_, value, message) => {
    expect(verdict(ownerWith(middleWith({ type: '551d1e', value })))).toBe(message);
  });

  test.each([
    ['a minimum', concat(dns('example.org'), fromHex('800101'))],
    ['two minimums', concat(dns('example.org'), fromHex('800100800100'))],
    ['a maximum', concat(dns('example.org'), fromHex('810105'))],
    ['a blank in the name', dns('exa mple.org')],
    ['a name that is not ASCII', dns('exämple.org')],
  ])('with %s can not be checked, but only names of that kind are refused', (_, subtree) => {
    for (const middle of [middleWith(nameConstraints([subtree])), middleWith(nameConstraints([], [subtree]))]) {
      expect(verdict(ownerWith(middle, alternativeNames('example.org')))).toBe(CANNOT);
      expect(verdict(ownerWith(middle))).toBe('right');
    }
  });

  test('with a minimum of 0 are as without', () => {
    const middle = middleWith(nameConstraints([concat(dns('example.org'), fromHex('800100'))]));
    expect(verdict(ownerWith(middle, alternativeNames('example.org')))).toBe('right');
  });

  test.each(['a b', '*', 'a..b', '.a', '\u212aelvin.example.org', '10.0.0.1', 'a.*.b'])(
    'refuse the DNS name %s',
    name => {
      expect(verdict(ownerWith(middleWith(nameConstraints([], [dns('x.y')])), alternativeNames(name)))).toBe(CANNOT);
    },
  );

  test.each([
    ['an address of five octets', formatElement(0x87, new Uint8Array(5)), formatElement(0x87, new Uint8Array(4))],
    [
      'an address, and a name of five octets',
      formatElement(0x87, new Uint8Array(8)),
      formatElement(0x87, new Uint8Array(5)),
    ],
    ['no host of an e-mail address', formatElement(0x81, toUtf8('')), formatElement(0x81, toUtf8('anna@x.y'))],
    ['a host, and no e-mail address', formatElement(0x81, toUtf8('x.y')), formatElement(0x81, toUtf8('anna'))],
    ['no host of a URI', formatElement(0x86, toUtf8('')), formatElement(0x86, toUtf8('http://x.y'))],
    [
      'a directory name whose value is no UTF-8',
      formatElement(0xa4, nameOf('/O=x')),
      formatElement(0xa4, fromHex(toHex(nameOf('/O=x')).replace('0c0178', '0c01f8'))),
    ],
    [
      'a directory name whose value is no string',
      formatElement(0xa4, nameOf('/O=x')),
      formatElement(0xa4, fromHex(toHex(nameOf('/O=x')).replace('0c0178', '120178'))),
    ],
    [
      'a directory name, and octets',
      formatElement(0xa4, nameOf('/O=x')),
      formatElement(0xa4, concat(nameOf('/O=x'), nameOf('/O=y'))),
    ],
  ])('exclude %s: refused', (_, subtree, name) => {
    const owner = ownerWith(middleWith(nameConstraints([], [subtree])), general(name));
    expect(verdict(owner)).toMatch(/can't be checked for|general name/);
  });

  test('and alternative names with octets behind them: refused', () => {
    const names = alternativeNames('x.y');
    const owner = ownerWith(middleWith(nameConstraints([dns('x.y')])), {
      ...names,
      value: concat(names.value, Uint8Array.of(5, 0)),
    });
    expect(verdict(owner)).toBe('octets after alternative names');
  });

  const [CANNOT_NAME, EXCLUDED_NAME] = ["can't be checked for", 'exclude'].map(
    why => `the name constraints of /O=Grid/CN=Middle ${why} a directory name of /O=Grid/CN=Anna`,
  ) as [string, string];

  // OpenSSL takes Teletex for Latin-1, where we have read UTF-8, as in names that users log in by.
  test.each([
    ['Grün', 'TeletexString', '1404', '4772fc6e', CANNOT_NAME],
    ['Grün', 'IA5String', '1604', '4772fc6e', CANNOT_NAME],
    ['Grün', 'TeletexString of UTF-8', '1405', '4772c3bc6e', CANNOT_NAME],
    ['Mesh', 'TeletexString', '1404', '4d657368', EXCLUDED_NAME],
    ['Mesh', 'BMPString', '1e08', '004d006500730068', EXCLUDED_NAME],
    ['Mesh', 'BMPString and an octet', '1e09', '004d00650073006800', CANNOT_NAME],
    ['Mesh', 'BMPString with halves of a character', '1e04', 'd83dde00', CANNOT_NAME],
    ['Mesh', 'UniversalString', '1c10', '0000004d000000650000007300000068', CANNOT_NAME],
    ['Mesh', 'UTF8String with a tab behind', '0c05', '4d65736809', EXCLUDED_NAME],
    ['Mesh', 'UTF8String with CR and LF before', '0c06', '0d0a4d657368', EXCLUDED_NAME],
    ['a b', 'UTF8String with a tab in it', '0c03', '610962', EXCLUDED_NAME],
  ])('exclude %s: no way around as a %s', (value, _, header, octets, message) => {
    const attribute = fromHex(`060355040a${header}${octets}`);
    const name = formatElement(0xa4, sequence(formatElement(0x31, sequence(attribute))));
    const middle = middleWith(nameConstraints([], [formatElement(0xa4, nameOf(`/O=${value}`))]));
    expect(verdict(ownerWith(middle, general(name)))).toBe(message);
  });

  test('are not for the empty subject of a certificate', () => {
    const middle = middleWith(nameConstraints([formatElement(0xa4, nameOf('/O=x'))]));
    const server = { ...options, purpose: 'server' } as const;
    const named = (names: Extension[]) => make('', { issuer: middle, extensions: names }).certificates;
    expect(verifyChain(named([alternativeNames('x.y')]), server).name).toBe('');
    expect(errorOf(() => verifyChain(named([general(formatElement(0xa4, nameOf('/O=y')))]), server)).message).toBe(
      'the name constraints of /O=Grid/CN=Middle do not permit a directory name of ',
    );
  });

  test('belong to authorities alone', () => {
    const constraints = nameConstraints([dns('example.org')]);
    const owner = make(SUBJECT, { issuer: CA, extensions: [noAuthority(), constraints] });
    expect(verdict(owner)).toBe('/O=Grid/CN=Anna has name constraints, and is not an authority');
    const user = make(SUBJECT, { issuer: CA });
    const proxy = make(`${SUBJECT}/CN=1`, { issuer: user, extensions: [proxyInfo('all'), constraints] });
    expect(verdict(proxy)).toBe('/O=Grid/CN=Anna/CN=1 has name constraints, and is not an authority');
  });

  test('of very many names and subtrees are refused, as they would take long', () => {
    const many = (count: number) => Array.from({ length: count }, (_, i) => dns(`a${i}.example.org`));
    const middle = middleWith(nameConstraints([], many(990)));
    const names = many(990).map((_, i) => `b${i}.example.org`);
    expect(verdict(ownerWith(middle, alternativeNames(...names)))).toBe(
      'the name constraints of /O=Grid/CN=Middle are too many for the names of /O=Grid/CN=Anna',
    );
    expect(verdict(ownerWith(middle, alternativeNames(...names.slice(0, 200))))).toBe('right');
  });

  test('and names of any octets give no other error', () => {
    const parts = fc.uint8Array({ maxLength: 12 });
    const tag = fc.constantFrom(0x30, 0x81, 0x82, 0x86, 0x87, 0x88, 0xa0, 0xa4, 0xa1);
    const name = fc.oneof(
      parts,
      fc.tuple(tag, parts).map(it => formatElement(...it)),
    );
    fc.assert(
      fc.property(fc.array(name, { maxLength: 3 }), fc.array(name, { maxLength: 3 }), (subtrees, names) => {
        verdict(ownerWith(middleWith(nameConstraints(subtrees, subtrees.slice(1))), general(...names)));
      }),
    );
  });

  test('are judged for what the trusted authority has signed only', () => {
    const stranger = make('/O=Grid/CN=Stranger', { extensions: [authority()] });
    const middle = make('/O=Grid/CN=Middle', {
      issuer: stranger,
      extensions: [authority(), nameConstraints([dns('x.y')])],
    });
    expect(verdict(ownerWith(middle, alternativeNames('example.org')))).toMatch(/^no trusted authority has signed/);
  });

  test('of a trusted authority can be read', () => {
    const top = make('/O=Grid/CN=Top', { extensions: [authority(), nameConstraints([dns('x.y')])] });
    expect(gsiTrust({ authorities: [toUtf8(pem(top.der))] }).names).toEqual(['/O=Grid/CN=Top']);
  });
});
