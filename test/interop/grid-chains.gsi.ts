/** Chains of certificates, signing policies and revocation lists: the servers of the grid and our own check judge them. */
import { execFileSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { toUtf8 } from '../../src/bytes.js';
import { FtpSecurityError } from '../../src/errors.js';
import { formatElement } from '../../src/mechanisms/der.js';
import { gsi } from '../../src/mechanisms/gsi/index.js';
import { parseCertificate } from '../../src/node/gsi/certificate.js';
import { verifyChain } from '../../src/node/gsi/chain.js';
import { isCertificateOf } from '../../src/node/gsi/host-name.js';
import {
  ClientControl,
  type GsiCredential,
  gsiAcceptor,
  gsiInitiator,
  readTrustDirectory,
} from '../../src/node/index.js';
import {
  alternativeNames,
  authority,
  draftProxyInfo,
  type Extension,
  keyUsage,
  type Made,
  type MakeOptions,
  make,
  NOW,
  nameConstraints,
  nameOf,
  newKey,
  pem,
  proxyInfo,
  purposes,
  revocationList,
  sequence,
  signingPolicy,
  unknownCritical,
} from '../node/gsi/certificates.js';
import { startFtpServer } from './ftp-server.js';
import { type Grid, type GridServer, makeGrid, RETRIED, startArcServer, startGlobusServer, USER_NAME } from './grid.js';
import { run } from './program.js';

const hashOf = ({ der }: Made) =>
  execFileSync('openssl', ['x509', '-hash', '-noout'], { input: pem(der) })
    .toString()
    .trim();

const DAY = 86_400_000;
/** Days from NOW, the time of the certificates that tests make, to the present. */
const TODAY = (Date.now() - NOW) / DAY;
const current = (name: string, options: MakeOptions = {}) => make(name, { from: TODAY - 1, to: TODAY + 1, ...options });

const AUTHORITY = '/O=Grid/OU=Interop/CN=Second Authority';
const CA = current(AUTHORITY, { extensions: [authority(), keyUsage(0x06)] });
const user = (options: MakeOptions = {}) => current(USER_NAME, { issuer: CA, ...options });
const proxyOf = (issuer: Made, extension: Extension, options: MakeOptions = {}) =>
  current(`${issuer.name}/CN=1`, { issuer, extensions: [extension], ...options });
const legacy = (issuer: Made, name = 'proxy') => current(`${issuer.name}/CN=${name}`, { issuer });
const USER = user();
const MIDDLE = '/O=Grid/OU=Interop/CN=Middle';
const middle = (extensions: Extension[]) => current(MIDDLE, { issuer: CA, extensions });
const below = (constraints: Extension, critical = false) =>
  current(USER_NAME, { issuer: middle([authority(), { ...constraints, critical }]) });
const directory = (name: string) => formatElement(0xa4, nameOf(name));
const host = (name: string) => formatElement(0x82, toUtf8(name));

/** Whether they are to be accepted. */
const CHAINS: Readonly<Record<string, [isRight: boolean, GsiCredential]>> = {
  'of a user': [true, USER],
  'of a user who has expired': [false, user({ to: TODAY - 0.5 })],
  'of a user of the future': [false, user({ from: TODAY + 0.5 })],
  'of a user for servers only': [false, user({ extensions: [purposes('2b06010505070301')] })],
  'of a user whose key may not sign': [false, user({ extensions: [keyUsage(0x20)] })],
  'with an unknown critical extension': [false, user({ extensions: [unknownCritical()] })],
  'signed by another key': [false, user({ signer: newKey().privateKey })],
  'of an authority below': [true, current(USER_NAME, { issuer: middle([authority()]) })],
  'of an authority below, which may certify its names': [
    true,
    below(nameConstraints([directory('/O=Grid/OU=Interop')])),
  ],
  'of an authority below, whose constraints are critical': [true, below(nameConstraints([directory('/O=Grid')]), true)],
  'of an authority below, which may not': [false, below(nameConstraints([directory('/O=Other')]))],
  'of an authority below, whose constraints exclude it': [false, below(nameConstraints([], [directory(USER_NAME)]))],
  'of an authority below, whose constraints are for hosts': [true, below(nameConstraints([host('example.org')]))],
  'with a proxy, of an authority below that may certify its names': [
    true,
    proxyOf(below(nameConstraints([directory('/O=Grid')])), proxyInfo('all')),
  ],
  'with a proxy, of an authority below that may not': [
    false,
    proxyOf(below(nameConstraints([directory('/O=Other')])), proxyInfo('all')),
  ],
  'with a proxy that constraints exclude': [
    false,
    proxyOf(below(nameConstraints([], [directory(`${USER_NAME}/CN=1`)])), proxyInfo('all')),
  ],
  'of a user who signs users': [false, current(USER_NAME, { issuer: middle([]) })],
  'with a proxy': [true, proxyOf(USER, proxyInfo('all'))],
  'with a proxy of a proxy': [true, proxyOf(proxyOf(USER, proxyInfo('all', 1)), proxyInfo('all'))],
  'with a proxy beyond the path length': [false, proxyOf(proxyOf(USER, proxyInfo('all', 0)), proxyInfo('all'))],
  'with a limited proxy': [true, proxyOf(USER, proxyInfo('limited'))],
  'with a limited proxy of a limited one': [true, proxyOf(proxyOf(USER, proxyInfo('limited')), proxyInfo('limited'))],
  'with a proxy that exceeds a limited one': [false, proxyOf(proxyOf(USER, proxyInfo('limited')), proxyInfo('all'))],
  'with a proxy with rights of its own': [false, proxyOf(USER, proxyInfo('independent'))],
  'with a proxy of another policy': [false, proxyOf(USER, proxyInfo('other'))],
  'with a proxy with a policy in a language that has none': [
    false,
    proxyOf(USER, proxyInfo('all', undefined, true, 'x')),
  ],
  'with a limited proxy with a policy': [false, proxyOf(USER, proxyInfo('limited', undefined, true, 'x'))],
  'with a proxy whose information is not critical': [false, proxyOf(USER, proxyInfo('all', undefined, false))],
  'with a proxy of the draft': [true, proxyOf(USER, draftProxyInfo('all'))],
  'with a limited proxy of the draft': [true, proxyOf(USER, draftProxyInfo('limited'))],
  'with a legacy proxy': [true, legacy(USER)],
  'with a legacy limited proxy': [true, legacy(USER, 'limited proxy')],
  'with a legacy proxy of a legacy limited one': [false, legacy(legacy(USER, 'limited proxy'))],
  'with proxies of two forms': [false, proxyOf(legacy(USER), proxyInfo('all'))],
  'with a proxy that has expired': [false, proxyOf(USER, proxyInfo('all'), { to: TODAY - 0.5 })],
  'with a proxy of another name': [
    false,
    current('/O=Grid/OU=Interop/CN=Eve/CN=1', { issuer: USER, extensions: [proxyInfo('all')] }),
  ],
  'with a proxy of two more names': [
    false,
    current(`${USER_NAME}/CN=1/CN=2`, { issuer: USER, extensions: [proxyInfo('all')] }),
  ],
  'with a proxy that is an authority': [
    false,
    current(`${USER_NAME}/CN=1`, { issuer: USER, extensions: [proxyInfo('all'), authority()] }),
  ],
  'with a proxy with alternative names': [
    false,
    current(`${USER_NAME}/CN=1`, { issuer: USER, extensions: [proxyInfo('all'), alternativeNames('x')] }),
  ],
  'with a proxy that another key has signed': [false, proxyOf(USER, proxyInfo('all'), { signer: newKey().privateKey })],
};

const policy = signingPolicy(AUTHORITY, '"/O=Grid/OU=Interop/*"');
const revoked = user({ serial: 0x1234 });
const list = (serials: number[], from = TODAY - 1, to = TODAY + 1) => revocationList(CA, serials, { from, to });
/** An authority that is trusted too, and a user who does not send its certificate. */
const KNOWN = current(MIDDLE, { issuer: CA, serial: 0x1234, extensions: [authority()] });
const OF_KNOWN: GsiCredential = (({ der, key }) => ({ certificates: [der], key }))(
  current(USER_NAME, { issuer: KNOWN }),
);
/** Whether the user is to be accepted, files beside the authority, and who logs in. */
type Row = [isRight: boolean, files: Record<string, string | Uint8Array>, who?: GsiCredential];
const FILES: Readonly<Record<string, Row>> = {
  'no signing policy': [false, {}],
  'a signing policy for other names': [false, { signing_policy: signingPolicy(AUTHORITY, '"/O=Other/*"') }],
  'a signing policy for other names, and these in a comment': [
    false,
    { signing_policy: signingPolicy(AUTHORITY, '"/O=Other/*"').replace(/$/, '# was "*"') },
  ],
  'a signing policy for these names, and others in a comment': [
    true,
    { signing_policy: signingPolicy(AUTHORITY, '"/O=Grid/*"').replace(/$/, '# was "/O=Other/*"') },
  ],
  'a signing policy with two conditions, of which one is met': [
    false,
    { signing_policy: `${policy}cond_subjects globus '"/O=Other/*"'\n` },
  ],
  'a signing policy with two conditions, both met': [
    true,
    { signing_policy: `${policy}cond_subjects globus '"/O=Grid/*"'\n` },
  ],
  'a signing policy with two rights, of which one is met': [
    true,
    { signing_policy: signingPolicy(AUTHORITY, '"/O=Other/*"') + policy.replace(/.*\n/, '') },
  ],
  'a signing policy of another kind': [false, { signing_policy: policy.replaceAll(' globus ', ' other ') }],
  'a signing policy whose quotes have no end': [false, { signing_policy: policy.trim().slice(0, -1) }],
  'a signing policy with two texts in quotes': [
    false,
    { signing_policy: signingPolicy(AUTHORITY, `"/O=Other/*"' '"*"`) },
  ],
  'a signing policy over several lines': [true, { signing_policy: policy.replaceAll(' globus ', '\n globus\n') }],
  'a signing policy that can not be read': [false, { signing_policy: 'other' }],
  'a list without the user': [true, { signing_policy: policy, r0: list([0x1235]) }, revoked],
  'a list with the user': [false, { signing_policy: policy, r0: list([0x1234]) }, revoked],
  'a list with the user, who has a proxy': [
    false,
    { signing_policy: policy, r0: list([0x1234]) },
    proxyOf(revoked, proxyInfo('all')),
  ],
  'a list that has expired': [false, { signing_policy: policy, r0: list([], TODAY - 1, TODAY - 0.5) }],
  'a list of the future': [false, { signing_policy: policy, r0: list([], TODAY + 0.5) }],
  'a list that another key has signed': [
    false,
    {
      signing_policy: policy,
      r0: revocationList(CA, [], { from: TODAY - 1, to: TODAY + 1, signer: { ...CA, key: newKey().privateKey } }),
    },
  ],
  'a list that can not be read': [false, { signing_policy: policy, r0: 'other' }],
  'an authority below beside it': [true, { signing_policy: policy, r0: list([0x1235]), below: KNOWN.der }, OF_KNOWN],
  'an authority below beside it, which is revoked': [
    false,
    { signing_policy: policy, r0: list([0x1234]), below: KNOWN.der },
    OF_KNOWN,
  ],
  'a list that can not be read, and an authority below beside it': [
    false,
    { signing_policy: policy, r0: 'other', below: KNOWN.der },
    OF_KNOWN,
  ],
  'a signing policy that can not be read, and an authority below beside it': [
    false,
    { signing_policy: 'other', below: KNOWN.der },
    OF_KNOWN,
  ],
  'an authority below beside it, whose name it may not certify': [
    false,
    { signing_policy: signingPolicy(AUTHORITY, '"/O=Grid/OU=Interop/CN=User*"'), below: KNOWN.der },
    OF_KNOWN,
  ],
};

/** Chains that we refuse, and the servers do not. */
const LAX = ['of a user for servers only', 'of a user whose key may not sign', 'with a proxy of another policy'];
/** A chain that the servers refuse, and we do not: the library of Globus knows no name constraints, and leaves them to OpenSSL. */
const STRICT = 'of an authority below, whose constraints are critical';
const SERVERS = [
  ['globus-gridftp-server', startGlobusServer, [...LAX, 'with a proxy with rights of its own']],
  ['gridftpd of ARC', startArcServer, LAX],
] as const;

describe.each(SERVERS)('%s', RETRIED, (_, start, lax) => {
  let grid: Grid;
  let server: GridServer;
  let put: (extension: string, contents: string | Uint8Array) => void;
  let clear: () => void;
  beforeAll(async () => {
    grid = makeGrid();
    const hashOf = ({ der }: Made) =>
      execFileSync('openssl', ['x509', '-hash', '-noout'], { input: pem(der) })
        .toString()
        .trim();
    const directory = join(grid.folder, 'certificates');
    const pathBelow = (extension: string) => join(directory, `${hashOf(KNOWN)}.${extension}`);
    writeFileSync(pathBelow('signing_policy'), signingPolicy(MIDDLE));
    const hash = hashOf(CA);
    const path = (extension: string) => join(directory, `${hash}.${extension}`);
    put = (extension, contents) => {
      const text = typeof contents === 'string' ? contents : pem(contents, extension === 'r0' ? 'X509 CRL' : undefined);
      writeFileSync(extension === 'below' ? pathBelow('0') : path(extension), text);
    };
    clear = () => {
      rmSync(pathBelow('0'), { force: true });
      for (const extension of ['signing_policy', 'r0']) rmSync(path(extension), { force: true });
    };
    put('0', pem(CA.der));
    server = await start(grid);
  });
  afterAll(() => {
    server?.stop();
    grid?.close();
  });

  const isAccepted = (work: Promise<unknown>) =>
    work.then(
      () => true,
      error => {
        if (error instanceof FtpSecurityError || error.code === 'ECONNRESET') return false;
        throw error;
      },
    );

  async function verdicts(credential: GsiCredential): Promise<{ theirs: boolean; ours: boolean }> {
    const exchange = gsiInitiator({ credential, trust: grid.trust, server: 'localhost' });
    const socket = connect(server.port, '127.0.0.1');
    const control = new ClientControl(socket, { mechanism: 'GSSAPI', exchange, protection: 'clear' });
    control.on('error', () => {});
    control.resume();
    const theirs = await isAccepted(control.start());
    control.destroy();
    const ours = await isAccepted(
      (async () => {
        const trust = readTrustDirectory(join(grid.folder, 'certificates'));
        return verifyChain(credential.certificates, { trust, now: Date.now(), purpose: 'client' });
      })(),
    );
    return { theirs, ours };
  }

  test.each(Object.entries(CHAINS))('a chain %s', async (what, [isRight, credential]) => {
    clear();
    put('signing_policy', policy);
    const { theirs, ours } = await verdicts(credential);
    expect({ theirs, ours }).toEqual({ theirs: (isRight && what !== STRICT) || lax.includes(what), ours: isRight });
  });

  test.each(Object.entries(FILES))('an authority with %s', async (_, [isRight, files, who = USER]) => {
    clear();
    for (const [extension, contents] of Object.entries(files)) put(extension, contents);
    expect(await verdicts(who)).toEqual({ theirs: isRight, ours: isRight });
  });
});

const address: Extension = { type: '551d11', value: sequence(formatElement(0x87, Uint8Array.of(127, 0, 0, 1))) };
const unknownName: Extension = { type: '551d11', value: sequence(formatElement(0x89, Uint8Array.of(0))) };
/** Names of a server, and whether we and globus-url-copy take it for localhost, or our error. */
const NAMES: [what: string, commonName: string, extensions: Extension[], ours: boolean | string, theirs: boolean][] = [
  ['its DNS name', 'x', [alternativeNames('localhost')], true, true],
  ['its DNS name in capitals', 'x', [alternativeNames('LOCALHOST')], true, true],
  ['another DNS name', 'x', [alternativeNames('other')], false, false],
  ['its common name, beside another DNS name', 'localhost', [alternativeNames('other')], false, false],
  ['its common name', 'localhost', [], true, true],
  ['host/ in its common name', 'host\\/localhost', [], true, true],
  ['ftp/ in its common name', 'ftp\\/localhost', [], true, true],
  ['another common name', 'host\\/other', [], false, false],
  ['a common name with another service', 'http\\/localhost', [], false, true],
  ['a wildcard at the end of a label', 'x', [alternativeNames('local*')], false, true],
  ['the address of the connection', 'x', [address], false, true],
  ['a hyphen, which older modes of Globus cut off', 'localhost-1', [], false, false],
  ['its common name, beside an alternative name of an unknown kind', 'localhost', [unknownName], 'bad-token', false],
  ['its DNS name, with NUL and more behind it', 'x', [alternativeNames('localhost\0.example.org')], false, true],
  ['its common name, with NUL and more behind it', 'localhost\0.example.org', [], false, true],
];

function judged({ der }: Made): boolean | string {
  try {
    return isCertificateOf(parseCertificate(der), 'localhost');
  } catch (error) {
    return error instanceof FtpSecurityError ? error.code.replace('security/', '') : String(error);
  }
}

describe('a server with', () => {
  let grid: Grid;
  beforeAll(() => {
    grid = makeGrid();
    const path = (extension: string) => join(grid.folder, 'certificates', `${hashOf(CA)}.${extension}`);
    writeFileSync(path('0'), pem(CA.der));
    writeFileSync(path('signing_policy'), policy);
  });
  afterAll(() => grid?.close());

  test.each(NAMES)('%s', async (_, commonName, extensions, ours, theirs) => {
    const host = current(`/O=Grid/OU=Interop/CN=${commonName}`, { issuer: CA, extensions });
    const { folder, trust, userEnvironment } = grid;
    const taken: GsiCredential[] = [];
    const acceptor = () => gsiAcceptor({ credential: host, trust, delegated: it => taken.push(it) });
    const options = { mechanisms: [gsi({ acceptor })], mayLogIn: () => false, folder, timeout: 5000 };
    const server = await startFtpServer({ ...options, require: 'private', transfers: ['clear'] });
    const args = ['-nodcau', '-list', `gsiftp://localhost:${server.port}/`];
    await run('globus-url-copy', args, { environment: userEnvironment as never, folder, limit: 15_000 });
    await server.close();
    expect({ ours: judged(host), theirs: taken.length > 0 }).toEqual({ ours, theirs });
  });
});
