/** `rfc2228 verify`: the keys that it takes, which of them opened an exchange, and which is missing. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, it, vi } from 'vitest';
import { toHex } from '../../src/bytes.js';
import { readTicketKeys } from '../../src/cli/keys.js';
import { PASSWORD_ENCTYPES } from '../../src/mechanisms/krb5/crypto/string-to-key.js';
import { krb5Acceptor, krb5Initiator, parseKeytab, passwordKeys } from '../../src/mechanisms/krb5/index.js';
import { protectCommand } from '../../src/protection/protect.js';
import { realm, SERVICE, START } from '../mechanisms/krb5/live.js';
import { capture, file, keytabOf, ONE_LINE, ROOT, run, srvtabOf } from './run.js';

const NAME = 'heimdal-safe-aes128-cts-hmac-sha1-96';
const OTHER = 'krb5ftp-safe-aes256-sha1';
const PRINCIPAL = 'ftp/host.example.test@EXAMPLE.TEST';
const PASSWORD = 'opensesame';

/** A session with one protected command, whose ticket is sealed with the key of a password. */
async function recorded(enctype: number, salt?: string) {
  const keys = passwordKeys({ principal: SERVICE, password: PASSWORD, salt });
  const { keytab, credential } = realm(enctype, { serviceKey: keys.find(it => it.enctype === enctype)!.key });
  const clock = () => 1000 * (START + 60);
  let subkey = '';
  const keylog = ({ enctype, key }: { enctype: number; key: Uint8Array }) => {
    subkey = `${enctype}:${toHex(key)}`;
  };
  const client = krb5Initiator({ credentials: [credential], service: PRINCIPAL, clock, keylog });
  const server = krb5Acceptor({ keytab, clock });
  const adat = (token?: Uint8Array) => Buffer.from(token!).toString('base64');
  const first = await client.step();
  const answer = await server.step(first.token);
  const { context } = await client.step(answer.token);
  const command = Buffer.from(protectCommand(context!, 'private', Buffer.from('PWD\r\n'))).toString('latin1');
  const lines = [
    'S> 220 Ready',
    'C> AUTH GSSAPI',
    'S> 334 Go on',
    `C> ADAT ${adat(first.token)}`,
    `S> 235 ADAT=${adat(answer.token)}`,
    `C> ${command}`,
  ];
  return { recording: file(`password-${enctype}.txt`, lines.join('\n')), credential, subkey };
}

function verifyWith(input: string, ...args: string[]) {
  const options = { cwd: ROOT, input, encoding: 'utf8' } as const;
  const { status, stdout, stderr } = spawnSync(process.execPath, ['dist/cli/main.js', 'verify', ...args], options);
  return { status, stdout, stderr };
}

describe('a password', () => {
  it.each(PASSWORD_ENCTYPES)('opens a ticket of enctype %i', async enctype => {
    const { recording } = await recorded(enctype);
    const password = ['--principal', PRINCIPAL, '--password-stdin'];
    const { status, stdout } = verifyWith(`${PASSWORD}\nmore\n`, recording, ...password);
    expect([status, stdout]).toEqual([0, expect.stringMatching(/private +verified +PWD/)]);
    expect(stdout).toContain('opened by: service key (the password)');
    const wrong = verifyWith('another', recording, ...password);
    expect([wrong.status, wrong.stdout]).toEqual([3, expect.stringContaining(`missing key: ${PRINCIPAL}`)]);
  });

  it('is used with the salt that is given', async () => {
    const { recording } = await recorded(18, 'EXAMPLE.TESThosthost.example.test');
    const password = ['--principal', PRINCIPAL, '--password-stdin'];
    expect(verifyWith(PASSWORD, recording, ...password).status).toBe(3);
    const salt = ['--salt', 'EXAMPLE.TESThosthost.example.test'];
    expect(verifyWith(PASSWORD, recording, ...password, ...salt).status).toBe(0);
  });

  it.each([
    ['no principal', ['--password-stdin']],
    ['no password', ['--principal', PRINCIPAL]],
    ['a salt alone', ['--salt', 'x']],
    ['a name without a realm', ['--principal', 'ftp/host', '--password-stdin']],
    ['standard input that is the recording', ['-', '--principal', PRINCIPAL, '--password-stdin']],
  ])('is refused with %s', (_, args) => {
    expect(verifyWith(PASSWORD, capture(NAME), ...args)).toEqual(ONE_LINE);
  });

  it('is refused where standard input is empty', () => {
    expect(verifyWith('\n', capture(NAME), '--principal', PRINCIPAL, '--password-stdin')).toEqual(ONE_LINE);
  });
});

