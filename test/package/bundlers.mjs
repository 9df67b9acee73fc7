/** A program for browsers that uses every entry but rfc2228/node, bundled by each bundler, and run in Node and Chromium. */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { ENTRIES, FOLDER, install, ROOT, report, run, write } from './project.mjs';

const CHROMIUM = process.env['CHROMIUM'] ?? '/usr/bin/chromium';
const PORTABLE = ENTRIES.filter(name => name !== 'rfc2228/node');
const PRINTS = `${PORTABLE.length} entries, private USER`;
/** Octets of the minified program. */
const MAX_BUNDLE = 800_000;

const PROGRAM = `${PORTABLE.map((name, i) => `import * as entry${i} from '${name}';`).join('\n')}
import { parseCommand, protectCommand, unprotectCommand } from 'rfc2228';
import { krb5Context } from 'rfc2228/krb5';
const entries = [${PORTABLE.map((_, i) => `entry${i}`)}].filter(entry => Object.values(entry).length > 0);
const side = { enctype: 18, key: new Uint8Array(32).fill(1), acceptorSubkey: true, sendSequence: 7, receiveSequence: 7 };
const client = krb5Context({ ...side, role: 'initiator' });
const server = krb5Context({ ...side, role: 'acceptor' });
const line = protectCommand(client, 'private', new TextEncoder().encode('USER anna'));
const { inner, level } = unprotectCommand(server, parseCommand(line));
console.log(\`\${entries.length} entries, \${level} \${inner.verb}\`);
`;

const ESBUILD = {
  run: () => [
    join(ROOT, 'node_modules/.bin/esbuild'),
    ['program.js', '--bundle', '--minify', '--format=esm', '--outfile=out/esbuild.js', '--log-level=error'],
  ],
};

/** Each writes its bundle to out/NAME.js. */
const OTHERS = {
  rollup: {
    packages: ['rollup@4', '@rollup/plugin-node-resolve@16', '@rollup/plugin-terser@1'],
    run: () => [
      'npx',
      [
        'rollup',
        'program.js',
        '-f',
        'es',
        '-o',
        'out/rollup.js',
        '-p',
        'node-resolve={browser:true}',
        '-p',
        'terser',
        '--silent',
      ],
    ],
  },
  vite: {
    packages: ['vite@8'],
    config: {
      'vite.config.js': `export default { logLevel: 'error', build: { outDir: 'out', emptyOutDir: false, rollupOptions: {
        input: 'program.js', output: { entryFileNames: 'vite.js' } } } };`,
    },
    run: () => ['npx', ['vite', 'build']],
  },
  webpack: {
    packages: ['webpack@5', 'webpack-cli@7'],
    config: {
      'webpack.config.js': `export default { mode: 'production', entry: './program.js', target: 'web', performance: { hints: false },
        output: { path: import.meta.dirname + '/out', filename: 'webpack.js' } };`,
    },
    run: () => ['npx', ['webpack', '--stats=errors-only']],
  },
};

export function withEsbuild() {
  write('program.js', PROGRAM);
  bundle('esbuild', ESBUILD);
}

export async function withAllBundlers() {
  withEsbuild();
  for (const [name, bundler] of Object.entries(OTHERS)) {
    install(bundler.packages);
    for (const [file, content] of Object.entries(bundler.config ?? {})) write(file, content);
    bundle(name, bundler);
  }
  await inChromium(['esbuild', ...Object.keys(OTHERS)]);
}

function bundle(name, bundler) {
  const [command, args] = bundler.run();
  run(command, args);
  const { size } = statSync(join(FOLDER, 'out', `${name}.js`));
  const printed = run(process.execPath, [join('out', `${name}.js`)]).trim();
  report(
    `bundle of all portable entries by ${name}: ${size} octets, prints "${printed}"`,
    size <= MAX_BUNDLE && printed === PRINTS,
  );
}

async function inChromium(names) {
  if (!existsSync(CHROMIUM)) throw new Error(`no ${CHROMIUM}: apt-get install chromium, or set CHROMIUM`);
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
  try {
    for (const name of names) {
      const page = await browser.newPage();
      const printed = page.waitForEvent('console', { timeout: 30_000 });
      await page.addScriptTag({ type: 'module', content: readFileSync(join(FOLDER, 'out', `${name}.js`), 'utf8') });
      report(`the bundle by ${name} in Chromium ${browser.version()}`, (await printed).text() === PRINTS);
    }
  } finally {
    await browser.close();
  }
}
