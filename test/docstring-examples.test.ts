/** The examples in docstrings compile against the built package, as in a strict TypeScript project. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const PACKAGE = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));

/** What examples take as given; a name that one declares itself hides it. */
const GIVEN = `
import type { Socket } from 'node:net';
declare global {
  const socket: Socket;
  const handle: (...seen: unknown[]) => void;
  const file: NodeJS.WritableStream;
  const path: string;
  const folder: string;
  const octets: Uint8Array<ArrayBuffer>;
  const chunk: Uint8Array<ArrayBuffer>;
  const request: Uint8Array<ArrayBuffer>;
  const answer: Uint8Array<ArrayBuffer>;
  const acceptorSubkey: Uint8Array<ArrayBuffer>;
  const octetsOf: (text: string) => Uint8Array<ArrayBuffer>;
  const context: import('rfc2228').SecurityContext;
  const exchange: import('rfc2228').Exchange;
  const command: import('rfc2228').Command;
  const session: import('rfc2228').ClientSession;
  const credentials: import('rfc2228/krb5').CredentialCache;
  const keytab: import('rfc2228/krb5').KeytabEntry[];
  const keys: import('rfc2228/krb5').KeytabEntry[];
  const credential: import('rfc2228/node').GsiCredential;
  const trust: import('rfc2228/node').GsiTrust;
}
`;

/** Modules that examples need beside the package. */
const OTHERS: Record<string, string[]> = {
  'node:fs': ['closeSync', 'createReadStream', 'createWriteStream', 'openSync', 'readFileSync'],
  'node:fs/promises': ['readFile'],
  'node:net': ['connect', 'createServer'],
  'node:path': ['join'],
  'node:stream/promises': ['pipeline'],
  'basic-ftp': ['Client'],
};

/** The declarations of each entry point, by its name in imports. */
const ENTRIES = new Map(
  Object.entries<{ types?: string }>(PACKAGE.exports).flatMap(([name, { types }]) =>
    types === undefined ? [] : [[name.replace(/^\./, 'rfc2228'), join(ROOT, types)] as const],
  ),
);

interface Example {
  /** Where it is. */
  source: string;
  code: string;
}

function examplesIn(source: string): Example[] {
  const text = readFileSync(join(ROOT, source), 'utf8');
  return [...text.matchAll(/@example\n(.*?)(?=\n *\* @|\n *\*\/)/gs)].map(([, comment]) => {
    const lines = comment!.split('\n').map(line => line.replace(/^ *\* ?/, ''));
    return { source, code: lines.filter(line => !line.startsWith('```')).join('\n') };
  });
}

const EXAMPLES = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
  .filter(file => file.endsWith('.ts'))
  .sort()
  .flatMap(file => examplesIn(join('src', file)));

it('every example in a docstring compiles', async () => {
  expect(EXAMPLES.length).toBeGreaterThan(30);
  const folder = mkdtempSync(join(tmpdir(), 'examples-'));
  const exported = new Map(Object.entries(OTHERS).flatMap(([from, names]) => names.map(name => [name, from])));
  for (const [entry, types] of ENTRIES) {
    for (const name of Object.keys(await import(types.replace(/\.d\.ts$/, '.js')))) exported.set(name, entry);
  }
  for (const [i, { code }] of EXAMPLES.entries()) {
    const used = [...exported].filter(([name]) => new RegExp(`\\b${name}\\b`).test(code));
    const imports = used.map(([name, from]) => `import { ${name} } from '${from}';`).join('\n');
    writeFileSync(join(folder, `${i}.ts`), `${imports}\nexport async function example() {\n${code}\n}\n`);
  }
  writeFileSync(join(folder, 'given.d.ts'), GIVEN);
  const inModules = (name: string) => [join(ROOT, 'node_modules', name)];
  const compilerOptions = {
    strict: true,
    noEmit: true,
    module: 'nodenext',
    target: 'es2023',
    skipLibCheck: true,
    types: ['node'],
    typeRoots: inModules('@types'),
    paths: {
      ...Object.fromEntries([...ENTRIES].map(([name, file]) => [name, [file]])),
      'basic-ftp': inModules('basic-ftp/dist/index.d.ts'),
    },
  };
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.ts'] }));
  const compiler = join(ROOT, 'node_modules/typescript/bin/tsc');
  const { stdout } = spawnSync(process.execPath, [compiler, '-p', folder], { cwd: folder, encoding: 'utf8' });
  const named = stdout.replace(/^(\d+)\.ts/gm, (_, i) => EXAMPLES[Number(i)]!.source);
  expect(named).toBe('');
});