describe('--key', () => {
  const { key } = parseKeytab(readFileSync(keytabOf(NAME)))[0]!;

  it.each(['17', 'aes128-cts-hmac-sha1-96', 'AES128-CTS'])('takes the enctype as %s', async enctype => {
    const { status, stdout } = await run('verify', capture(NAME), '--key', `${enctype}:${toHex(key)}`);
    expect([status, stdout]).toEqual([0, expect.stringContaining('opened by: service key (--key)')]);
  });

  it('takes the session key of the ticket', async () => {
    const { recording, credential } = await recorded(20);
    const session = `aes256-sha2:${toHex(credential.key.keyvalue)}`;
    const { status, stdout } = await run('verify', recording, '--key', session);
    expect([status, stdout]).toEqual([0, expect.stringContaining('opened by: session key (--key)')]);
    expect(stdout).toMatch(/private +verified +PWD/);
  });

  it('takes the key of the messages, and says that another one opens nothing', async () => {
    const { recording, subkey } = await recorded(18);
    const { status, stdout } = await run('verify', recording, '--key', subkey);
    expect([status, stdout]).toEqual([0, expect.stringMatching(/private +verified +PWD/)]);
    const other = await run('verify', recording, '--key', `18:${'11'.repeat(32)}`);
    expect([other.status, other.stdout]).toEqual([3, expect.stringMatching(/private +unkeyed/)]);
    expect(other.stdout).toContain(`missing key: ${PRINCIPAL}`);
    expect(other.stdout).toContain('not keyed: the key does not decrypt the ticket');
  });

  it.each(['aes129-cts:00', ':00', '17'])('refuses %s', async text => {
    expect(await run('verify', capture(NAME), '--key', text)).toEqual(ONE_LINE);
  });
});

/** A credential cache of version 4 (MIT, "Credential cache file format") with one ticket. */
function cacheOf({ keytype, keyvalue }: { keytype: number; keyvalue: Uint8Array }): Buffer {
  const u16 = (value: number) => Buffer.from([value >> 8, value & 255]);
  const u32 = (value: number) => Buffer.concat([u16(value >>> 16), u16(value & 0xffff)]);
  const data = (value: string | Uint8Array) => Buffer.concat([u32(value.length), Buffer.from(value)]);
  const principal = Buffer.concat([u32(1), u32(1), data('EXAMPLE.TEST'), data('anna')]);
  const key = Buffer.concat([u16(keytype), data(keyvalue)]);
  const times = Buffer.alloc(16, 0x44);
  const rest = Buffer.concat([Buffer.alloc(1 + 4 + 4 + 4), data('ticket'), u32(0)]);
  return Buffer.concat([Buffer.from([5, 4, 0, 0]), principal, principal, principal, key, times, rest]);
}

