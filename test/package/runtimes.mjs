/** Every entry point imported alone, and a secured connection over sockets, under each runtime. */
import { join } from 'node:path';
import { ENTRIES, FOLDER, install, report, run, write } from './project.mjs';

const NODES = ['20', '22', '24', '26'];
const EXAMPLES = ['verify', 'mechanism', 'controls'];

/** Imports the entry of its argument. */
const IMPORT = `const [entry] = process.argv.slice(2);
if (Object.keys(await import(entry)).length === 0) throw new Error(entry + ' is empty');`;

export function inThisNode() {
  tryRuntime(`Node ${process.versions.node}`, process.execPath, []);
}

export function inAllRuntimes() {
  for (const version of NODES) {
    const binary = installed(`node@${version}`, 'node');
    tryRuntime(`Node ${run(binary, ['-p', 'process.versions.node']).trim()}`, binary, []);
  }
  const bun = installed('bun', 'bun');
  tryRuntime(`Bun ${run(bun, ['--version']).trim()}`, bun, []);
  const deno = installed('deno', 'deno');
  tryRuntime(run(deno, ['--version']).split(' (')[0], deno, ['run', '-A', '--no-lock', '--node-modules-dir=manual']);
}

/** A runtime from its npm package, in a folder of its own. */
function installed(name, binary) {
  const folder = `runtime-${name}`;
  write(join(folder, 'package.json'), { private: true });
  install([name], folder);
  return join(FOLDER, folder, 'node_modules/.bin', binary);
}

function tryRuntime(name, binary, options) {
  write('import.mjs', IMPORT);
  for (const entry of ENTRIES) run(binary, [...options, 'import.mjs', entry]);
  for (const example of EXAMPLES) run(binary, [...options, `node_modules/rfc2228/dist/examples/${example}.js`]);
  report(`${ENTRIES.length} entries and ${EXAMPLES.length} examples in ${name}`);
}
