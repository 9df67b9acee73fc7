/** A fault of ours in one connection, as the command shows it. */
import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { verify } from '../../src/cli/verify.js';

vi.mock('../../src/mechanisms/krb5/index.js', async original => ({
  ...(await original<typeof import('../../src/mechanisms/krb5/index.js')>()),
  krb5Witness: () => {
    throw new RangeError('Maximum call stack size exceeded');
  },
}));

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rfc2228-'));
});
afterEach(async () => {
  vi.restoreAllMocks();
  await rm(folder, { recursive: true });
});

const PLAIN = ['S> 220 hello', 'C> QUIT', 'S> 221 bye'];
// A token of Kerberos by its first octets, so that its mechanism is asked for a witness.
const FAULTY = [...PLAIN.slice(0, 1), 'C> AUTH GSSAPI', 'S> 334 go on', 'C> ADAT YAsGCSqGSIb3EgECAg==', 'S> 235 done'];

function run(...args: string[]) {
  const said = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const) {
    vi.spyOn(process[stream], 'write').mockImplementation(text => {
      said[stream] += text;
      return true;
    });
  }
  return { status: verify(args), ...said };
}

it('is told, with status 2, and the other connections are there, in other files too', () => {
  const first = join(folder, 'first.txt');
  const second = join(folder, 'second.txt');
  writeFileSync(first, [...PLAIN, '---', ...FAULTY, '---', ...PLAIN].join('\n'));
  writeFileSync(second, [...FAULTY, '---', ...PLAIN].join('\n'));
  const { status, stdout, stderr } = run('--json', first, second);
  const records = stdout
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line));
  expect(status).toBe(2);
  const connections = records.filter(({ type }) => type === 'connection');
  expect(connections.map(({ connection, problem }) => [connection, problem?.code])).toEqual([
    [1, undefined],
    [2, 'internal'],
    [3, undefined],
    [4, 'internal'],
    [5, undefined],
  ]);
  expect(connections[1].problem.message).toContain('RangeError: Maximum call stack size exceeded');
  expect(records.at(-1)).toMatchObject({ type: 'summary', connections: 5, messages: 3 * 3 + 2 * 4 });
  expect(stderr.match(/^rfc2228: .*$/gm)).toEqual([
    `rfc2228: ${first}, connection 2: internal error, please report it: RangeError: Maximum call stack size exceeded`,
    `rfc2228: ${second}, connection 4: internal error, please report it: RangeError: Maximum call stack size exceeded`,
  ]);
  expect(run(first).stdout).toMatch(/^connection 2 .*internal error, please report it/m);
});
