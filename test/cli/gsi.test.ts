/** `rfc2228 verify` and `decode` of GridFTP sessions: key logs and RSA keys. */
import { createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { file, ONE_LINE, ROOT, run } from './run.js';

const path = (name: string) => join(ROOT, 'vectors/gsi/captures', name);
const RSA = 'tls12-AES128-SHA';

async function summary(
  ...args: string[]
): Promise<{ status: number; verified: number; unkeyed: number; stderr: string }> {
  const { status, stdout, stderr } = await run('verify', '--json', ...args);
  const { verified, unkeyed } = JSON.parse(stdout.trim().split('\n').at(-1)!);
  return { status, verified, unkeyed, stderr };
}

describe('verify', () => {
  it('opens a session with a key log', async () => {
    const name = 'tls13-default';
    expect(await summary(path(`${name}.pcap`), '--keylog', path(`${name}.keylog`))).toEqual({
      // Data connections are TLS of their own, and stay closed.
      status: 3,
      verified: 315,
      unkeyed: 0,
      stderr: '',
    });
  });

  it("opens one with the server's RSA key, and takes the keys of others beside it", async () => {
    const keys = ['tls12-NULL-SHA256', RSA].flatMap(name => ['--rsa-key', path(`${name}.host.key.der`)]);
    expect(await summary(path(`${RSA}.pcap`), ...keys)).toMatchObject({ status: 3, verified: 161, unkeyed: 0 });
  });

  it.each(['pkcs1', 'pkcs8'] as const)('takes that key in PEM too, as %s', async type => {
    const der = readFileSync(path(`${RSA}.host.key.der`));
    const pem = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }).export({ type, format: 'pem' });
    const key = file(`${type}.pem`, pem);
    expect(await summary(path(`${RSA}.pcap`), '--rsa-key', key)).toMatchObject({
      status: 3,
      verified: 161,
      unkeyed: 0,
    });
  });

  it('says which key is missing, and how one gets it', async () => {
    expect(await summary(path(`${RSA}.pcap`))).toMatchObject({ status: 3, verified: 0, unkeyed: 161 });
    const { stdout, stderr } = await run('verify', path(`${RSA}.pcap`));
    const said = stdout + stderr;
    expect(said).toContain('TLS secrets of /O=Grid/OU=RigTest/CN=host/localhost, TLS_RSA_WITH_AES_128_CBC_SHA (GSI)');
    expect(said).toContain('--keylog FILE');
    expect(said).toContain('--rsa-key FILE');
    const other = await run('verify', path('tls13-default.pcap'));
    expect(other.stdout + other.stderr).toContain('--keylog FILE');
    expect(other.stdout + other.stderr).not.toContain('--rsa-key FILE');
  });

  it('warns of lines of a key log that it can not read, and of a file without any', async () => {
    const log = readFileSync(path('tls13-default.keylog'), 'latin1');
    const odd = file('odd.keylog', `CLIENT_RANDOM 00\n${log}`);
    const warned = await summary(path('tls13-default.pcap'), '--keylog', odd);
    expect(warned).toMatchObject({ status: 3, verified: 315 });
    expect(warned.stderr).toMatch(
      /^rfc2228: .*odd\.keylog: key log: line 1 is not a valid CLIENT_RANDOM line; the other lines are used\n$/,
    );
    const { stderr } = await summary(path('tls13-default.pcap'), '--keylog', file('empty.keylog', ''));
    expect(stderr).toMatch(/^rfc2228: .*empty\.keylog: it has no line of a key log\n/);
  });

  it('rejects a file that is no RSA key', async () => {
    expect(await run('verify', path(`${RSA}.pcap`), '--rsa-key', file('no.key', 'x'))).toEqual(ONE_LINE);
  });
});

describe('decode', () => {
  it('says what a token of TLS holds', async () => {
    const { status, stdout } = await run('decode', 'ENC FwMDABZdQaK2Y0Btf9GRMr6QKiokOFWJ87jn');
    expect(status).toBe(0);
    expect(stdout).toMatch(/kind +TLS records\n +records +\["application data, TLS 1.2, 22 octets"\]/);
  });
});

it('fuzz says where it looked for the credential of the user', async () => {
  const { status, stderr } = await run('fuzz', 'server', '127.0.0.1:1', '--mechanism', 'gsi');
  expect([status, stderr]).toEqual([2, expect.stringMatching(/no credential of the user in .*x509up_u\d+/)]);
});