describe('a credential cache', () => {
  it.each(['', 'FILE:'])('as --keytab %sFILE has the session key of its ticket', async prefix => {
    const { recording, credential } = await recorded(18);
    const cache = file('krb5cc_0', cacheOf(credential.key));
    const { status, stdout, stderr } = await run('verify', recording, '--keytab', prefix + cache);
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toContain(`opened by: session key (${cache})`);
    expect(stdout).toMatch(/private +verified +PWD/);
  });

  it('that is damaged is refused, or its damage is told', async () => {
    const { recording, credential } = await recorded(18);
    const whole = cacheOf(credential.key);
    const odd = file('krb5cc_1', Buffer.concat([whole, Buffer.from('rest')]));
    const { status, stderr } = await run('verify', recording, '--keytab', odd);
    expect([status, stderr]).toEqual([0, expect.stringContaining('the whole entries before it are used')]);
    const cut = file('krb5cc_2', whole.subarray(0, 50));
    expect(await run('verify', recording, '--keytab', cut)).toEqual(ONE_LINE);
  });

  it('and a keytab are read once, as a pipe can be', async () => {
    const { credential } = await recorded(18);
    for (const octets of [cacheOf(credential.key), readFileSync(keytabOf(NAME))]) {
      const read = vi.fn(() => octets);
      expect(readTicketKeys('/dev/fd/63', { read, stderr: process.stderr }).length).toBeGreaterThan(0);
      expect(read).toHaveBeenCalledTimes(1);
    }
  });

  it('has no key of another session', async () => {
    const cache = file('krb5cc_3', cacheOf({ keytype: 17, keyvalue: new Uint8Array(16) }));
    const { status, stdout } = await run('verify', capture(NAME), '--keytab', cache);
    expect([status, stdout]).toEqual([3, expect.stringContaining('missing key:')]);
  });
});

describe('several keytabs', () => {
  it('are tried in turn, and the one that opened is named', async () => {
    const files = [capture(NAME), capture(OTHER)];
    const keytabs = [OTHER, NAME].flatMap(name => ['--keytab', keytabOf(name)]);
    const { status, stdout } = await run('verify', ...files, ...keytabs);
    expect(status).toBe(0);
    const openers = stdout.split('\n').filter(line => line.startsWith('connection'));
    expect(openers.map(line => line.replace(/.*opened by: /, ''))).toEqual([
      `service key, version 1 (${keytabOf(NAME)})`,
      expect.stringMatching(new RegExp(`^service key, version \\d+ \\(${keytabOf(OTHER)}\\)$`)),
    ]);
  });

  it('are named in the facts of the connection as well, and srvtabs too', async () => {
    const { stdout } = await run('verify', '--json', capture(NAME), '--keytab', keytabOf(NAME));
    const connection = JSON.parse(stdout.split('\n').find(line => line.includes('"connection","'))!);
    expect(connection.facts.openedBy).toEqual({
      key: 'service key',
      principal: 'ftp/localhost@HEIM.TEST',
      kvno: 1,
      enctype: 17,
      source: keytabOf(NAME),
    });
    const krb4 = 'gssftp163-krb4-private';
    const table = await run('verify', capture(krb4), '--srvtab', srvtabOf(krb4));
    expect(table.stdout).toContain(`opened by: service key, version 3 (${srvtabOf(krb4)})`);
  });
});

describe('the closing lines', () => {
  it('say which keys are missing, each once, and how one gets them', async () => {
    const { status, stdout } = await run('verify', capture(NAME), capture(NAME), capture('gssftp163-krb4-private'));
    expect(status).toBe(3);
    const at = stdout.indexOf('missing key:');
    const [first, ...rest] = stdout.slice(at).split('\n');
    expect(first).toBe(
      'missing key: ftp/localhost@HEIM.TEST, key version 1, enctype 17 (aes128-cts-hmac-sha1-96); 2 exchanges could not be opened',
    );
    expect(rest.join('\n')).toContain('ktadd -norandkey -k ftp.keytab ftp/localhost@HEIM.TEST');
    expect(rest.filter(line => line.startsWith('missing key:'))).toEqual([
      "missing key: HEIM.TEST, a service's key of version 3 (KERBEROS_V4); 1 exchange could not be opened",
    ]);
    expect((await run('verify', capture(NAME), '--keytab', keytabOf(NAME))).stdout).not.toContain('missing key');
  });
});
