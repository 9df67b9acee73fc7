/** Every TypeScript block of the README is a program that runs, against the package as it was built. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { transformSync } from 'esbuild';
import { describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const README = readFileSync(join(ROOT, 'README.md'), 'utf8');
/** The code blocks, each with the heading that it stands under. */
function programsOf(text: string): { title: string; code: string }[] {
  const programs: { title: string; code: string }[] = [];
  let title = '';
  for (const [, heading, code] of text.matchAll(/^#+ (.+)$|^```ts\n([\s\S]*?)^```$/gm)) {
    if (heading !== undefined) title = heading;
    else programs.push({ title, code: code! });
  }
  return programs;
}

describe('the README', () => {
  const programs = programsOf(README);

  it('has programs', () => {
    expect(programs.length).toBeGreaterThanOrEqual(4);
  });

  it.each(programs)('$title', ({ code }) => {
    // Inside the checkout, so that the package finds itself by its name; in the folder that holds what was built.
    const folder = mkdtempSync(join(ROOT, 'dist', 'readme-'));
    try {
      const program = join(folder, 'program.mjs');
      writeFileSync(program, transformSync(code, { loader: 'ts', format: 'esm' }).code);
      const printed = execFileSync(process.execPath, [program], { cwd: ROOT, stdio: 'pipe', encoding: 'utf8' });
      // What a program prints stands behind it, as a comment.
      const promised = /^console\.log\(.*\); \/\/ (.*)$/m.exec(code)?.[1];
      if (promised !== undefined) expect(printed).toBe(`${promised}\n`);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('names files that are there, in commands that the scripts have', () => {
    const [verify, test] = [...README.matchAll(/^```sh\n(.*)\n```$/gm)].map(([, command]) => command!);
    const files = verify!.match(/vectors\/\S+/g)!;
    expect(files).toHaveLength(2);
    for (const file of files) expect(existsSync(join(ROOT, file)), file).toBe(true);
    expect(test).toBe('npm ci && npm test');
    const [, ...cli] = verify!.slice(verify!.indexOf('node dist')).split(' ');
    expect(execFileSync(process.execPath, cli, { cwd: ROOT, encoding: 'utf8' })).toContain('114 verified, 0 failed');
  });
});
