/** Findings: the rules, one by one, and those of real sessions. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ConnectionFindings } from '../../src/capture/findings.js';
import {
  type ConnectionRecord,
  FINDING_RULES,
  type FindingRecord,
  type MessageRecord,
  type ReplyRecord,
  type TranscriptRecord,
  verifyRecording,
} from '../../src/capture/index.js';
import { FIN, RST, type Segment } from '../../src/capture/link-layer.js';
import { krb5, parseKeytab } from '../../src/mechanisms/krb5/index.js';
import { nodeCiphers } from '../../src/node/index.js';
import type { ProtectionLevel } from '../../src/protection/protection-level.js';
import { latin1, pcapOf, realCapture, segmentsOf, vectorPath } from './helpers.js';

let index = 0;

function message(text: string, given: Partial<MessageRecord> = {}): MessageRecord {
  const level = given.level ?? 'private';
  const isClear = level === 'clear';
  return {
    type: 'message',
    connection: 1,
    index: ++index,
    time: '2026-11-22T10:00:00.000000Z',
    from: 'client',
    wire: 'ENC',
    level,
    applied: isClear ? null : level,
    verdict: isClear ? 'clear' : 'verified',
    token: null,
    plain_hex: null,
    text,
    sequence: isClear ? null : 'ok',
    tolerated: [],
    weak: false,
    error: null,
    ...given,
  };
}

/** A reply to a command, with what it leaves settled. */
function reply(code: number, to: string, given: Partial<ReplyRecord> = {}): TranscriptRecord {
  const kind = code < 200 ? 'positive-preliminary' : 'positive-completion';
  const [verb = '', argument = null] = to.split(' ');
  const answers = { message: index, verb, argument };
  const settled = { answers, user: null, protection: 'clear' } as const;
  return {
    type: 'reply',
    connection: 1,
    messages: [++index],
    code,
    kind,
    group: null,
    lines: [],
    ...settled,
    ...given,
  };
}

function connection(facts: ConnectionRecord['facts'] = {}): ConnectionRecord {
  return {
    type: 'connection',
    connection: 1,
    client: null,
    server: null,
    mechanism: 'GSSAPI',
    variant: 'krb5',
    client_name: 'anna@EXAMPLE.TEST',
    server_name: null,
    enctype: 18,
    keyed: true,
    problem: null,
    facts,
  };
}

const broken = (code: string) => ({ error: { code, message: 'why' } }) as Partial<MessageRecord>;

function rulesOf(...records: TranscriptRecord[]): string[] {
  const findings = new ConnectionFindings(1);
  const found = records.flatMap(record => findings.see(record));
  for (const { rule, text, severity } of found) {
    expect(FINDING_RULES).toContain(rule);
    expect(text).not.toBe('');
    expect(['high', 'medium', 'low']).toContain(severity);
  }
  return found.map(({ rule }) => rule);
}

describe('a line with an error', () => {
  it.each([
    ['clear-command-after-235', message('NOOP', { level: 'clear', ...broken('sequence/unprotected') })],
    ['clear-reply-after-235', message('200 x', { from: 'server', level: 'clear', ...broken('sequence/unprotected') })],
    ['altered-token', message('', { ...broken('security/bad-checksum'), verdict: 'failed' })],
    ['altered-token', message('', { ...broken('security/bad-token'), verdict: 'failed' })],
    ['reflected-token', message('', { ...broken('security/wrong-direction'), verdict: 'failed' })],
    ['replayed-token', message('', { ...broken('security/replayed'), verdict: 'failed' })],
    ['reordered-line', message('NOOP', { ...broken('security/out-of-sequence'), sequence: 'late' })],
    ['unexplained-gap', message('NOOP', { ...broken('security/out-of-sequence'), sequence: 'gap' })],
    ['unsealed-token', message('NOOP', { ...broken('sequence/wrong-level'), applied: 'safe' })],
    [
      'overstated-level',
      message('NOOP', { ...broken('sequence/wrong-level'), level: 'confidential', applied: 'safe' }),
    ],
    ['nested-protection', message('MIC x', broken('sequence/nested-protection'))],
    ['smuggled-text', message('NOOP\r\nQUIT', broken('syntax/bad-command'))],
    ['token-without-association', message('', { ...broken('sequence/no-context'), verdict: 'failed' })],
    ['malformed-line', message('x', { ...broken('syntax/bad-line'), level: 'clear' })],
    ['unfinished-line', message('x', broken('syntax/truncated'))],
  ])('is %s', (rule, record) => {
    expect(rulesOf(record)).toEqual([rule]);
  });

  it('rests on that line', () => {
    const record = message('', broken('security/replayed'));
    expect(new ConnectionFindings(1).see(record)).toEqual([
      expect.objectContaining({ connection: 1, severity: 'high', messages: [record.index] }),
    ]);
  });
});

