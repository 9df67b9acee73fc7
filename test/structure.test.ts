/** The rooms of the source and who may look into whom; the words; what the bundles of the entry points hold. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { type BuildOptions, build } from 'esbuild';
import { describe, expect, it } from 'vitest';
import { parseAst } from 'vitest/node';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const SRC = join(ROOT, 'src');
const FILES = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter(file => /\.tsx?$/.test(file));

/** From the ground up. A room sees those on lower floors, and itself. */
const FLOORS: Record<string, number> = {
  ground: 0,
  ftp: 1,
  protection: 2,
  session: 3,
  mechanisms: 4,
  capture: 5,
  fuzz: 5,
  node: 5,
  index: 5,
  page: 6,
  cli: 7,
};

interface Import {
  from: string;
  to: string;
  typeOnly: boolean;
}

function roomOf(file: string): string {
  if (file === 'index.ts') return 'index';
  return file.includes('/') ? file.split('/')[0]! : 'ground';
}

function importsOf(file: string): Import[] {
  const source = readFileSync(join(SRC, file), 'utf8');
  return [...source.matchAll(/^(?:import|export)\s+(type\s)?[^;]*?from '([^']+)';/gm)].map(([, type, specifier]) => ({
    from: file,
    to: specifier!.startsWith('.') ? sourceOf(normalize(join(dirname(file), specifier!))) : specifier!,
    typeOnly: type !== undefined,
  }));
}

/** The source of an imported module: `a.ts` or `a.tsx` of `a.js`. */
function sourceOf(module: string): string {
  const [plain, view] = [module.replace(/\.js$/, '.ts'), module.replace(/\.js$/, '.tsx')];
  return FILES.includes(view) ? view : plain;
}

/** Every mechanism is a folder. */
const MECHANISMS = FILES.flatMap(file => /^mechanisms\/(\w+)\/index\.ts$/.exec(file)?.[1] ?? []);

const IMPORTS = FILES.flatMap(importsOf);
const INNER = IMPORTS.filter(({ to }) => /\.tsx?$/.test(to));

describe('every mechanism', () => {
  it.each(MECHANISMS)('has an entry point of its own, and runs the conformance suite: %s', mechanism => {
    const { exports } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
    expect(exports[`./${mechanism}`]?.default).toBe(`./dist/mechanisms/${mechanism}/index.js`);
    expect(readdirSync(join(ROOT, 'test/mechanisms', mechanism))).toContain('conformance.test.ts');
  });
});

describe('every entry point', () => {
  const read = (file: string) => JSON.parse(readFileSync(join(ROOT, file), 'utf8'));
  const sources = Object.values<{ default?: string }>(read('package.json').exports)
    .flatMap(entry => entry.default?.replace(/^\.\/dist\/(.*)\.js$/, 'src/$1.ts') ?? [])
    .sort();

  it.each([
    ['JSR', Object.values<string>(read('jsr.json').exports).map(file => file.replace('./', ''))],
    ['the reference', read('test/package/typedoc.json').entryPoints.map((file: string) => file.replace('../../', ''))],
  ])('is one for %s too', (_, files: string[]) => {
    expect(files.sort()).toEqual(sources);
  });
});

/** The folders of Kerberos V5, from the ground up; those on one floor do not see each other. */
const KRB5_FLOORS: Record<string, number> = { crypto: 0, messages: 1, tokens: 2, files: 2, exchange: 3 };

describe('the folders of Kerberos V5', () => {
  const folderOf = (file: string) => /^mechanisms\/krb5\/(\w+)\//.exec(file)?.[1];

  it('hold all its files but the entry point and the description of tokens', () => {
    const outside = FILES.filter(file => file.startsWith('mechanisms/krb5/') && folderOf(file) === undefined);
    expect(outside.sort()).toEqual(['mechanisms/krb5/describe.ts', 'mechanisms/krb5/index.ts']);
  });

  it('look down only', () => {
    const between = INNER.flatMap(({ from, to }) => {
      const [above, below] = [folderOf(from), folderOf(to)];
      if (above === undefined || below === undefined || above === below) return [];
      return [{ from, to, down: KRB5_FLOORS[above]! > KRB5_FLOORS[below]! }];
    });
    expect(between.length).toBeGreaterThan(50);
    expect(between.filter(({ down }) => !down)).toEqual([]);
  });
});

