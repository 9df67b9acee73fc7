/** `rfc2228 decode`: what a control line is, without keys. Lines from standard input are in main.test.ts. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { TOKEN_LEVELS } from '../../src/protection/protection-level.js';
import { EXCHANGE_REPLIES } from '../../src/protection/security-data.js';
import { capture, run } from './run.js';

it.each([
  ['MIC BQQE/wAMAAwAAAAAGeXPAo/lqtyAG9eL4Fn6vlVTRVIgZnRwdGVzdGVy', ['level safe', 'wrap', 'rrc']],
  [
    '632-BQQH/wAAABwAAAAAPVTxk8/pqEK7jBmSUR5XpBykpIZxoxeQCWTlB6SXIkIWhpJ0D4llCkRI208p6cSlaya8ZO4diJM=',
    ['private', 'multi-line', 'sealed'],
  ],
  ['235 ADAT=BA4AAAAEAABoDbUKTQACawLMHjMsqDlWitmsCLFhNXjnARA=', ['safe message', 'weak                 true']],
  ['633 Zm9v', ['confidential', '3 octets', 'not known here']],
  ['335 ADAT=', ['positive intermediate', '0 octets']],
  ['235 done', ['positive completion']],
  ['530 no', ['permanent negative', 'authentication']],
  ['PASS secret', ['in the clear', 'secret']],
  ['NOOP', ['no argument']],
])('describes %s', async (line, words) => {
  const { status, stdout, stderr } = await run('decode', ...line.split(' '));
  expect([status, stderr]).toEqual([0, '']);
  for (const word of words) expect(stdout.toLowerCase()).toContain(word.toLowerCase());
});

it.each(TOKEN_LEVELS)('says that $verb and $code are $level', async ({ level, verb, code }) => {
  for (const line of [`${verb} Zm9v`, `${code} Zm9v`]) {
    const { status, stdout } = await run('decode', line);
    expect([status, stdout]).toEqual([0, expect.stringContaining(`level ${level} `)]);
  }
});

it('names the rule that a line breaks, and where', async () => {
  expect(await run('decode', 'MIC', 'Zm9*')).toEqual({
    status: 1,
    stdout: expect.stringMatching(/^syntax\/bad-base64 at octet 7: argument of MIC: bad base 64: character.*\n$/),
    stderr: '',
  });
});

it('shows the AP-REQ in the first token of an exchange', async () => {
  const text = readFileSync(capture('probe-heimdal-nomutual')).toString('latin1');
  const adat = /ADAT [A-Za-z0-9+/=]{100,}/.exec(text)![0];
  expect((await run('decode', adat)).stdout).toMatch(/AP-REQ[\s\S]*ftp\//);
});

it.each(EXCHANGE_REPLIES)('shows the security data of $code, such as that of a Windows server', async ({ code }) => {
  const offer = 'YEgGBisGAQUFAqA+MDygDjAMBgorBgEEAYI3AgIKoyowKKAmGyRub3RfZGVmaW5lZF9pbl9SRkM0MTc4QHBsZWFzZV9pZ25vcmU=';
  const { status, stdout } = await run('decode', `${code} ADAT=${offer}`);
  expect(status).toBe(0);
  expect(stdout).toMatch(/NegTokenInit2[\s\S]*1\.3\.6\.1\.4\.1\.311\.2\.2\.10[\s\S]*please_ignore/);
});

it('takes a bare code as a reply', async () => {
  expect(await run('decode', '250')).toEqual(await run('decode', '250 done'));
});

it('gives the same as JSON, one object for each line', async () => {
  const decoded = async (...line: string[]) => JSON.parse((await run('decode', '--json', ...line)).stdout);
  expect(await decoded('MIC BQQE/wAMAAwAAAAAGeXPAo/lqtyAG9eL4Fn6vlVTRVIgZnRwdGVzdGVy')).toMatchObject({
    line: expect.stringMatching(/^MIC /),
    kind: 'protected command',
    verb: 'MIC',
    level: 'safe',
    token: { octets: 42, description: { kind: expect.stringContaining('rap') } },
    deviations: [],
    error: null,
  });
  expect(await decoded('633 Zm9v')).toMatchObject({
    kind: 'protected reply',
    continues: false,
    token: { description: null, hex: '666f6f' },
  });
  expect(await decoded('631-Zm9v')).toMatchObject({ code: 631, continues: true });
  expect(await decoded('530 no')).toMatchObject({ kind: 'reply', classification: { kind: 'permanent-negative' } });
  expect(await decoded('PASS secret')).toMatchObject({ kind: 'command', verb: 'PASS', argument: 'secret' });
  const { status, stdout } = await run('decode', '--json', 'MIC', 'Zm9*');
  expect([status, JSON.parse(stdout)]).toEqual([
    1,
    { line: 'MIC Zm9*', error: { code: 'syntax/bad-base64', message: expect.any(String), offset: 7 } },
  ]);
});
