/** A fault of ours in one connection, as the command shows it. */
import { expect, it, vi } from 'vitest';
import { file, run } from './run.js';

vi.mock('../../src/mechanisms/krb5/exchange/observer.js', async original => ({
  ...(await original<typeof import('../../src/mechanisms/krb5/exchange/observer.js')>()),
  krb5Observer: () => ({
    observe() {
      throw new RangeError('Maximum call stack size exceeded');
    },
  }),
}));

const PLAIN = ['S> 220 hello', 'C> QUIT', 'S> 221 bye'];
// A token of Kerberos by its first octets, so that its mechanism observes it.
const FAULTY = [...PLAIN.slice(0, 1), 'C> AUTH GSSAPI', 'S> 334 go on', 'C> ADAT YAsGCSqGSIb3EgECAg==', 'S> 235 done'];

it('is told, with status 2, and the other connections are there, in other files too', async () => {
  const first = file('first.txt', [...PLAIN, '---', ...FAULTY, '---', ...PLAIN].join('\n'));
  const second = file('second.txt', [...FAULTY, '---', ...PLAIN].join('\n'));
  const { status, stdout, stderr } = await run('verify', '--json', first, second);
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
  expect((await run('verify', first)).stdout).toMatch(/^connection 2 .*internal error, please report it/m);
});