describe('the rooms', () => {
  it('are all on a floor, and every import was read', () => {
    for (const file of FILES) expect(FLOORS[roomOf(file)], file).toBeDefined();
    for (const { from, to } of INNER) expect(FILES, `${from} imports ${to}`).toContain(to);
    const statements = FILES.flatMap(file => readFileSync(join(SRC, file), 'utf8').match(/ from '/g) ?? []);
    expect(IMPORTS.length).toBe(statements.length);
  });

  it('look down only', () => {
    const upward = INNER.filter(({ from, to }) => FLOORS[roomOf(to)]! > FLOORS[roomOf(from)]!);
    expect(upward).toEqual([]);
  });

  it('mechanisms see nothing of sessions, and the capture room imports no mechanism', () => {
    const seen = (room: string, other: string) =>
      INNER.filter(({ from, to }) => roomOf(from) === room && roomOf(to) === other).map(({ from }) => from);
    expect(seen('mechanisms', 'session')).toEqual([]);
    expect(seen('mechanisms', 'ftp')).toEqual([]);
    expect(seen('capture', 'mechanisms')).toEqual([]);
  });

  it('the page sees nothing of the fuzzer and of Node, and two packages that are built into it', () => {
    const ofPage = IMPORTS.filter(({ from }) => roomOf(from) === 'page');
    const rooms = ofPage.filter(({ to }) => /\.tsx?$/.test(to)).map(({ to }) => roomOf(to));
    expect(rooms.filter(room => ['fuzz', 'node', 'cli', 'index'].includes(room))).toEqual([]);
    const packages = ofPage.filter(({ to }) => !/\.tsx?$/.test(to)).map(({ to }) => to);
    expect([...new Set(packages)].sort()).toEqual(['@tanstack/virtual-core', 'preact', 'preact/hooks']);
    const intoPage = INNER.filter(({ from, to }) => roomOf(to) === 'page' && roomOf(from) !== 'page');
    expect(intoPage).toEqual([]);
  });

  it('mechanisms see only types of protection, and its table of levels', () => {
    const values = INNER.filter(
      ({ from, to, typeOnly }) => roomOf(from) === 'mechanisms' && roomOf(to) === 'protection' && !typeOnly,
    );
    expect(values.map(({ to }) => to).filter(to => to !== 'protection/protection-level.ts')).toEqual([]);
  });

  it('have no cycle, not even of types', () => {
    const done = new Set<string>();
    const path: string[] = [];
    const visit = (file: string): void => {
      expect(path.includes(file), `cycle: ${[...path, file].join(' > ')}`).toBe(false);
      if (done.has(file)) return;
      path.push(file);
      for (const { from, to } of INNER) if (from === file) visit(to);
      path.pop();
      done.add(file);
    };
    for (const file of FILES) visit(file);
    expect(done.size).toBe(FILES.length);
  });

  it('leave node: to cli and node, and use no package but noble', () => {
    const outside = IMPORTS.filter(({ from, to }) => !/\.tsx?$/.test(to) && roomOf(from) !== 'page');
    const strange = outside.filter(({ from, to }) =>
      ['cli', 'node'].includes(roomOf(from)) ? !to.startsWith('node:') : !to.startsWith('@noble/'),
    );
    // An optional peer of that entry point, and of one file of it: the command must run without.
    expect(strange.filter(({ to }) => to === 'fast-check').map(({ from }) => from)).toEqual(['fuzz/arbitraries.ts']);
    expect(strange.filter(({ to }) => to !== 'fast-check')).toEqual([]);
  });
});

describe('the code', () => {
  interface Node {
    type: string;
    start: number;
    end: number;
    typeAnnotation?: Node;
  }

  /** Each node of a file that `wanted` takes, as `file:line`. */
  function places(file: string, wanted: (node: Node, parent: Node | undefined, source: string) => boolean): string[] {
    const source = readFileSync(join(SRC, file), 'utf8');
    const found: string[] = [];
    const visit = (value: unknown, parent?: Node): void => {
      if (Array.isArray(value)) for (const item of value) visit(item, parent);
      if (typeof value !== 'object' || value === null || !('type' in value)) return;
      const node = value as Node;
      if (wanted(node, parent, source)) found.push(`${file}:${source.slice(0, node.start).split('\n').length}`);
      for (const child of Object.values(node)) visit(child, node);
    };
    visit(parseAst(source, { lang: file.endsWith('.tsx') ? 'tsx' : 'ts' }).body);
    return found;
  }

  const CALLS = ['CallExpression', 'NewExpression'];
  const isSpread = (node: Node, parent: Node | undefined) =>
    node.type === 'SpreadElement' && CALLS.includes(parent?.type ?? '');
  const isApply = (node: Node, _: Node | undefined, source: string) =>
    node.type === 'CallExpression' && /^[^(]*\.apply\(/.test(source.slice(node.start, node.end));
  const isCast = ({ type, typeAnnotation: to }: Node, _: Node | undefined, source: string) =>
    type === 'TSAsExpression' && /^FtpSecurityError\b/.test(source.slice(to!.start, to!.end));

  /** fast-check takes choices as arguments only; they are those of our tables. */
  const SPREADS_ITS_OWN = ['fuzz/arbitraries.ts', 'mechanisms/der.ts'];

  it('spreads no array into a call: as many arguments as a peer can make lines overflow the stack', () => {
    const calls = FILES.filter(file => !SPREADS_ITS_OWN.includes(file));
    expect(calls.flatMap(file => places(file, (...its) => isSpread(its[0], its[1]) || isApply(...its)))).toEqual([]);
    // It would find one.
    expect(SPREADS_ITS_OWN.flatMap(file => places(file, isSpread)).length).toBeGreaterThan(0);
  });

  it('casts nothing that was caught to FtpSecurityError: a fault of ours would pass for bad input', () => {
    expect(FILES.flatMap(file => places(file, isCast))).toEqual([]);
  });
});

describe('the words', () => {
  /** Not the words of the field, or hard to read for those whose first language is another one. */
  const STRANGE = /\b(owed|nobody|whoever|sound|bent|tells|stands(?! for)|that is none)\b/i;
  /** Names that were given up for those of the field. */
  const OLD_NAMES = [
    'Witness Sight Standing Asked UnansweredCommands ReceivedNumbers ReplayRecord EVERYONES ANATOMISTS OverSocket Bender',
    'Sayings Conduct NoTarget Unready spokenExchange standingAfter inTurn adatOf pbszOf maxSkew turnAway',
  ];
  const OLD_NAME = new RegExp(String.raw`\b(${OLD_NAMES.join(' ').replaceAll(' ', '|')})\b`);
  const filesIn = (folder: string) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' }).map(file => join(folder, file));
  const texts = [...readdirSync(ROOT), ...['src', 'test', 'vectors'].flatMap(filesIn)].filter(
    file => /\.(tsx?|mjs|md)$/.test(file) && file !== 'test/structure.test.ts',
  );

  it('are those of the field, in code, comments, titles and pages', () => {
    expect(texts.length).toBeGreaterThan(500);
    const found = texts.flatMap(file =>
      readFileSync(join(ROOT, file), 'utf8')
        .split('\n')
        .flatMap((line, i) => (STRANGE.test(line) || OLD_NAME.test(line) ? [`${file}:${i + 1}: ${line.trim()}`] : [])),
    );
    expect(found).toEqual([]);
  });
});

describe('the bundle', () => {
  async function inputsOf(
    entry: string,
    options: Pick<BuildOptions, 'platform' | 'external'> = {},
  ): Promise<{ inputs: string[]; octets: number; contents: Uint8Array }> {
    const { metafile, outputFiles } = await build({
      entryPoints: [join(SRC, entry)],
      bundle: true,
      format: 'esm',
      platform: 'browser',
      ...options,
      minify: true,
      metafile: true,
      write: false,
      absWorkingDir: ROOT,
    });
    const { contents } = outputFiles[0]!;
    return { inputs: Object.keys(metafile.inputs), octets: contents.length, contents };
  }

  it('of the core has no cipher, no hash and no mechanism in it, and is small', async () => {
    const { inputs, octets } = await inputsOf('index.ts');
    expect(inputs).toContain('src/protection/protect.ts');
    expect(inputs.filter(input => /noble|mechanisms|capture|cli\//.test(input))).toEqual([]);
    // Memory for tokens and lists that wait are in it too, so that neither replies nor queues cost more than they must.
    expect(octets).toBeLessThan(92 * 1024);
  });

  it.each(MECHANISMS)('of %s works without Node, and has no other mechanism in it', async mechanism => {
    const others = MECHANISMS.filter(it => it !== mechanism);
    const { inputs } = await inputsOf(`mechanisms/${mechanism}/index.ts`);
    expect(inputs).toContain(`src/mechanisms/${mechanism}/index.ts`);
    const strange = new RegExp(`^src/(mechanisms/(${others.join('|')})|session|capture|fuzz|cli|node)/`);
    expect(inputs.filter(input => strange.test(input))).toEqual([]);
  });

  const rows = [
    ...readFileSync(join(ROOT, 'README.md'), 'utf8').matchAll(/^\| `(rfc2228.*?)` .*\| (\d+) \| (\d+) \|$/gm),
  ];

  it('of every entry point has a row in README', () => {
    const { exports } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
    const entries = Object.keys(exports).filter(name => !name.endsWith('.json'));
    expect(rows.map(([, entry]) => entry).sort()).toEqual(entries.map(name => name.replace('.', 'rfc2228')).sort());
  });

  it.each(rows.map(([, entry, size, compressed]) => ({ entry, size, compressed })))(
    'of $entry has about the size that README says',
    async ({ entry, size, compressed }) => {
      const { exports } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
      const file = exports[entry!.replace('rfc2228', '.')].default.replace(/^\.\/dist\/(.*)\.js$/, '$1.ts');
      const { contents } = await inputsOf(file, { platform: 'node', external: ['fast-check'] });
      for (const [said, octets] of [
        [size, contents.length],
        [compressed, gzipSync(contents, { level: 9 }).length],
      ] as const) {
        const real = octets / 1000;
        expect(Math.abs(Number(said) - real), `${said} of ${real}`).toBeLessThan(Math.max(1, real / 20));
      }
    },
  );

  it('of rfc2228/fuzz runs without fast-check, which its arbitraries alone need', async () => {
    const { inputs } = await inputsOf('fuzz/index.ts');
    expect(inputs).toContain('src/fuzz/driver/campaign.ts');
    expect(inputs.filter(input => /fast-check|cli\/|node\/|fuzz\/arbitraries/.test(input))).toEqual([]);
  });
});

describe('test files', () => {
  const TEST = join(ROOT, 'test');
  const tests = readdirSync(TEST, { recursive: true, encoding: 'utf8' }).filter(file => file.endsWith('.test.ts'));

  it('replace modules only where they have a process of their own: others would get the replaced ones', () => {
    const replacing = tests.filter(file =>
      /\bvi\.(do)?(mock|resetModules)\(/i.test(readFileSync(join(TEST, file), 'utf8')),
    );
    expect(replacing.length).toBeGreaterThan(0);
    expect(replacing.filter(file => !file.endsWith('.isolated.test.ts'))).toEqual([]);
  });
});
