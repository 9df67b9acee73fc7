/** `rfc2228 fuzz` under KERBEROS_V4: conforming peers show nothing, and those that look at no checksum are found. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { against, folder, records, rfc2228, titles, toClient } from './command.js';
import { krb4Sides, SRVTAB, ticketFile } from './krb4-sides.js';
import { conformingClient, conformingServer } from './peers.js';

const [tickets, srvtab] = [join(folder, 'tkt'), join(folder, 'srvtab')];
writeFileSync(tickets, ticketFile());
writeFileSync(srvtab, SRVTAB);

const KRB4 = ['--mechanism', 'krb4', '--allow-weak', '--rate', '10000', '--json', '--out', join(folder, 'findings')];
const TO_SERVER = [...KRB4, '--ticket-file', tickets];
const TO_CLIENT = [...KRB4, '--srvtab', srvtab];
const OF_TOKENS = ['--only', 'token', '--only', 'direction', '--level', 'safe', '--cases', '60'];
const FLIPPED = 'unverified text accepted: token: a checksum with a bit flipped';

describe('fuzz server', () => {
  it('shows nothing of a server on ServerControl', async () => {
    const ran = await against(conformingServer(krb4Sides()), where =>
      rfc2228(['server', where, ...TO_SERVER, '--cases', '300']),
    );
    expect([titles(ran), ran.stderr, ran.status]).toEqual([[], '', 0]);
    const { accepted, refused, unready } = records(ran).at(-1).outcomes;
    expect(accepted).toBeGreaterThan(15);
    expect(refused).toBeGreaterThan(100);
    expect(unready).toBeUndefined();
  });

  it('finds one that looks at no checksum', async () => {
    const ran = await against(conformingServer(krb4Sides({ careless: true })), where =>
      rfc2228(['server', where, ...TO_SERVER, ...OF_TOKENS]),
    );
    expect(titles(ran)).toContain(FLIPPED);
    expect(ran.status).toBe(1);
  });

  it('does not blame the server for an expired ticket', async () => {
    const old = join(folder, 'old');
    writeFileSync(old, ticketFile(7200));
    const ran = await against(conformingServer(krb4Sides()), where =>
      rfc2228(['server', where, ...KRB4, '--ticket-file', old, '--only', 'token']),
    );
    expect([ran.status, ran.stdout]).toEqual([2, '']);
    expect(ran.stderr).toMatch(/^rfc2228: security\/expired: the ticket has expired: get a new one\n$/);
  });

  it.each([
    ['that it is weak', TO_SERVER.filter(arg => arg !== '--allow-weak'), 'krb4 is weak'],
    ['which file is missing', KRB4, '--ticket-file'],
    ['which ticket is missing', [...TO_SERVER, '--service', 'rcmd.host@A.TEST'], 'no ticket for rcmd.host@A.TEST, but'],
  ])('says %s', async (_, args, complaint) => {
    const { status, stdout, stderr } = await rfc2228(['server', '127.0.0.1:1', ...args]);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toContain(complaint);
  });
});

describe('fuzz client', () => {
  it('shows nothing of a client on ClientControl', async () => {
    const ran = await toClient(port => conformingClient(port, krb4Sides()), ['--cases', '200'], TO_CLIENT);
    expect([titles(ran), ran.status]).toEqual([[], 0]);
    const { accepted, closed } = records(ran).at(-1).outcomes;
    expect(accepted).toBeGreaterThan(5);
    expect(closed).toBeGreaterThan(50);
  });

  it('finds one that looks at no checksum', async () => {
    const careless = krb4Sides({ careless: true });
    const ran = await toClient(port => conformingClient(port, careless), OF_TOKENS, TO_CLIENT);
    expect(titles(ran)).toContain(FLIPPED);
    expect(ran.status).toBe(1);
  });

  it('says why a client comes to no association', async () => {
    const other = join(folder, 'other');
    writeFileSync(
      other,
      SRVTAB.map((octet, i) => (i === SRVTAB.length - 1 ? octet ^ 2 : octet)),
    );
    const { status, stderr } = await toClient(
      port => conformingClient(port, krb4Sides()),
      [],
      [...KRB4, '--srvtab', other],
    );
    expect(status).toBe(2);
    expect(stderr).toContain('no security association: clear AUTH, clear ADAT (security/no-key: no key of version 1');
  });

  it('says which file is missing', async () => {
    const { status, stderr } = await rfc2228(['client', '--listen', '0', ...KRB4]);
    expect([status, stderr]).toEqual([2, expect.stringContaining('--srvtab')]);
  });
});