describe('a password', () => {
  it.each([
    ['clear', ['password-in-clear']],
    ['safe', ['password-unsealed']],
    ['private', []],
  ] as const)('at level %s is %j', (level, expected) => {
    expect(rulesOf(message('PASS secret', { level }))).toEqual(expected);
  });

  it('is judged by what its token had', () => {
    expect(rulesOf(message('PASS secret', { level: 'private', applied: 'safe' }))).toEqual(['password-unsealed']);
  });

  it('is not repeated', () => {
    expect(JSON.stringify(new ConnectionFindings(1).see(message('PASS secret', { level: 'safe' })))).not.toContain(
      'secret',
    );
  });

  it.each([
    ['anonymous', 'anonymous-password'],
    ['FTP', 'anonymous-password'],
    ['anna', 'password-in-clear'],
  ])('of %s in the clear is %s', (user, rule) => {
    const login = ['PASS a@b', `USER ${user}`, 'PASS a@b'].map(text => message(text, { level: 'clear' }));
    expect(rulesOf(...login)).toEqual(['password-in-clear', rule]);
  });
});

describe('an exchange', () => {
  const adat = message('ADAT x', { level: 'clear' });

  it.each([
    ['weak-cryptography', { weak: true, weakness: 'old' }],
    ['delegated-credentials', { flags: ['mutual', 'deleg'] }],
    ['clock-skew', { clientTime: '2026-11-22T10:05:01Z' }],
    ['ticket-out-of-time', { authTime: '2026-11-21T10:00:00Z', endTime: '2026-11-22T09:54:59Z' }],
    ['ticket-out-of-time', { authTime: '2026-11-22T10:05:01Z', endTime: '2026-11-23T10:00:00Z' }],
    ['ticket-out-of-time', { authTime: '2026-11-22T10:00:00Z', startTime: '2026-11-22T11:00:00Z' }],
  ])('shows %s', (rule, facts) => {
    expect(rulesOf(adat, connection(facts))).toEqual([rule]);
  });

  it('in its time shows nothing', () => {
    const facts = {
      weak: false,
      flags: ['mutual'],
      authTime: '2026-11-22T09:00:00Z',
      endTime: '2026-11-22T10:00:00Z',
      clientTime: '2026-11-22T09:58:00Z',
    };
    expect(rulesOf(adat, connection(facts))).toEqual([]);
    expect(rulesOf({ ...adat, time: null }, connection({ clientTime: '2020-01-01T00:00:00Z' }))).toEqual([]);
  });

  it('of one user does not log another one in, but with a password', () => {
    const root = reply(232, 'USER root', { user: 'root' });
    expect(rulesOf(connection(), reply(232, 'USER anna', { user: 'anna' }))).toEqual([]);
    expect(rulesOf(connection(), root)).toEqual(['other-user']);
    expect(rulesOf(connection(), reply(331, 'USER root'), reply(230, 'PASS x', { user: 'root' }))).toEqual([]);
    expect(rulesOf(root)).toEqual([]);
  });

  it('holds until REIN, or another AUTH, is accepted', () => {
    const root = () => reply(230, 'USER root', { user: 'root' });
    const transfer = () => reply(150, 'RETR a', { protection: 'clear' });
    const begun = () => [root(), transfer()];
    for (const [code, to] of [
      [220, 'REIN'],
      [334, 'AUTH GSSAPI'],
    ] as const)
      expect(rulesOf(connection(), reply(code, to), ...begun())).toEqual([]);
    for (const [code, to] of [
      [120, 'REIN'],
      [502, 'REIN'],
      [504, 'AUTH GSSAPI'],
      [535, 'AUTH GSSAPI'],
    ] as const)
      expect(rulesOf(connection(), reply(code, to), ...begun())).toEqual(['other-user', 'data-in-clear']);
    expect(rulesOf(connection(), reply(220, 'REIN'), connection(), ...begun())).toEqual([
      'other-user',
      'data-in-clear',
    ]);
  });

  it('of a distinguished name logs in to an account that the server has for it', () => {
    const grid = { ...connection(), variant: 'gsi', client_name: '/O=Grid/CN=Anna Example' };
    for (const user of [':globus-mapping:', 'anna'])
      expect(rulesOf(grid, reply(232, `USER ${user}`, { user }))).toEqual([]);
  });
});

