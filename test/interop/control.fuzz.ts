/** The control: our own FTP server under Kerberos, which must show nothing. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, inject, test } from 'vitest';
import { mechanism, SERVICE, tickets, USER } from './ftp-realm.js';
import { startFtpServer } from './ftp-server.js';
import { fuzzed, SECONDS, SEED, tell } from './fuzz-command.js';

const folder = mkdtempSync(join(tmpdir(), 'rfc2228-control-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('an FTP server on ServerControl', async () => {
  const its = tickets();
  const server = await startFtpServer({
    folder,
    timeout: 10_000,
    mechanisms: [mechanism(its)],
    mayLogIn: (user, { clientName }) => clientName === its.principal && user === USER,
  });
  try {
    const where = `127.0.0.1:${server.port}`;
    const kerberos = ['--mechanism', 'krb5', '--ccache', join(inject('ftp').folder, 'cache'), '--service', SERVICE];
    const bounds = ['--time', `${SECONDS}`, '--seed', `${SEED}`, '--rate', '1000', '--out', join(folder, 'findings')];
    const ran = await fuzzed(['server', where, ...kerberos, '--user', USER, ...bounds]);
    tell('an FTP server on ServerControl', ran);
    expect([ran.findings, ran.complaint, ran.status]).toEqual([[], '', 0]);
    expect(ran.summary?.outcomes.unready).toBeUndefined();
    expect(ran.summary?.outcomes.refused).toBeGreaterThan(SECONDS);
    const transfers = ran.cases.filter(({ layer }) => layer === 'data').map(({ outcome }) => outcome);
    for (const outcome of ['accepted', 'refused']) expect(transfers).toContain(outcome);
  } finally {
    await server.close();
  }
});
