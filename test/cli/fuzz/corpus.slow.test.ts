/** `rfc2228 fuzz corpus`: seed files for other fuzzers. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { folder, rfc2228 } from './command.js';

it('writes one fuzz case to a file, named by its content, and an index that describes each', async () => {
  const seeds = join(folder, 'seeds');
  const { status, stdout, stderr } = await rfc2228(['corpus', seeds, '--seed', '7']);
  expect([status, stderr]).toEqual([0, '']);
  expect(stdout).toMatch(/client: \d{4} files\n.*server: \d{4} files\n.*data: \d+ files\n/);
  expect(stdout).toMatch(/server-exchange: \d{3} files\n.*client-exchange: \d{3} files\n$/);
  const index = readFileSync(join(seeds, 'index.jsonl'), 'utf8').trim().split('\n');
  for (const line of index) {
    const { file, keys, case: its } = JSON.parse(line);
    const [, name] = file.split('/');
    const octets = readFileSync(join(seeds, file));
    expect(createHash('sha256').update(octets).digest('hex').startsWith(name)).toBe(true);
    expect(keys).toMatch(/(key|secrets?) [0-9a-f]+/);
    if (its.expected.verdict === 'answer') expect(its.expected.codes[0]).toBeGreaterThanOrEqual(431);
    else expect(its.expected.verdict).toMatch(/^(accept|refuse|either)$/);
  }
  expect(readdirSync(seeds, { recursive: true }).length).toBe(index.length + 6);
});
