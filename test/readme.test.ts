/** Every TypeScript block of the README is a program that runs, against the package as it was built. */
import { execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { transformSync } from 'esbuild';
import { describe, expect, it } from 'vitest';
import { fromHex } from '../src/bytes.js';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const README = readFileSync(join(ROOT, 'README.md'), 'utf8');
/** The code blocks, each with the heading that it stands under. */
function programsOf(text: string): { title: string; code: string }[] {
  const programs: { title: string; code: string }[] = [];
  let title = '';
  for (const [, heading, code] of text.matchAll(/^#+ (.+)$|^```ts\n([\s\S]*?)^```$/gm)) {
    if (heading !== undefined) title = heading;
    else programs.push({ title, code: code! });
  }
  return programs;
}

const KERBEROS = 'vectors/krb5/krb5-mit-aes256-cts-hmac-sha1-96.json';
const isClient = (title: string) => title.startsWith('A client');
const isServer = (title: string) => title.startsWith('A server');
const execFileAsync = promisify(execFile);

/** Inside the checkout, so that the package finds itself by its name; in the folder that holds what was built. */
async function inFolder(work: (folder: string) => void | Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(ROOT, 'dist', 'readme-'));
  try {
    await work(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function writeProgram(folder: string, name: string, code: string): string {
  const program = join(folder, `${name}.mjs`);
  writeFileSync(program, transformSync(code, { loader: 'ts', format: 'esm' }).code);
  return program;
}

/** What a program prints stands behind it, as a comment. */
function promiseOf(code: string): string | undefined {
  return /^ *console\.log\(.*\); \/\/ (.*)$/m.exec(code)?.[1];
}

describe('the README', () => {
  const programs = programsOf(README);

  it('has programs', () => {
    expect(programs.length).toBeGreaterThanOrEqual(4);
  });

  it.each(programs.filter(({ title }) => !isClient(title) && !isServer(title)))('$title', ({ code }) =>
    inFolder(folder => {
      const program = writeProgram(folder, 'program', code);
      const printed = execFileSync(process.execPath, [program], { cwd: ROOT, stdio: 'pipe', encoding: 'utf8' });
      if (promiseOf(code) !== undefined) expect(printed).toBe(`${promiseOf(code)}\n`);
    }),
  );

  it('a client and a server, talking to each other with keys and tickets of a real KDC', async () => {
    const [client, server] = [isClient, isServer].map(is => programs.find(({ title }) => is(title))!.code);
    const { keytab_hex, ccache_hex, contexts } = JSON.parse(readFileSync(join(ROOT, KERBEROS), 'utf8'));
    await inFolder(async folder => {
      const file = (name: string) => join(folder, name);
      writeFileSync(file('keytab'), fromHex(keytab_hex));
      writeFileSync(file('cache'), fromHex(ccache_hex));
      writeFileSync(file('report.txt'), 'all is well\n'.repeat(20_000));
      const atTicketTime = ['--import', `data:text/javascript,Date.now = () => ${contexts[0].ctime * 1000}`];
      const env = { ...process.env, KRB5CCNAME: file('cache'), KRB5_KTNAME: file('keytab'), PORT: '0' };
      const options = { cwd: folder, env, timeout: 30_000 };
      const serving = spawn(process.execPath, [...atTicketTime, writeProgram(folder, 'server', server!)], options);
      try {
        const [port] = /\d+/.exec(String((await once(serving.stderr, 'data'))[0]))!;
        const service = contexts[0].server.replace(/^ftp\/(.*)@.*$/, 'ftp@$1');
        const program = writeProgram(folder, 'client', client!);
        const { stdout } = await execFileAsync(
          process.execPath,
          [...atTicketTime, program, '127.0.0.1', port, service],
          options,
        );
        expect(stdout).toBe(`${promiseOf(client!)}\n`);
        expect(readFileSync(file('copy.txt'))).toEqual(readFileSync(file('report.txt')));
      } finally {
        serving.kill();
      }
    });
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