describe('data connections', () => {
  const data = {
    type: 'data',
    connection: 1,
    client: null,
    server: null,
    time: null,
    from: 'client',
    message: 5,
    command: 'STOR',
    name: 'a',
    user: null,
    found_by: 'address',
    level: 'private',
    applied: 'private',
    blocks: 1,
    bytes: 1,
    sha256: null,
    verdict: 'verified',
    offset: 0,
    weak: false,
    problem: null,
    lost: 0,
    whole: false,
    given_up: false,
  } as const;

  it.each([
    ['data-truncated', 'verified', 'syntax/truncated'],
    ['data-replayed', 'verified', 'security/replayed'],
    ['data-reordered', 'verified', 'security/out-of-sequence'],
    ['data-altered', 'failed', 'security/bad-checksum'],
    ['data-irregular', 'verified', 'syntax/trailing-data'],
    ['data-irregular', 'verified', 'sequence/wrong-level'],
  ] as const)('are %s', (rule, verdict, code) => {
    expect(rulesOf({ ...data, verdict, error: { code, message: 'why' } })).toEqual([rule]);
    expect(rulesOf({ ...data, error: null })).toEqual([]);
  });

  it('are given up where the server has said that the transfer failed', () => {
    const error = { code: 'syntax/truncated', message: 'why' } as const;
    expect(rulesOf({ ...data, error, given_up: true })).toEqual(['data-given-up']);
  });

  it('without protection are found, and so is PROT that lowers it', () => {
    const transfer = (protection: ProtectionLevel = 'clear') => reply(150, 'RETR a', { protection });
    const prot = (protection: ProtectionLevel) => reply(200, 'PROT X', { protection });
    expect(rulesOf(connection(), transfer())).toEqual(['data-in-clear']);
    expect(rulesOf(connection(), prot('private'), transfer('private'))).toEqual([]);
    expect(rulesOf(connection(), prot('private'), prot('safe'))).toEqual(['lowered-protection']);
    expect(rulesOf(connection(), prot('safe'), prot('private'))).toEqual([]);
    const lowered = [prot('private'), prot('clear'), transfer()];
    expect(rulesOf(connection(), ...lowered)).toEqual(['lowered-protection', 'data-in-clear']);
    expect(rulesOf(transfer())).toEqual([]);
  });

  it('without protection are found once each, however many 1yz replies a transfer has', () => {
    const first = reply(150, 'STOR a') as ReplyRecord;
    // GridFTP servers report how far a transfer is with a reply of their own.
    const more = [
      { ...first, code: 111 },
      { ...first, code: 112 },
    ];
    expect(rulesOf(connection(), first, ...more, reply(150, 'STOR b'))).toEqual(['data-in-clear', 'data-in-clear']);
  });
});

it('reports a deviation once for each side', () => {
  const [first, second] = [
    message('A', { tolerated: ['trailing-nul'] }),
    message('B', { tolerated: ['trailing-nul'] }),
  ];
  expect(rulesOf(first, second, { ...first, from: 'server' })).toEqual([
    'deviation/trailing-nul',
    'deviation/trailing-nul',
  ]);
});

describe('a secured connection that is open where the capture ends', () => {
  const name = 'heimdal-safe-aes128-cts-hmac-sha1-96';
  const keys = parseKeytab(readFileSync(vectorPath(`${name}.keytab`)));
  const { control_port } = JSON.parse(readFileSync(vectorPath(`${name}.json`), 'utf8'));
  const segments = segmentsOf(realCapture(name));
  const isControl = ({ source, destination }: Segment) => `${source} ${destination}`.includes(`:${control_port}`);
  const control = segments.filter(isControl);
  const secured = control.findIndex(({ payload }) => latin1(payload).startsWith('235 '));
  const unfinished = (some: Segment[]) => {
    const { records } = verifyRecording(pcapOf(some), { mechanisms: [krb5({ observer: { keys } })] });
    return records.filter(it => it.type === 'finding' && it.rule === 'unfinished-connection').length;
  };

  it('is said, and none that has ended, was reset, or was not secured', () => {
    const end = control.findIndex(({ flags }) => (flags & (FIN | RST)) !== 0);
    expect(end).toBeGreaterThan(secured);
    for (const place of [secured + 1, secured + 20, end]) expect(unfinished(control.slice(0, place))).toBe(1);
    expect(unfinished(control.slice(0, secured))).toBe(0);
    expect(unfinished(control)).toBe(0);
    const last = control[end - 1]!;
    const reset = { ...last, seq: last.seq + last.payload.length, payload: last.payload.subarray(0, 0), flags: RST };
    expect(unfinished([...control.slice(0, end), reset])).toBe(0);
  });
});

describe('real sessions', () => {
  function findingsOf(name: string): FindingRecord[] {
    const keys = parseKeytab(readFileSync(vectorPath(`${name}.keytab`)));
    const { records } = verifyRecording(realCapture(name), {
      mechanisms: [krb5({ observer: { keys, ciphers: nodeCiphers } })],
    });
    return records.filter(record => record.type === 'finding');
  }
  const severe = (name: string) => [
    ...new Set(findingsOf(name).flatMap(({ rule, severity }) => (severity === 'low' ? [] : [rule]))),
  ];

  it('show what they are known for', () => {
    expect(severe('krb5ftp-otheruser-aes256-sha1')).toEqual([]);
    expect(severe('heimdal-private-arcfour-hmac-md5')).toContain('weak-cryptography');
    expect(severe('heimdal-clear-aes128-cts-hmac-sha256-128')).toContain('data-in-clear');
    expect(findingsOf('krb5ftp-deleg-aes256-sha1').map(({ rule }) => rule)).toContain('delegated-credentials');
    expect(severe('probe-ftpd-aes256-sha1')).toEqual(
      expect.arrayContaining(['altered-token', 'replayed-token', 'clear-command-after-235', 'unsealed-token']),
    );
  });
});
