/** `rfc2228 keytab`: the keys of a keytab, without the keys themselves. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { toHex } from '../../src/bytes.js';
import { parseKeytab } from '../../src/mechanisms/krb5/index.js';
import { file, keytabOf, ODD_KEYTAB, ONE_LINE, run } from './run.js';

it('lists version, time, enctype and principal of every key, and no key', async () => {
  const path = keytabOf('probe-heimdal-nomutual');
  const { status, stdout, stderr } = await run('keytab', path);
  expect([status, stderr]).toEqual([0, '']);
  const entries = parseKeytab(readFileSync(path));
  expect(stdout.split('\n')).toHaveLength(1 + entries.length + 1);
  expect(stdout).toMatch(/^\d+ +\d{4}-\d\d-\d\dT[\d:]{8} +18 +aes256-cts-hmac-sha1-96 +ftp\/.*@/m);
  for (const { key } of entries) expect(stdout).not.toContain(toHex(key));
});

it('gives the same as JSON, one object for each key', async () => {
  const path = keytabOf('probe-heimdal-nomutual');
  const { status, stdout } = await run('keytab', '--json', path);
  const entries = parseKeytab(readFileSync(path));
  const lines = stdout
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line));
  expect([status, lines.length]).toEqual([0, entries.length]);
  expect(lines.map(({ kvno, enctype }) => ({ kvno, enctype }))).toEqual(
    entries.map(({ kvno, enctype }) => ({ kvno, enctype })),
  );
  const [aes] = lines.filter(({ enctype }) => enctype === 18);
  expect(aes).toMatchObject({ enctype_name: 'aes256-cts-hmac-sha1-96', weak: false });
  expect(aes.principal).toMatch(/^ftp\/.*@/);
  for (const { key } of entries) expect(stdout).not.toContain(toHex(key));
});

it('lists the whole entries of a keytab that ends in other octets, and says so', async () => {
  const path = keytabOf('probe-heimdal-nomutual');
  const odd = file('newline.keytab', Buffer.concat([readFileSync(path), Buffer.from('\n')]));
  const { stdout } = await run('keytab', path);
  expect(await run('keytab', odd)).toEqual({ status: 0, stdout, stderr: expect.stringMatching(ODD_KEYTAB) });
});

it.each([
  ['no file', () => []],
  ['two files', () => [keytabOf('probe-heimdal-nomutual'), keytabOf('probe-heimdal-levels')]],
  ['a file that is not a keytab', () => [file('no.keytab', 'x')]],
])('rejects %s', async (_, args) => {
  expect(await run('keytab', ...args())).toEqual(ONE_LINE);
});
