/**
 * The package as people get it: packed, installed into an empty folder, every export imported under several versions of Node, the
 * command run, types checked without skipLibCheck, and bundled. `--all` adds the versions that take longer to download.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const { exports, devDependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
const ALL = process.argv.includes('--all');
const NODES = ALL ? ['20', '22', '24', '26'] : ['20'];
const TYPESCRIPTS = ALL ? ['5.0', '5.9', '6.0.3', devDependencies.typescript] : ['5.0', devDependencies.typescript];
const RESOLUTIONS = { NodeNext: 'nodenext', ESNext: 'bundler' };
/** Octets of the packed file, and of the minified bundle of the main entry. */
const LIMITS = { tarball: 1_500_000, bundle: 90 * 1024 };

const entries = Object.keys(exports)
  .filter(name => !name.endsWith('.json'))
  .map(name => join('rfc2228', name));

const folder = mkdtempSync(join(tmpdir(), 'rfc2228-package-'));
const run = (command, args, cwd = folder) =>
  execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });

function pack() {
  const [{ filename, size }] = JSON.parse(
    run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], ROOT),
  );
  report(`tarball of ${size} octets`, size <= LIMITS.tarball);
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, type: 'module' }));
  run('npm', [
    'install',
    '--silent',
    '--no-audit',
    '--no-fund',
    `./${filename}`,
    `fast-check@${devDependencies['fast-check']}`,
  ]);
}

function importEach() {
  const source = entries.map(
    name => `if (Object.keys(await import('${name}')).length === 0) throw new Error('${name} is empty');`,
  );
  writeFileSync(join(folder, 'import.mjs'), source.join('\n'));
  for (const version of NODES) {
    run('npx', ['--yes', `node@${version}`, 'import.mjs']);
    report(`${entries.length} entries under Node ${version}`);
  }
}

function verifyByWorkers() {
  const name = join(ROOT, 'vectors/captures/probe-heimdal-nomutual');
  const captures = [`${name}.pcap`, `${name}.pcap`];
  const args = ['rfc2228', 'verify', '--json', '--jobs', '2', ...captures, '--keytab', `${name}.keytab`];
  const { verified } = JSON.parse(run('npx', args).trimEnd().split('\n').at(-1));
  report('the command, with workers', verified === 14);
}

function checkTypes() {
  writeFileSync(join(folder, 'use.ts'), entries.map((name, i) => `export * as entry${i} from '${name}';`).join('\n'));
  run('npm', ['install', '--silent', '--no-audit', '--no-fund', `@types/node@${devDependencies['@types/node']}`]);
  for (const version of TYPESCRIPTS) {
    for (const [module, moduleResolution] of Object.entries(RESOLUTIONS)) {
      const compilerOptions = {
        module,
        moduleResolution,
        target: 'ES2022',
        lib: ['ES2022'],
        types: ['node'],
        strict: true,
      };
      const options = { ...compilerOptions, noEmit: true, skipLibCheck: false };
      writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions: options, files: ['use.ts'] }));
      run('npx', ['--yes', '--package', `typescript@${version}`, 'tsc', '-p', '.']);
      report(`types under TypeScript ${version}, ${moduleResolution}`);
    }
  }
}

function bundle() {
  writeFileSync(join(folder, 'main.js'), "export * from 'rfc2228';");
  const esbuild = join(ROOT, 'node_modules', '.bin', 'esbuild');
  const { length } = run(esbuild, ['main.js', '--bundle', '--minify', '--format=esm', '--log-level=error']);
  report(`bundle of ${length} octets by esbuild`, length <= LIMITS.bundle);
}

function report(what, holds = true) {
  if (!holds) throw new Error(`not so: ${what}`);
  console.log(`ok  ${what}`);
}

try {
  pack();
  importEach();
  verifyByWorkers();
  checkTypes();
  bundle();
} finally {
  rmSync(folder, { recursive: true, force: true });
}
