/** The README shows the examples, and each of them runs with the built package (`npm run examples`). */
import { execFile, execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { describe, expect, it } from 'vitest';
import { fromHex } from '../src/bytes.js';
import { gsi } from '../src/mechanisms/gsi/index.js';
import { formatGsiCredential, ServerControl } from '../src/node/index.js';
import { CA, NOW, signingPolicy, USER } from './node/gsi/certificates.js';
import { acceptor } from './node/gsi/sides.js';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const textOf = (path: string) => readFileSync(join(ROOT, path), 'utf8');
const README = textOf('README.md');
/** The examples of each page, in its order. */
const PAGES = {
  'README.md': ['verify', 'client', 'basic-ftp', 'controls', 'mechanism'],
  'src/fuzz/README.md': ['fuzz'],
  'src/mechanisms/README.md': ['mechanism', 'conformance'],
  'src/node/README.md': ['server', 'gridftp', 'download'],
};
const SHOWN = [...new Set(Object.values(PAGES).flat())];
/** These need a peer. */
const WITH_PEER = ['client', 'basic-ftp', 'server', 'gridftp', 'download'];
const KERBEROS = 'vectors/krb5/krb5-mit-aes256-cts-hmac-sha1-96.json';
const execFileAsync = promisify(execFile);

const codeOf = (name: string) => readFileSync(join(ROOT, 'test/examples', `${name}.ts`), 'utf8');
const programOf = (name: string) => join(ROOT, 'dist/examples', `${name}.js`);
const sha256 = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex');

/** The output of a program is in a comment after the statement that prints it. */
function promiseOf(code: string): string | undefined {
  return /^ *console\.log\(.*\); \/\/ (.*)$/m.exec(code)?.[1];
}

async function minified(entry: string): Promise<Uint8Array> {
  const { outputFiles } = await build({
    entryPoints: [entry],
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'node',
    external: ['fast-check'],
    write: false,
  });
  return outputFiles[0]!.contents;
}

describe('the README', () => {
  it.each(Object.entries(PAGES))('%s shows the examples as they are', (page, names) => {
    const blocks = [...textOf(page).matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, code]) => code!);
    expect(blocks).toEqual(names.map(codeOf));
  });

  it.each(SHOWN.filter(name => !WITH_PEER.includes(name)))('%s runs', name => {
    const printed = execFileSync(process.execPath, [programOf(name)], { cwd: ROOT, stdio: 'pipe', encoding: 'utf8' });
    const promised = promiseOf(codeOf(name));
    if (promised !== undefined) expect(printed.endsWith(`${promised}\n`)).toBe(true);
  });

  it('clients log in to the server and transfer a file unchanged, with keys and tickets of a real KDC', async () => {
    const { keytab_hex, ccache_hex, contexts } = JSON.parse(readFileSync(join(ROOT, KERBEROS), 'utf8'));
    const folder = mkdtempSync(join(tmpdir(), 'rfc2228-readme-'));
    const file = (name: string) => join(folder, name);
    writeFileSync(file('keytab'), fromHex(keytab_hex));
    writeFileSync(file('cache'), fromHex(ccache_hex));
    // With CR, LF and 0xFF: type A would change it.
    writeFileSync(file('report.txt'), Buffer.from(Uint8Array.from({ length: 200_000 }, (_, i) => (i * 31) ^ (i >> 8))));
    const atTicketTime = ['--import', `data:text/javascript,Date.now = () => ${contexts[0].ctime * 1000}`];
    const env = { ...process.env, KRB5CCNAME: `FILE:${file('cache')}`, KRB5_KTNAME: file('keytab'), PORT: '0' };
    const options = { cwd: folder, env, timeout: 30_000 };
    const serving = spawn(process.execPath, [...atTicketTime, programOf('server')], options);
    try {
      const [port] = /\d+/.exec(String((await once(serving.stderr, 'data'))[0]))!;
      const service = contexts[0].server.replace(/^ftp\/(.*)@.*$/, 'ftp@$1');
      for (const client of ['client', 'basic-ftp', 'download']) {
        const visit = [...atTicketTime, programOf(client), '127.0.0.1', port, service];
        const { stdout } = await execFileAsync(process.execPath, visit, options);
        expect(stdout).toBe(`${promiseOf(codeOf(client))}\n`);
      }
      for (const copy of ['copy.txt', 'download.txt']) expect(sha256(file(copy))).toBe(sha256(file('report.txt')));
    } finally {
      serving.kill();
      rmSync(folder, { recursive: true });
    }
  });

  it('the client of GridFTP logs in to a server', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'rfc2228-gridftp-'));
    const file = (name: string) => join(folder, name);
    writeFileSync(file('proxy.pem'), formatGsiCredential(USER), { mode: 0o600 });
    mkdirSync(file('certificates'));
    writeFileSync(file('certificates/01234567.0'), CA.der);
    writeFileSync(file('certificates/01234567.signing_policy'), signingPolicy(CA.name));
    const listener = createServer(async socket => {
      const control = new ServerControl(socket, { mechanisms: [gsi({ acceptor })], transfers: ['clear'] });
      await control.reply(220, 'Ready');
      for await (const event of control) {
        const { verb } = event.command;
        const answers: Record<string, [number, string]> = {
          PWD: [257, '"/" is the current directory'],
          QUIT: [221, 'Goodbye'],
        };
        await control.reply(...(answers[verb] ?? [230, 'Done']), event);
        if (verb === 'QUIT') break;
      }
    }).listen(0, '127.0.0.1');
    await once(listener, 'listening');
    const { port } = listener.address() as AddressInfo;
    const env = { ...process.env, X509_USER_PROXY: file('proxy.pem'), X509_CERT_DIR: file('certificates') };
    const atValidTime = ['--import', `data:text/javascript,Date.now = () => ${NOW}`];
    try {
      const visit = [...atValidTime, programOf('gridftp'), 'ftp.example.org', `${port}`, '127.0.0.1'];
      const { stdout } = await execFileAsync(process.execPath, visit, { env, timeout: 30_000 });
      expect(stdout).toBe(`${promiseOf(codeOf('gridftp'))}\n`);
    } finally {
      listener.close();
      rmSync(folder, { recursive: true });
    }
  });

  it('has the sizes of the entry points', async () => {
    const { exports } = JSON.parse(textOf('package.json'));
    const rows = [...README.matchAll(/^\| `(rfc2228\S*)` +\|.*\| +(\d+) +\| +(\d+) +\|$/gm)];
    const entries = Object.keys(exports).filter(name => !name.endsWith('.json'));
    expect(rows.map(([, name]) => name).sort()).toEqual(entries.map(name => join('rfc2228', name)).sort());
    for (const [, name, size, compressed] of rows) {
      const { default: entry } = exports[name!.replace('rfc2228', '.')];
      const octets = await minified(join(ROOT, entry));
      for (const [stated, measured] of [
        [size, octets.length],
        [compressed, gzipSync(octets).length],
      ] as const)
        expect(Math.abs(Number(stated) * 1000 - measured), `${name}: ${measured}`).toBeLessThan(measured * 0.05 + 500);
    }
  });

  it('names files that are there, in commands that the scripts have', () => {
    const [verify, test] = [...README.matchAll(/^```sh\n(.*)\n```$/gm)].map(([, command]) => command!);
    const files = verify!.match(/vectors\/\S+/g)!;
    expect(files).toHaveLength(2);
    for (const file of files) expect(existsSync(join(ROOT, file)), file).toBe(true);
    expect(test).toBe('npm ci && npm test');
    const [, ...cli] = verify!.slice(verify!.indexOf('node dist')).split(' ');
    expect(execFileSync(process.execPath, cli, { cwd: ROOT, encoding: 'utf8' })).toContain('114 verified, 0 failed');
  });
});

describe('all pages', () => {
  const under = (folder: string) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' }).map(file => join(folder, file));
  const files = [...readdirSync(ROOT), ...['src', 'test', 'vectors'].flatMap(under)];
  const pages = files.filter(file => file.endsWith('.md'));

  it('name source files that are there, from the folder of the page or by the end of their paths', () => {
    const isThere = (page: string, name: string) =>
      existsSync(join(ROOT, dirname(page), name)) || files.some(file => `/${file}`.endsWith(`/${name}`));
    const names = pages.flatMap(page =>
      [...textOf(page).matchAll(/`((?:\.\.\/)*\w[\w./-]*\.(?:tsx?|mjs|py|c))`/g)].map(([, name]) => ({
        page,
        name: name!,
      })),
    );
    expect(names.length).toBeGreaterThan(100);
    expect(names.filter(({ page, name }) => !isThere(page, name))).toEqual([]);
  });
});
