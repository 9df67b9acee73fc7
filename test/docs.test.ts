/** What editors show: the built declarations of every entry point, with a docstring for each export. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parseAst } from 'vitest/node';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const PACKAGE = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
const ENTRIES: string[] = Object.values<{ types?: string } | string>(PACKAGE.exports).flatMap(entry =>
  typeof entry === 'object' && entry.types !== undefined ? [join(ROOT, entry.types)] : [],
);

/** The names that people start with: their docstrings have an example. */
const STARTING_POINTS = [
  'ClientControl',
  'ClientSession',
  'Observer',
  'ProtectedReplyReader',
  'ReplyReader',
  'ServerControl',
  'ServerSession',
  'classify',
  'decodeProtectedReply',
  'encodeProtectedReply',
  'formatReply',
  'krb5Acceptor',
  'krb5Initiator',
  'parseCredentialCache',
  'parseKeytab',
  'parseReply',
  'protectCommand',
  'protectReply',
  'secureBasicFtp',
  'unprotectCommand',
  'unprotectReply',
  'verifyRecording',
];

interface Node {
  type: string;
  start: number;
  end: number;
  // biome-ignore lint/suspicious/noExplicitAny: a syntax tree of which few kinds of nodes are looked at
  [property: string]: any;
}

interface Declaration {
  name: string;
  file: string;
  node: Node;
  /** The comment directly before it; empty if there is none. */
  doc: string;
}

interface Module {
  /** By the local name. A function may have several. */
  declared: Map<string, Declaration[]>;
  /** Of names imported or exported again: where from, and under which name; `*` is the whole module. */
  imported: Map<string, { file: string; name: string }>;
  exported: Map<string, { file: string; name: string }>;
}

const MODULES = new Map<string, Module>();

function moduleAt(file: string): Module {
  const known = MODULES.get(file);
  if (known !== undefined) return known;
  const source = readFileSync(file, 'utf8');
  const module: Module = { declared: new Map(), imported: new Map(), exported: new Map() };
  MODULES.set(file, module);
  for (const statement of parseAst(source, { lang: 'dts' }).body as unknown as Node[])
    read(statement, source, file, module);
  return module;
}

function read(statement: Node, source: string, file: string, module: Module): void {
  const { specifiers = [] } = statement;
  const from = statement['source']?.value as string | undefined;
  const other = from === undefined ? file : join(dirname(file), from.replace(/\.js$/, '.d.ts'));
  if (statement.type === 'ExportAllDeclaration') {
    for (const [name, target] of moduleAt(other).exported) module.exported.set(name, target);
  }
  for (const specifier of specifiers as Node[]) {
    if (statement.type === 'ImportDeclaration') {
      if (!from!.startsWith('.')) continue;
      module.imported.set(specifier['local'].name, { file: other, name: specifier['imported']?.name ?? '*' });
    } else {
      module.exported.set(specifier['exported'].name, { file: other, name: specifier['local'].name });
    }
  }
  const declaration: Node = statement['declaration'] ?? statement;
  const ids = declaration.type === 'VariableDeclaration' ? declaration['declarations'] : [declaration];
  for (const { id } of ids as Node[]) {
    if (id?.name === undefined) continue;
    const before = source.slice(0, statement.start).trimEnd();
    const doc = before.endsWith('*/') ? before.slice(before.lastIndexOf('/**')) : '';
    const overloads = module.declared.get(id.name) ?? [];
    module.declared.set(id.name, [...overloads, { name: id.name, file, node: declaration, doc }]);
    if (statement.type === 'ExportNamedDeclaration') module.exported.set(id.name, { file, name: id.name });
  }
}

/** The declarations that a name of a module means; none for a global or a type parameter. */
function declarationsOf(file: string, name: string): Declaration[] {
  const [space, inside] = name.split('.');
  if (inside !== undefined) return declarationsOf(moduleAt(file).imported.get(space!)!.file, inside);
  const module = moduleAt(file);
  const own = module.declared.get(name);
  if (own !== undefined) return own;
  const elsewhere = module.imported.get(name) ?? module.exported.get(name);
  return elsewhere === undefined ? [] : declarationsOf(elsewhere.file, elsewhere.name);
}

const EXPORTS: Declaration[][] = ENTRIES.flatMap(entry =>
  [...moduleAt(entry).exported].map(([name, { file, name: local }]) =>
    declarationsOf(file, local).map(declaration => ({ ...declaration, name })),
  ),
);
const PUBLIC = new Set(EXPORTS.flat().map(({ node }) => node));

function textOf({ file, name }: Declaration): string {
  return `${relative(join(ROOT, 'dist'), file)}: ${name}`;
}

/** The names of types in a declaration. */
function typesIn(value: unknown, found: Set<string> = new Set()): Set<string> {
  if (Array.isArray(value)) for (const item of value) typesIn(item, found);
  if (typeof value !== 'object' || value === null || !('type' in value)) return found;
  const node = value as Node;
  const name = {
    TSTypeReference: node['typeName'],
    TSTypeQuery: node['exprName'],
    TSInterfaceHeritage: node['expression'],
    TSClassImplements: node['expression'],
    ClassDeclaration: node['superClass'],
  }[node.type];
  if (name?.type === 'Identifier') found.add(name.name);
  if (name?.type === 'TSQualifiedName') found.add(`${name.left.name}.${name.right.name}`);
  for (const child of Object.values(node)) typesIn(child, found);
  return found;
}

describe('the declarations of the entry points', () => {
  it('are read: every export is declared somewhere', () => {
    expect(ENTRIES.length).toBeGreaterThan(7);
    expect(EXPORTS.length).toBeGreaterThan(250);
    expect(EXPORTS.filter(declarations => declarations.length === 0)).toEqual([]);
  });

  it('have a docstring for every export', () => {
    const bare = EXPORTS.filter(declarations => declarations.every(({ doc }) => doc === ''));
    expect(bare.map(([first]) => textOf(first!))).toEqual([]);
  });

  it.each(STARTING_POINTS)('have an example for %s', name => {
    const declarations = EXPORTS.flat().filter(declaration => declaration.name === name);
    expect(declarations.length).toBeGreaterThan(0);
    expect(declarations.map(({ doc }) => doc).join('\n')).toContain('@example');
  });

  it('use no type of this package that no entry point exports', () => {
    const hidden = EXPORTS.flat().flatMap(declaration =>
      [...typesIn(declaration.node)]
        .flatMap(name => declarationsOf(declaration.file, name))
        .filter(({ node }) => !PUBLIC.has(node))
        .map(used => `${textOf(declaration)} uses ${textOf(used)}`),
    );
    expect([...new Set(hidden)]).toEqual([]);
  });

  it('have maps to sources that are in the package', () => {
    for (const file of MODULES.keys()) {
      const map = JSON.parse(readFileSync(`${file}.map`, 'utf8'));
      for (const source of map.sources) expect(existsSync(join(dirname(file), source)), file).toBe(true);
    }
    expect(PACKAGE.files).toContain('src');
  });
});
