/** The types of every entry point and of the examples, checked without skipLibCheck. */
import { cpSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { ENTRIES, FOLDER, PACKAGE, report, run, write } from './project.mjs';

const NEWEST = PACKAGE.devDependencies.typescript;
const OLDEST = '5.0';
const OTHERS = ['5.1', '5.2', '5.3', '5.4', '5.5', '5.6', '5.7', '5.8', '5.9', '6.0.3'];
const RESOLUTIONS = { NodeNext: 'nodenext', ESNext: 'bundler' };

export function inSomeCompilers() {
  for (const version of [OLDEST, NEWEST]) check(version);
}

export function inAllCompilers() {
  for (const version of [OLDEST, ...OTHERS, NEWEST]) check(version);
}

function check(version) {
  const folder = 'types';
  write(join(folder, 'entries.ts'), ENTRIES.map((name, i) => `export * as entry${i} from '${name}';`).join('\n'));
  const shipped = join(FOLDER, 'node_modules/rfc2228/test/examples');
  cpSync(shipped, join(FOLDER, folder), { recursive: true });
  const files = readdirSync(join(FOLDER, folder)).filter(name => name.endsWith('.ts'));
  for (const [module, moduleResolution] of Object.entries(RESOLUTIONS)) {
    const compilerOptions = {
      module,
      moduleResolution,
      target: 'ES2022',
      lib: ['ES2022'],
      types: ['node'],
      strict: true,
      noEmit: true,
      skipLibCheck: false,
    };
    write(join(folder, 'tsconfig.json'), { compilerOptions, files });
    run('npx', ['--yes', '--package', `typescript@${version}`, 'tsc', '-p', folder]);
    report(`types of ${ENTRIES.length} entries and the examples in TypeScript ${version}, ${moduleResolution}`);
  }
}
