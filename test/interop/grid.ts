/** A grid of its own for the live tests: an authority that lasts two days, a user, a host, and the servers of Globus and ARC. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type GsiCredential, type GsiTrust, readGsiCredential, readTrustDirectory } from '../../src/node/index.js';
import { PYTHON } from './program.js';

export const USER_NAME = '/O=Grid/OU=Interop/CN=Anna Example';
export const HOST_NAME = '/O=Grid/OU=Interop/CN=host/localhost';
const AUTHORITY_NAME = '/O=Grid/OU=Interop/CN=Authority';

export interface Grid {
  folder: string;
  user: GsiCredential;
  host: GsiCredential;
  trust: GsiTrust;
  /** For programs of Globus that act for the user, or are the host. */
  userEnvironment: NodeJS.ProcessEnv;
  hostEnvironment: NodeJS.ProcessEnv;
  /** Another certificate of the authority, with an RSA key, in the files `name.pem` and `name.key`. */
  issue(name: string, subject: string): GsiCredential;
  close(): void;
}

export function makeGrid(): Grid {
  const folder = mkdtempSync(join(tmpdir(), 'rfc2228-grid-'));
  const path = (name: string) => join(folder, name);
  const openssl = (...args: string[]) =>
    execFileSync('openssl', args, { cwd: folder, stdio: ['ignore', 'pipe', 'ignore'] });
  const usage = ['-addext', 'keyUsage=critical,keyCertSign,cRLSign'];
  openssl(
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-days',
    '2',
    '-keyout',
    'ca.key',
    '-out',
    'ca.pem',
    '-subj',
    AUTHORITY_NAME,
    ...usage,
  );
  const hash = openssl('x509', '-hash', '-noout', '-in', 'ca.pem').toString().trim();
  mkdirSync(path('certificates'));
  copyFileSync(path('ca.pem'), path(`certificates/${hash}.0`));
  writeFileSync(
    path(`certificates/${hash}.signing_policy`),
    `access_id_CA X509 '${AUTHORITY_NAME}'\npos_rights globus CA:sign\ncond_subjects globus '"/O=Grid/OU=Interop/*"'\n`,
  );
  const issue = (name: string, subject: string, more = '') => {
    writeFileSync(
      path(`${name}.ext`),
      `basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature,keyEncipherment\n${more}`,
    );
    openssl('req', '-newkey', 'rsa:2048', '-nodes', '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', subject);
    openssl(
      'x509',
      '-req',
      '-in',
      `${name}.csr`,
      '-CA',
      'ca.pem',
      '-CAkey',
      'ca.key',
      '-CAcreateserial',
      '-days',
      '2',
      '-extfile',
      `${name}.ext`,
      '-out',
      `${name}.pem`,
    );
    return readGsiCredential({ certificates: path(`${name}.pem`), key: path(`${name}.key`) });
  };
  const user = issue('user', USER_NAME);
  const host = issue('host', HOST_NAME.replace('host/', 'host\\/'), 'subjectAltName=DNS:localhost\n');
  writeFileSync(path('gridmap'), `"${USER_NAME}" ${userInfo().username}\n`);
  const environment = (name: string): NodeJS.ProcessEnv => ({
    PATH: `${process.env['PATH']}:/usr/sbin`,
    HOME: folder,
    X509_CERT_DIR: path('certificates'),
    X509_USER_CERT: path(`${name}.pem`),
    X509_USER_KEY: path(`${name}.key`),
    GRIDMAP: path('gridmap'),
    GFAL_PYTHONBIN: PYTHON,
  });
  return {
    folder,
    user,
    host,
    trust: readTrustDirectory(path('certificates')),
    userEnvironment: environment('user'),
    hostEnvironment: environment('host'),
    issue,
    close: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** A GridFTP server on loopback. */
export interface GridServer {
  port: number;
  stop(): void;
}

/**
 * For tests with ARC's server, whose processes, one for each connection, now and then die between two commands: about one in 600, with
 * no word in its log. A test that meets this begins anew.
 */
export const RETRIED = { retry: 2 };

/** globus-gridftp-server with its arguments. */
export function globusCommand({ folder }: Grid, port: number): string[] {
  const interfaces = ['-control-interface', '127.0.0.1', '-data-interface', '127.0.0.1'];
  const log = ['-l', join(folder, 'server.log'), '-log-level', 'ALL'];
  return ['globus-gridftp-server', '-p', `${port}`, ...interfaces, ...log, '-allow-root'];
}

export async function startGlobusServer(grid: Grid): Promise<GridServer> {
  const port = await freePort();
  return start(globusCommand(grid, port), port, grid.hostEnvironment);
}

/**
 * gridftpd of NorduGrid ARC, which serves the folder `arc`. It listens on every address, so its `bind` is replaced by that of
 * `loopback.c`.
 */
export async function startArcServer({ folder, hostEnvironment }: Grid): Promise<GridServer> {
  const path = (name: string) => join(folder, name);
  const port = await freePort();
  mkdirSync(path('arc'), { recursive: true });
  const source = fileURLToPath(new URL('loopback.c', import.meta.url));
  execFileSync('gcc', ['-shared', '-fPIC', '-o', path('loopback.so'), source, '-ldl']);
  const lines = [
    ['[common]', 'hostname=localhost', `x509_cert_dir=${path('certificates')}`],
    [`x509_host_key=${path('host.key')}`, `x509_host_cert=${path('host.pem')}`],
    ['[mapping]', `map_with_file=users ${path('gridmap')}`],
    ['[authgroup:users]', `file=${path('gridmap')}`],
    ['[gridftpd]', `port=${port}`],
    ['[gridftpd/filedir]', 'path=/', `mount=${path('arc')}`, 'allowaccess=users'],
    ['dir=/ nouser read cd dirlist delete create *:* 664:664 mkdir *:* 775:775', ''],
  ];
  writeFileSync(path('arc.conf'), lines.flat().join('\n'));
  const environment = { ...hostEnvironment, LD_PRELOAD: path('loopback.so') };
  const files = ['-c', path('arc.conf'), '-L', path('arc.log'), '-P', path('arc.pid'), '-d', '5'];
  return start(['gridftpd', '-F', ...files], port, environment);
}

async function start([program = '', ...args]: string[], port: number, env: NodeJS.ProcessEnv): Promise<GridServer> {
  const child = spawn(program, args, { env, stdio: ['ignore', 'ignore', 'pipe'] });
  let complaint = '';
  child.stderr.setEncoding('utf8').on('data', text => (complaint += text));
  await untilListening(port, child, () => complaint);
  return { port, stop: () => void child.kill() };
}

export async function freePort(): Promise<number> {
  const listener = createServer().listen(0, '127.0.0.1');
  await new Promise(resolve => listener.once('listening', resolve));
  const { port } = listener.address() as AddressInfo;
  await new Promise(resolve => listener.close(resolve));
  return port;
}

async function untilListening(port: number, child: ChildProcess, complaint: () => string): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt++) {
    if (child.exitCode !== null) throw new Error(`the server ended with ${child.exitCode}: ${complaint()}`);
    const isOpen = await new Promise<boolean>(resolve => {
      const socket = connect(port, '127.0.0.1');
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
      socket.once('connect', () => socket.destroy());
    });
    if (isOpen) return;
    await new Promise(resolve => setTimeout(resolve, 100));
  }
  throw new Error(`the server does not listen: ${complaint()}`);
}
