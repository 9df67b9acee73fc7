/** Where the credential of a user is: the tools of the grid look for it, and our own search has to find the same. */
import { execFileSync, spawnSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { identityOf } from '../../src/mechanisms/gsi/certificates.js';
import { gsi } from '../../src/mechanisms/gsi/index.js';
import { proxySigner } from '../../src/node/gsi/proxy-certificate.js';
import {
  findGsiFiles,
  formatGsiCredential,
  type GsiCredential,
  gsiAcceptor,
  parseGsiCredential,
} from '../../src/node/index.js';
import { onlyRefuses } from '../helpers.js';
import { certificateRequest } from '../node/gsi/certificates.js';
import { startFtpServer } from './ftp-server.js';
import { type Grid, makeGrid } from './grid.js';
import { run } from './program.js';

/** Who the user is in each place. */
const NAMES = {
  proxy: '/O=Grid/OU=Interop/CN=Proxy in the environment',
  temporary: '/O=Grid/OU=Interop/CN=Proxy in the temporary folder',
  pair: '/O=Grid/OU=Interop/CN=Certificate in the environment',
  home: '/O=Grid/OU=Interop/CN=Certificate in the folder of the user',
} as const;

/** With an RSA key: the tools can't delegate a credential with another. */
function proxyOf(owner: GsiCredential): GsiCredential {
  const key = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const proxy = proxySigner(owner, { rights: 'all' })(certificateRequest(key), Date.now());
  return { certificates: [proxy, ...owner.certificates], key: key.privateKey };
}

/** Whether variables name files that are there; `half` is a certificate without a key. */
type Variable = 'unset' | 'given' | 'missing' | 'half';
interface Place {
  proxy: Variable;
  pair: Variable;
  isTemporary: boolean;
  isHome: boolean;
}
const PLACES: Place[] = (['unset', 'given', 'missing'] as const)
  .flatMap(proxy => (['unset', 'given', 'missing', 'half'] as const).map(pair => ({ proxy, pair })))
  .flatMap(it => [true, false].map(isTemporary => ({ ...it, isTemporary, isHome: true })))
  .concat({ proxy: 'unset', pair: 'unset', isTemporary: false, isHome: false });

/** An ordinary user, as root is a host; the tools of Globus read the folder of the user from the list of users. */
const { USER, HOME } = { USER: 5, HOME: '/usr/games' };
const PROXY_NAME = `x509up_u${USER}`;

const mayMount = spawnSync('unshare', ['-m', 'true']).status === 0;
/** The tools look into /tmp itself, so they get another one, in which the user may have something or nothing. */
const SEPARATE = [
  'mount --bind "$0" /mnt && mount --bind /mnt/temporary /tmp',
  `mount --bind /mnt/home ${HOME}`,
  `exec setpriv --reuid ${USER} --regid ${USER} --clear-groups "$@"`,
].join(' && ');

const TOOLS = {
  globus: (url: string) => ['globus-url-copy', '-nodcau', '-list', url],
  arc: (url: string) => ['arcls', url],
} as const;

describe.skipIf(!mayMount || existsSync(join('/tmp', PROXY_NAME)))('the credential of a user', () => {
  let grid: Grid;
  let credentials: Record<keyof typeof NAMES, GsiCredential>;
  beforeAll(() => {
    grid = makeGrid();
    for (const folder of ['temporary', 'home/.globus']) mkdirSync(join(grid.folder, folder), { recursive: true });
    const issue = (name: keyof typeof NAMES) => grid.issue(name, NAMES[name]);
    credentials = {
      proxy: proxyOf(issue('proxy')),
      temporary: proxyOf(issue('temporary')),
      pair: issue('pair'),
      home: issue('home'),
    };
    put('proxy', credentials.proxy);
  });
  afterAll(() => grid?.close());

  const put = (name: string, credential: GsiCredential) =>
    writeFileSync(join(grid.folder, name), formatGsiCredential(credential), { mode: 0o600 });

  function arrange({ isTemporary, isHome }: Place): void {
    const files = [
      [isTemporary, `temporary/${PROXY_NAME}`, credentials.temporary],
      [isHome, 'home/.globus/usercert.pem', credentials.home],
      [isHome, 'home/.globus/userkey.pem', credentials.home],
    ] as const;
    for (const [isThere, name, credential] of files)
      if (isThere) put(name, credential);
      else rmSync(join(grid.folder, name), { force: true });
    execFileSync('chown', ['-R', `${USER}`, grid.folder]);
  }

  const environmentOf = ({ proxy, pair }: Place, root: string): Record<string, string> => ({
    PATH: process.env['PATH']!,
    HOME: join(root, 'home'),
    X509_CERT_DIR: join(root, 'certificates'),
    ...(proxy !== 'unset' && { X509_USER_PROXY: join(root, proxy === 'given' ? 'proxy' : 'missing') }),
    ...(pair !== 'unset' && {
      X509_USER_CERT: join(root, pair === 'missing' ? 'missing' : 'pair.pem'),
      ...(pair !== 'half' && { X509_USER_KEY: join(root, pair === 'given' ? 'pair.key' : 'missing') }),
    }),
  });

  function ours(place: Place): string | undefined {
    vi.stubEnv('TMPDIR', join(grid.folder, 'temporary'));
    vi.spyOn(process as { getuid(): number }, 'getuid').mockReturnValue(USER);
    try {
      const files = onlyRefuses(() => findGsiFiles('user', environmentOf(place, grid.folder)));
      return (
        files && identityOf(parseGsiCredential(readFileSync(files.certificates), readFileSync(files.key)).certificates)
      );
    } finally {
      vi.unstubAllEnvs();
      vi.restoreAllMocks();
    }
  }

  async function theirs(place: Place, tool: (url: string) => string[]): Promise<string | undefined> {
    let name: string | undefined;
    const acceptor = () => gsiAcceptor({ credential: grid.host, trust: grid.trust, delegated: () => {} });
    const server = await startFtpServer({
      mechanisms: [gsi({ acceptor })],
      mayLogIn: (_, { clientName }) => {
        name = clientName;
        return false;
      },
      folder: grid.folder,
      timeout: 5000,
      require: 'private',
      transfers: ['clear'],
    });
    const args = ['-m', 'sh', '-c', SEPARATE, grid.folder, ...tool(`gsiftp://localhost:${server.port}/`)];
    await run('unshare', args, {
      environment: environmentOf(place, '/mnt') as never,
      folder: '/',
      limit: 15_000,
    });
    await server.close();
    return name;
  }

  /** Globus takes a pair in the environment before any proxy, as it may be that of a host, and half of one hides that in the folder. */
  function ofGlobus({ pair }: Place, name: string | undefined): string | undefined {
    if (pair === 'given') return NAMES.pair;
    return pair === 'half' && name === NAMES.home ? undefined : name;
  }

  test.each(PLACES)(
    '$proxy proxy, $pair pair, in the temporary folder: $isTemporary, in that of the user: $isHome',
    async place => {
      arrange(place);
      const name = ours(place);
      const found = [await theirs(place, TOOLS.globus), await theirs(place, TOOLS.arc)];
      expect(found).toEqual([ofGlobus(place, name), name]);
    },
  );
});
