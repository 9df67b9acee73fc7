/** A project that has the packed package installed, in a temporary folder. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
export const PACKAGE = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
/** The entry points, as they are imported. */
export const ENTRIES = Object.keys(PACKAGE.exports)
  .filter(name => !name.endsWith('.json'))
  .map(name => join('rfc2228', name));
export const FOLDER = mkdtempSync(join(tmpdir(), 'rfc2228-package-'));
let tarball = '';
/** Octets of the packed file. */
const MAX_TARBALL = 1_500_000;

/** @returns what the command prints. @throws Error if it fails; what it writes to standard error is shown */
export function run(command, args, { cwd = FOLDER, env = process.env } = {}) {
  return execFileSync(command, args, { cwd, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
}

/** Writes a file of the project, and returns its name. */
export function write(name, content) {
  const path = join(FOLDER, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return name;
}

/** Installs packages into a folder of the project, by default the project itself. */
export function install(packages, folder = '.') {
  const cwd = join(FOLDER, folder);
  mkdirSync(cwd, { recursive: true });
  run('npm', ['install', '--silent', '--no-audit', '--no-fund', ...packages], { cwd });
}

/** Packs the package as it is built, and installs it. */
export function packAndInstall() {
  const packed = run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', FOLDER], { cwd: ROOT });
  const [{ filename, size }] = JSON.parse(packed);
  tarball = filename;
  report(`tarball of ${size} octets`, size <= MAX_TARBALL);
  write('package.json', { private: true, type: 'module' });
  const peers = ['fast-check', 'basic-ftp', '@types/node'].map(name => `${name}@${PACKAGE.devDependencies[name]}`);
  install([`./${filename}`, ...peers]);
}

/** `npm install -g` puts the command and its man page where they are found. */
export function globally() {
  run('npm', ['install', '--silent', '--global', '--prefix', join(FOLDER, 'global'), join(FOLDER, tarball)]);
  run(join(FOLDER, 'global/bin/rfc2228'), ['code', '631']);
  const page = readFileSync(join(FOLDER, 'global/share/man/man1/rfc2228.1'), 'utf8');
  report('installed globally, with the man page', page.startsWith('.TH RFC2228 1'));
}

/** `npm install` of a git repository: npm clones it, installs what it needs to build, builds it (prepare) and packs it. */
export function fromGit() {
  write('from-git/package.json', { private: true, type: 'module' });
  install([`git+file://${ROOT}`], 'from-git');
  const installed = join(FOLDER, 'from-git/node_modules/rfc2228/dist');
  run(process.execPath, [join(installed, 'cli/main.js'), 'code', '631']);
  run(process.execPath, [join(installed, 'examples/verify.js')]);
  report('installed from git');
}

/** @throws Error if it does not hold */
export function report(what, holds = true) {
  if (!holds) throw new Error(`failed: ${what}`);
  console.log(`ok  ${what}`);
}
