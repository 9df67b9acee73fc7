/** A grid of its own for the live tests: an authority that lasts two days, a user, a host, and Globus's server. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';

import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { type GsiCredential, type GsiTrust, readGsiCredential, readTrustDirectory } from '../../src/node/index.js';

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
  });
  return {
    folder,
    user,
    host,
    trust: readTrustDirectory(path('certificates')),
    userEnvironment: environment('user'),
    hostEnvironment: environment('host'),
    close: () => rmSync(folder, { recursive: true, force: true }),
  };
}

export interface GlobusServer {
  port: number;
  stop(): void;
}

/** globus-gridftp-server on loopback. */
export async function startGlobusServer({ folder, hostEnvironment }: Grid): Promise<GlobusServer> {
  const port = await freePort();
  const log = join(folder, 'server.log');
  const args = [
    '-p',
    `${port}`,
    '-control-interface',
    '127.0.0.1',
    '-data-interface',
    '127.0.0.1',
    '-l',
    log,
    '-log-level',
    'ALL',
  ];
  const child = spawn('globus-gridftp-server', [...args, '-allow-root'], {
    env: hostEnvironment,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let complaint = '';
  child.stderr.setEncoding('utf8').on('data', text => (complaint += text));
  await untilListening(port, child, () => complaint);
  return { port, stop: () => void child.kill() };
}

async function freePort(): Promise<number> {
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
