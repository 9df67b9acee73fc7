/** The rooms of the source and who may look into whom; what the bundles of the entry points hold. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const SRC = join(ROOT, 'src');
const FILES = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter(file => file.endsWith('.ts'));

/** From the ground up. A room sees those on lower floors, and itself. */
const FLOORS: Record<string, number> = {
  ground: 0,
  ftp: 1,
  secure: 2,
  session: 3,
  mechanisms: 4,
  capture: 5,
  fuzz: 5,
  node: 5,
  index: 5,
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
    to: specifier!.startsWith('.') ? normalize(join(dirname(file), specifier!)).replace(/\.js$/, '.ts') : specifier!,
    typeOnly: type !== undefined,
  }));
}

const IMPORTS = FILES.flatMap(importsOf);
const INNER = IMPORTS.filter(({ to }) => to.endsWith('.ts'));

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

  it('mechanisms see only types of secure, and its table of levels', () => {
    const values = INNER.filter(
      ({ from, to, typeOnly }) => roomOf(from) === 'mechanisms' && roomOf(to) === 'secure' && !typeOnly,
    );
    expect(values.map(({ to }) => to).filter(to => to !== 'secure/protection-level.ts')).toEqual([]);
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
    const outside = IMPORTS.filter(({ to }) => !to.endsWith('.ts'));
    const strange = outside.filter(({ from, to }) =>
      ['cli', 'node'].includes(roomOf(from)) ? !to.startsWith('node:') : !to.startsWith('@noble/'),
    );
    // An optional peer of that entry point, and of one file of it: the command must run without.
    expect(strange.filter(({ to }) => to === 'fast-check').map(({ from }) => from)).toEqual(['fuzz/arbitraries.ts']);
    expect(strange.filter(({ to }) => to !== 'fast-check')).toEqual([]);
  });
});

describe('the bundle', () => {
  async function inputsOf(entry: string): Promise<{ inputs: string[]; octets: number }> {
    const { metafile, outputFiles } = await build({
      entryPoints: [join(SRC, entry)],
      bundle: true,
      format: 'esm',
      platform: 'browser',
      minify: true,
      metafile: true,
      write: false,
      absWorkingDir: ROOT,
    });
    return { inputs: Object.keys(metafile.inputs), octets: outputFiles[0]!.contents.length };
  }

  it('of the core has no cipher, no hash and no mechanism in it, and is small', async () => {
    const { inputs, octets } = await inputsOf('index.ts');
    expect(inputs).toContain('src/secure/protect.ts');
    expect(inputs.filter(input => /noble|mechanisms|capture|cli\//.test(input))).toEqual([]);
    expect(octets).toBeLessThan(64 * 1024);
  });

  it.each([
    ['krb5', /krb4|psk|session\/|capture|cli|node\//],
    ['krb4', /krb5|psk|session\/|capture|cli|node\//],
  ])('of %s works without Node, and has no other mechanism in it', async (mechanism, strange) => {
    const { inputs } = await inputsOf(`mechanisms/${mechanism}/index.ts`);
    expect(inputs.filter(input => strange.test(input.replace('node_modules/', '')))).toEqual([]);
  });

  it('of rfc2228/fuzz runs without fast-check, which its arbitraries alone need', async () => {
    const { inputs } = await inputsOf('fuzz/index.ts');
    expect(inputs).toContain('src/fuzz/driver/index.ts');
    expect(inputs.filter(input => /fast-check|cli\/|node\/|fuzz\/arbitraries/.test(input))).toEqual([]);
  });
});
