/** Every entry point imported alone, and a secured connection over sockets, under each runtime. */
import { join } from 'node:path';
import { ENTRIES, FOLDER, install, report, run, write } from './project.mjs';

const NODES = ['20', '22', '24', '26'];
const CAPTURE = 'node_modules/rfc2228/vectors/captures/probe-heimdal-nomutual';
const EXAMPLES = ['verify', 'mechanism', 'controls'];

/** Imports the entry of its argument. */
const IMPORT = `const [entry] = process.argv.slice(2);
if (Object.keys(await import(entry)).length === 0) throw new Error(entry + ' is empty');`;

/** The same from CommonJS, as README promises for Node. */
const REQUIRE = `const [entry] = process.argv.slice(2);
if (Object.keys(require(entry)).length === 0) throw new Error(entry + ' is empty');`;

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
export function installed(name, binary) {
  const folder = `runtime-${name}`;
  write(join(folder, 'package.json'), { private: true });
  install([name], folder);
  return join(FOLDER, folder, 'node_modules/.bin', binary);
}

function tryRuntime(name, binary, options) {
  write('import.mjs', IMPORT);
  for (const entry of ENTRIES) run(binary, [...options, 'import.mjs', entry]);
  write('require.cjs', REQUIRE);
  if (name.startsWith('Node ')) for (const entry of ENTRIES) run(binary, ['require.cjs', entry]);
  for (const example of EXAMPLES) run(binary, [...options, `node_modules/rfc2228/dist/examples/${example}.js`]);
  // Two workers share two files.
  const command = ['node_modules/rfc2228/dist/cli/main.js', 'verify', '--json', '--jobs', '2'];
  const summary = run(binary, [
    ...options,
    ...command,
    `${CAPTURE}.pcap`,
    `${CAPTURE}.pcap`,
    '--keytab',
    `${CAPTURE}.keytab`,
  ]);
  const { verified } = JSON.parse(summary.trimEnd().split('\n').at(-1));
  report(`${ENTRIES.length} entries, ${EXAMPLES.length} examples and the command in ${name}`, verified === 14);
}
