/** The data connections of recordings: how they are found, and what is said of their blocks. */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import { beforeEach, describe, expect, it } from 'vitest';
import { concat, concatAll, u32be } from '../../src/bytes.js';
import type { TcpConnection } from '../../src/capture/connection-table.js';
import { DataConnections } from '../../src/capture/data-connections.js';
import {
  type DataRecord,
  type FindingRecord,
  type SummaryRecord,
  type TransferSink,
  verifyRecording,
} from '../../src/capture/index.js';
import type { Segment } from '../../src/capture/link-layer.js';
import schema from '../../src/capture/transcript.schema.json' with { type: 'json' };
import { krb4, parseSrvtab } from '../../src/mechanisms/krb4/index.js';
import { krb5, parseKeytab } from '../../src/mechanisms/krb5/index.js';
import { psk, pskAcceptor, pskInitiator } from '../../src/mechanisms/psk/index.js';
import { nodeCiphers } from '../../src/node/index.js';
import { BlockWriter } from '../../src/protection/data-block.js';
import type { SecurityContext } from '../../src/protection/mechanism.js';
import { protectCommand, protectReply } from '../../src/protection/protect.js';
import { CLIENT, type Line, latin1, pcapOf, realCapture, SERVER, segmentsOf, talk, vectorPath } from './helpers.js';

interface Truth {
  conn: number;
  from: string;
  blocks: number;
  conf: boolean;
  bytes: number | null;
  sha256: string | null;
  why?: string;
}

const NAMES = readdirSync(vectorPath('.')).flatMap(file => /^(.*)\.truth\.jsonl$/.exec(file)?.[1] ?? []);

function truthOf(name: string): Truth[] {
  const lines = readFileSync(vectorPath(`${name}.truth.jsonl`), 'utf8')
    .split('\n')
    .filter(Boolean);
  return lines.map(line => JSON.parse(line)).filter(({ data }) => data === true);
}

function mechanismsOf(name: string) {
  const octets = (suffix: string) => new Uint8Array(readFileSync(vectorPath(`${name}.${suffix}`)));
  return existsSync(vectorPath(`${name}.srvtab`))
    ? [krb4({ observer: { keys: parseSrvtab(octets('srvtab')), ciphers: nodeCiphers } })]
    : [krb5({ observer: { keys: parseKeytab(octets('keytab')), ciphers: nodeCiphers } })];
}

const isData = (record: { type: string }): record is DataRecord => record.type === 'data';

describe('the data connections of real sessions', () => {
  const matches = new Ajv().compile(schema);

  it.each(NAMES.filter(name => truthOf(name).length > 0))('%s', name => {
    const { records, faults } = verifyRecording(realCapture(name), { mechanisms: mechanismsOf(name) });
    expect(faults).toBeUndefined();
    const found = records.filter(isData);
    for (const record of found) expect([matches(record), record]).toEqual([true, record]);
    const inOrder = (a: object, b: object) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1);
    const seen = found.map(({ connection: conn, from, blocks, applied, bytes, sha256, error }) => {
      const why = error?.code === 'syntax/truncated' ? 'no final empty block' : null;
      return { conn, from, blocks, conf: applied === 'private', bytes, sha256, why };
    });
    const expected = truthOf(name).map(({ conn, from, blocks, conf, bytes, sha256, why = null }) => {
      return { conn, from, blocks, conf, bytes, sha256, why };
    });
    expect(seen.sort(inOrder)).toEqual(expected.sort(inOrder));
    expect(new Set(found.map(it => [it.verdict, it.found_by].join()))).toEqual(new Set(['verified,address']));
  });

  it.each([false, true])('leave no gap in the numbers of the control connection, captured last: %s', isLast => {
    const name = 'heimdal-safe-aes128-cts-hmac-sha1-96';
    const { control_port } = JSON.parse(readFileSync(vectorPath(`${name}.json`), 'utf8'));
    const segments = segmentsOf(realCapture(name));
    const isData = (it: Segment) =>
      it.payload.length > 0 && !`${it.source} ${it.destination}`.includes(`:${control_port}`);
    // Each block comes some lines later than it was sent.
    const place = (it: Segment, i: number) => (isLast && isData(it) ? i + 25 : i);
    const ordered = segments.map((it, i) => [place(it, i), it] as const).sort(([a], [b]) => a - b);
    const recording = pcapOf(ordered.map(([, it]) => it));
    const { records } = verifyRecording(recording, { mechanisms: mechanismsOf(name) });
    const tokens = records.filter(record => record.type === 'message' && record.level !== 'clear');
    expect(tokens).toHaveLength(114);
    expect(tokens.filter(it => it.type === 'message' && (it.sequence !== 'ok' || it.error !== null))).toEqual([]);
  });

  it('are found by their ports where the addresses of the packets are others than those announced', () => {
    const name = 'heimdal-safe-aes128-cts-hmac-sha1-96';
    const translated = (end: string) => end.replace('127.0.0.1', '203.0.113.7');
    const segments = segmentsOf(realCapture(name)).map(it => {
      return { ...it, source: translated(it.source), destination: translated(it.destination) };
    });
    const { records } = verifyRecording(pcapOf(segments), { mechanisms: mechanismsOf(name) });
    const found = records.filter(isData);
    expect(found.map(({ sha256 }) => sha256).sort()).toEqual(
      truthOf(name)
        .map(({ sha256 }) => sha256)
        .sort(),
    );
    expect(found.filter(it => it.found_by === 'port').length).toBeGreaterThan(5);
  });
});

describe('a data connection', () => {
  const key = new Uint8Array(16).fill(7);
  let client: SecurityContext;
  let server: SecurityContext;
  let opening: Line[];

  beforeEach(() => associate());

  async function associate(): Promise<void> {
    const [initiator, acceptor] = [pskInitiator({ key }), pskAcceptor({ key })];
    const adat = (token?: Uint8Array) => Buffer.from(token!).toString('base64');
    const first = await initiator.step();
    const answer = await acceptor.step(first.token);
    const last = await initiator.step(answer.token);
    [client, server] = [last.context!, (await acceptor.step(last.token)).context!];
    opening = [
      reply('220 Ready'),
      command('AUTH X-PSK'),
      reply('334 Go on'),
      command(`ADAT ${adat(first.token)}`),
      reply(`335 ADAT=${adat(answer.token)}`),
      command(`ADAT ${adat(last.token)}`),
      reply('235 Done'),
    ];
  }

  const command = (text: string): Line => ({ from: 0, text: `${text}\r\n` });
  const reply = (text: string): Line => ({ from: 1, text: `${text}\r\n` });
  const enc = (text: string): Line => ({
    from: 0,
    text: latin1(protectCommand(client, 'private', Buffer.from(`${text}\r\n`))),
  });
  const conf = (text: string): Line => ({ from: 1, text: latin1(protectReply(server, 'private', Buffer.from(text))) });
  const settled = (prot = 'P') => [
    enc('USER anna'),
    conf('232 Welcome'),
    enc('PBSZ 4096'),
    conf('200 PBSZ=4096'),
    enc(`PROT ${prot}`),
    conf('200 Done'),
  ];

  /** A file in blocks, each as it is on the wire. */
  function blocks(context: SecurityContext, level: 'safe' | 'private', ...texts: string[]): Uint8Array[] {
    return texts.map(text => {
      const { token } = context.wrap(Buffer.from(text), level);
      return concat(u32be(token.length), token);
    });
  }

  /** The control connection with a data connection within: its segments come where the mark is. */
  function recordOf(
    before: Line[],
    data: (ends?: [string, string]) => Segment[],
    after: Line[],
    options: { ends?: [string, string]; key?: Uint8Array } = {},
  ): { data: DataRecord[]; findings: FindingRecord[]; summary: SummaryRecord; sinks: string[] } {
    const lines = [...opening, ...before];
    const { ends = [CLIENT, SERVER] } = options;
    const whole = talk([...lines, ...after], { ends });
    const place = 3 + 2 * lines.length;
    const segments = [...whole.slice(0, place), ...data(), ...whole.slice(place)];
    const mechanisms = [psk({ observer: { keys: [options.key ?? key] } })];
    const sinks: string[] = [];
    const extract = ({ name }: { name: string | null }): TransferSink => ({
      write: plaintext => sinks.push(`${name}: ${latin1(plaintext)}`),
      end: ({ verdict, error }) => sinks.push(`${name}: ${verdict} ${error?.code}`),
    });
    const { records, faults } = verifyRecording(pcapOf(segments), { mechanisms, extract });
    expect(faults).toBeUndefined();
    // With a hash of the caller's own, the files have the same hashes.
    const sha256 = () => createHash('sha256');
    expect(verifyRecording(pcapOf(segments), { mechanisms, sha256 }).records).toEqual(records);
    const unhashed = records.map(record => (isData(record) ? { ...record, sha256: null } : record));
    expect(verifyRecording(pcapOf(segments), { mechanisms, sha256: false }).records).toEqual(unhashed);
    const findings = records.filter(record => record.type === 'finding');
    return { data: records.filter(isData), findings, summary: records.at(-1) as SummaryRecord, sinks };
  }

  /** Octets that one end of a connection sends. */
  const sent = (ends: [string, string], from: 0 | 1, ...parts: Uint8Array[]) =>
    talk([{ from, text: latin1(concatAll(parts)) }], { ends });

  const V6: [string, string] = ['[2001:db8::1]:40000', '[2001:db8::2]:21'];
  const WAYS: [string, (string | Line)[], [string, string], [string, string]?][] = [
    ['PORT', ['PORT 192,0,2,1,156,65', '200 Done'], ['192.0.2.2:20', '192.0.2.1:40001']],
    ['EPRT', ['EPRT |2|2001:DB8:0::1|40001|', '200 Done'], ['[2001:db8::2]:20', '[2001:db8::1]:40001'], V6],
    ['LPRT', ['LPRT 4,4,192,0,2,1,2,156,65', '200 Done'], ['192.0.2.2:20', '192.0.2.1:40001']],
    ['227', ['PASV', '227 Entering Passive Mode (192,0,2,2,195,80)'], ['192.0.2.1:40001', '192.0.2.2:50000']],
    ['228', ['LPSV', '228 Long (4,4,192,0,2,2,2,195,80)'], ['192.0.2.1:40001', '192.0.2.2:50000']],
    ['229', ['EPSV', '229 Extended (|||50000|)'], ['[2001:db8::1]:40001', '[2001:db8::2]:50000'], V6],
    [
      'SPAS',
      ['SPAS', '229-Striped\r\n 192,0,2,9,195,81\r\n 192,0,2,2,195,80\r\n229 End'],
      ['192.0.2.1:40001', '192.0.2.2:50000'],
    ],
    ['SPOR', ['SPOR 192,0,2,9,156,66 192,0,2,1,156,65', '200 Done'], ['192.0.2.2:20', '192.0.2.1:40001']],
  ];

  it.each(WAYS)('is found by %s', (_, [asked, granted], ends, control) => {
    const before = [...settled(), enc(asked as string), conf(granted as string), enc('STOR a/b.txt'), conf('150 Go')];
    const isActive = ends[0].endsWith(':20');
    const file = blocks(client, 'private', 'one ', 'two', '');
    const data = () => sent(ends, isActive ? 1 : 0, ...file);
    const { data: found, summary, sinks } = recordOf(before, data, [conf('226 Done')], { ends: control! });
    expect(found).toEqual([
      expect.objectContaining({
        connection: 1,
        client: isActive ? ends[1] : ends[0],
        server: isActive ? ends[0] : ends[1],
        from: 'client',
        command: 'STOR',
        name: 'a/b.txt',
        user: 'anna',
        found_by: 'address',
        level: 'private',
        applied: 'private',
        blocks: 3,
        bytes: 7,
        verdict: 'verified',
        problem: null,
        error: null,
        lost: 0,
      }),
    ]);
    expect(sinks).toEqual(['a/b.txt: one ', 'a/b.txt: two', 'a/b.txt: ', 'a/b.txt: verified undefined']);
    expect(summary).toMatchObject({ failed: 0, data_connections: 1 });
  });

  it('is found at the default port of the client, where none was announced (RFC 959 §3.2)', () => {
    const before = [...settled(), enc('RETR x'), conf('150 Go')];
    const file = blocks(server, 'private', 'text', '');
    const { data } = recordOf(before, () => sent(['192.0.2.2:20', CLIENT], 0, ...file), [conf('226 Done')]);
    expect(data).toEqual([expect.objectContaining({ from: 'server', command: 'RETR', bytes: 4, error: null })]);
  });

  const PASSIVE: [string, string] = ['192.0.2.1:40001', '192.0.2.2:50000'];
  const stored = (file: () => Uint8Array[], { prot = 'P', gap }: { prot?: string; gap?: number } = {}) => {
    const before = [...settled(prot), enc('EPSV'), conf('229 Extended (|||50000|)'), enc('STOR x'), conf('150 Go')];
    const octets = file();
    const data = () => {
      const segments = sent(PASSIVE, 0, ...octets);
      if (gap === undefined) return segments;
      return segments.map(it => (it.payload.length > 0 ? { ...it, payload: it.payload.slice(0, -gap) } : it));
    };
    return recordOf(before, data, [conf('226 Done')]);
  };

  it.each([
    ['without its last block', 'syntax/truncated', 'verified', () => blocks(client, 'private', 'a')],
    ['that ends within a block', 'syntax/truncated', 'failed', () => [blocks(client, 'private', 'a')[0]!.slice(0, -1)]],
    [
      'with a block that came before',
      'security/replayed',
      'verified',
      () => {
        const [a, b, last] = blocks(client, 'private', 'a', 'b', '');
        return [a!, b!, a!, last!];
      },
    ],
    [
      'with blocks behind the last one',
      'syntax/trailing-data',
      'verified',
      () => blocks(client, 'private', 'a', '', 'b'),
    ],
    ['with a block of a lower level', 'sequence/wrong-level', 'verified', () => blocks(client, 'safe', 'a', '')],
    [
      'with a block over PBSZ',
      'syntax/limit-exceeded',
      'verified',
      () => blocks(client, 'private', 'a'.repeat(4096), ''),
    ],
    [
      'with an altered block',
      'security/bad-checksum',
      'failed',
      () => {
        const [a, last] = blocks(client, 'private', 'a', '');
        return [a!.map((octet, i) => (i === a!.length - 1 ? octet ^ 1 : octet)), last!];
      },
    ],
    ['of the other side', 'security/wrong-direction', 'failed', () => blocks(server, 'private', 'a', '')],
    ['with a length of zero', 'syntax/bad-block', 'failed', () => [u32be(0)]],
    ['with a length of 4 GiB', 'syntax/limit-exceeded', 'failed', () => [u32be(0xffff_ffff)]],
  ] as const)('%s breaks %s, and is %s', (_, code, verdict, file) => {
    const { data, sinks } = stored(() => [...file()]);
    expect(data.map(it => [it.error?.code, it.verdict])).toEqual([[code, verdict]]);
    expect([data[0]!.bytes === null, data[0]!.sha256 === null]).toEqual([verdict === 'failed', verdict === 'failed']);
    expect(sinks.at(-1)).toBe(`x: ${verdict} ${code}`);
  });

  /** The lines before a download. */
  const downloading = (...commands: Line[]) => [
    ...settled(),
    enc('EPSV'),
    conf('229 Extended (|||50000|)'),
    ...commands,
  ];

  it('whose sender also sent a line between the blocks is whole with that line, and not without it', () => {
    for (const isThere of [true, false]) {
      const before = downloading(enc('RETR x'), conf('150 Go'));
      const first = blocks(server, 'private', 'one');
      const stat = [enc('STAT'), conf('211 Go on')];
      const file = [...first, ...blocks(server, 'private', 'two', '')];
      const after = [...(isThere ? stat : []), conf('226 Done')];
      const { data } = recordOf(before, () => sent(PASSIVE, 1, ...file), after);
      const code = data[0]!.error?.code;
      expect([data.length, data[0]!.whole, code]).toEqual([
        1,
        isThere,
        isThere ? undefined : 'security/out-of-sequence',
      ]);
    }
  });

  it('that no 1yz reply announced is not known to be whole', () => {
    const before = downloading(enc('RETR x'));
    const file = blocks(server, 'private', 'text', '');
    const { data } = recordOf(before, () => sent(PASSIVE, 1, ...file), [conf('226 Done')]);
    expect(data).toEqual([expect.objectContaining({ whole: false, error: null })]);
  });

  it.each([
    ['RETR', '350 Go on', 100],
    ['RETR', '504 No', 0],
    ['APPE', '350 Go on', null],
  ])('of %s after REST and %s begins at octet %s of the file', (verb, answer, offset) => {
    const from = verb === 'RETR' ? server : client;
    const rest = [enc('REST 100'), conf(answer)];
    const before = [
      ...settled(),
      enc('EPSV'),
      conf('229 Extended (|||50000|)'),
      ...rest,
      enc(`${verb} x`),
      conf('150 Go'),
    ];
    const file = blocks(from, 'private', 'text', '');
    const { data } = recordOf(before, () => sent(PASSIVE, verb === 'RETR' ? 1 : 0, ...file), [conf('226 Done')]);
    expect(data).toEqual([expect.objectContaining({ offset, whole: true, command: verb, error: null })]);
  });

  it('belongs to its own transfer where commands are sent ahead', () => {
    const before = [
      ...settled(),
      enc('EPSV'),
      enc('STOR a'),
      enc('STOR b'),
      conf('229 Extended (|||50000|)'),
      conf('150 Go'),
    ];
    const file = blocks(client, 'private', 'text', '');
    const { data } = recordOf(before, () => sent(PASSIVE, 0, ...file), [conf('226 Done'), conf('425 No connection')]);
    expect(data).toEqual([expect.objectContaining({ name: 'a', error: null, whole: true })]);
  });

  it('that has begun and gives no octet lacks its last block', () => {
    const { data } = stored(() => []);
    expect(data).toEqual([expect.objectContaining({ blocks: 0, verdict: 'failed' })]);
    expect(data[0]!.error?.code).toBe('syntax/truncated');
  });

  it('that is TLS, as with GridFTP, can not be opened, and says why', () => {
    const { data, findings } = stored(() => [Uint8Array.of(0x16, 3, 3, 0, 4, 1, 2, 3, 4)]);
    const problem = { code: 'security/no-key', message: 'TLS of its own, which is not opened' };
    expect(data).toEqual([expect.objectContaining({ verdict: 'unkeyed', problem, error: null, whole: false })]);
    expect(findings.filter(({ rule }) => rule.startsWith('data-'))).toEqual([]);
  });

  it.each(['450 Busy', '550 No such file', '425 No connection'])(
    'whose transfer has the reply %s at once is none',
    refusal => {
      // A client in passive mode connects before it sends the command.
      for (const [verb, side] of [
        ['RETR', 1],
        ['STOR', 0],
      ] as const) {
        const { data, findings } = recordOf(
          downloading(enc(`${verb} x`), conf(refusal)),
          () => sent(PASSIVE, side),
          [],
        );
        expect([data, findings.filter(({ rule }) => rule.startsWith('data-'))]).toEqual([[], []]);
      }
    },
  );

  it('whose transfer is refused has no octets: those that come are judged', () => {
    const before = downloading(enc('RETR x'), conf('550 No such file'));
    const { data } = recordOf(before, () => sent(PASSIVE, 1, ...blocks(server, 'private', 'text')), []);
    expect(data.map(({ verdict, error }) => [verdict, error?.code])).toEqual([['verified', 'syntax/truncated']]);
  });

  it('whose octets are not all in the capture is read up to there, and no error', () => {
    const { data } = stored(() => blocks(client, 'private', 'abc', 'def', ''), { gap: 60 });
    expect(data).toEqual([expect.objectContaining({ verdict: 'verified', error: null, lost: 60 })]);
    expect(data[0]!.bytes).toBeLessThan(6);
  });

  describe('that is not in the capture at all is a finding of its transfer', () => {
    const missing = (before: Line[], after: Line[], data: () => Segment[] = () => []) => {
      const { findings } = recordOf(before, data, after);
      return findings.filter(({ rule }) => rule === 'data-not-captured').map(({ messages, text }) => [messages, text]);
    };
    const asked = (prot = 'P') => [...settled(prot), enc('EPSV'), conf('229 Extended (|||50000|)'), enc('RETR x')];
    /** Index of RETR: after 7 lines of the exchange, 6 of the settings, and 2 of EPSV. */
    const RETR = 16;
    const text = 'a protected transfer whose data connection is not in the capture: RETR x at level private';

    it.each([
      [
        ['150 Go', '226 Done'],
        [RETR, RETR + 2],
      ],
      [['226 Done'], [RETR, RETR + 1]],
      [
        ['150 Go', '426 Aborted'],
        [RETR, RETR + 2],
      ],
      [['150 Go'], [RETR, RETR + 1]],
    ])('%j', (replies, lines) => {
      expect(missing([...asked(), ...replies.map(conf)], [])).toEqual([[lines, text]]);
    });

    it.each([[['550 No such file']], [['150 Go', '425 No connection']], [[]]])(
      'not with %j: there was none',
      replies => {
        expect(missing([...asked(), ...replies.map(conf)], [])).toEqual([]);
      },
    );

    it('not where PROT has set level clear', () => {
      expect(missing([...asked('C'), conf('150 Go'), conf('226 Done')], [])).toEqual([]);
      expect(missing([...asked('S'), conf('150 Go'), conf('226 Done')], [])).toHaveLength(1);
    });

    it('not where it is there, with octets or without', () => {
      const file = blocks(server, 'private', 'text', '');
      for (const octets of [file, []])
        expect(missing([...asked(), conf('150 Go')], [conf('226 Done')], () => sent(PASSIVE, 1, ...octets))).toEqual(
          [],
        );
    });

    it('of each one, where there are more transfers than are kept', () => {
      const more = Array.from({ length: 300 }, (_, i) => [enc(`RETR ${i}`), conf('150 Go'), conf('226 Done')]).flat();
      expect(missing([...settled(), ...more], [])).toHaveLength(300);
    });
  });

  it.each([
    ['sends', 'RETR', 'STOR'],
    ['receives', 'STOR', 'RETR'],
  ])(
    'between two servers, of which the passive one %s, is that of both control connections',
    async (_, first, second) => {
      const OTHER = '192.0.2.3';
      const session = (ends: [string, string], asked: string, granted: string, verb: string) => {
        const before = [...opening, ...settled(), enc(asked), conf(granted), enc(`${verb} x`), conf('150 Go')];
        const whole = talk([...before, conf('226 Done')], { ends });
        const place = 3 + 2 * before.length;
        return { before: whole.slice(0, place), after: whole.slice(place), sender: server };
      };
      const passive = session([CLIENT, SERVER], 'PASV', '227 Passive (192,0,2,2,195,80)', first);
      await associate();
      const active = session(['192.0.2.1:40009', `${OTHER}:21`], 'PORT 192,0,2,2,195,80', '200 Done', second);
      const { sender } = first === 'RETR' ? passive : active;
      const data = sent(
        [`${OTHER}:20`, '192.0.2.2:50000'],
        first === 'RETR' ? 1 : 0,
        ...blocks(sender, 'private', 'text', ''),
      );
      const segments = [...passive.before, ...active.before, ...data, ...passive.after, ...active.after];
      const { records } = verifyRecording(pcapOf(segments), { mechanisms: [psk({ observer: { keys: [key] } })] });
      expect(records.filter(isData).map(({ command, whole, error }) => [command, whole, error])).toEqual([
        ['RETR', true, null],
      ]);
      expect(records.filter(it => it.type === 'finding' && it.rule.startsWith('data-'))).toEqual([]);
    },
  );

  it('is not that of an older session, whose server had announced its address', async () => {
    const file = (context: SecurityContext) => blocks(context, 'private', 'text', '');
    const older = talk([...opening, ...downloading(enc('RETR x'), conf('150 Go')), conf('226 Done')], {
      ends: ['192.0.2.1:40009', SERVER],
      close: 'open',
    });
    const before = sent(PASSIVE, 1, ...file(server));
    await associate();
    const lines = [
      ...opening,
      ...settled(),
      enc('PORT 192,0,2,2,195,80'),
      conf('200 Done'),
      enc('STOR y'),
      conf('150 Go'),
    ];
    const newer = talk([...lines, conf('226 Done')]);
    const place = 3 + 2 * lines.length;
    const data = sent(['192.0.2.2:20', '192.0.2.2:50000'], 1, ...file(client));
    const segments = [
      ...older.slice(0, -2),
      ...before,
      ...older.slice(-2),
      ...newer.slice(0, place),
      ...data,
      ...newer.slice(place),
    ];
    const { records } = verifyRecording(pcapOf(segments), { mechanisms: [psk({ observer: { keys: [key] } })] });
    expect(records.filter(isData).map(({ connection, name, error }) => [connection, name, error])).toEqual([
      [1, 'x', null],
      [2, 'y', null],
    ]);
  });

  describe('in a capture on both sides of an address translation is found twice, each time at its own control connection', () => {
    const OUTSIDE = '203.0.113.7';
    /** The names that an end has on the other side; those that are not in it stay as they are. */
    const seen = (segments: Segment[], names: Record<string, string>): Segment[] => {
      const name = (end: string) => names[end] ?? end;
      return segments.map(it => ({ ...it, source: name(it.source), destination: name(it.destination) }));
    };
    const both = (segments: Segment[], names: Record<string, string>) => {
      const other = seen(segments, names);
      return segments.flatMap((it, i) => [it, other[i]!]);
    };
    const verified = (segments: Segment[]) => {
      const { records } = verifyRecording(pcapOf(segments), { mechanisms: [psk({ observer: { keys: [key] } })] });
      expect(records.filter(it => it.type === 'message' && it.error !== null)).toEqual([]);
      expect(records.filter(it => it.type === 'finding' && it.rule === 'data-not-captured')).toEqual([]);
      return records
        .filter(isData)
        .map(it => [it.connection, it.found_by, it.error, it.whole, it.name, it.client, it.server]);
    };
    const CLIENT_OUTSIDE = { [CLIENT]: `${OUTSIDE}:61000`, '192.0.2.1:40001': `${OUTSIDE}:61001` };
    const SERVER_OUTSIDE = { [SERVER]: `${OUTSIDE}:21`, '192.0.2.2:50000': `${OUTSIDE}:50000` };
    const SERVER_PORTS = { [SERVER]: `${OUTSIDE}:21`, '192.0.2.2:50000': `${OUTSIDE}:7777` };
    const PORTS_ALONE = { [CLIENT]: '192.0.2.1:61000', '192.0.2.1:40001': '192.0.2.1:61001' };
    const session = () => {
      const before = [...opening, ...settled(), enc('PASV'), conf('227 Passive (192,0,2,2,195,80)')];
      const lines = [...before, enc('STOR x'), conf('150 Go')];
      const file = blocks(client, 'private', 'one', 'two', '');
      const whole = talk([...lines, conf('226 Done')]);
      const place = 3 + 2 * lines.length;
      return [...whole.slice(0, place), ...sent(PASSIVE, 0, ...file), ...whole.slice(place)];
    };

    it.each([
      ['of the client', CLIENT_OUTSIDE, 'address'],
      ['of the server, whose inner address is announced', SERVER_OUTSIDE, 'port'],
      ['of the server, and of its ports', SERVER_PORTS, 'time'],
    ])('%s', (_, names, foundBy) => {
      const found = verified(both(session(), names));
      const [client, server] = PASSIVE;
      const byConnection = (a: unknown[], b: unknown[]) => Number(a[0]) - Number(b[0]);
      expect(found.sort(byConnection)).toEqual([
        [1, 'address', null, true, 'x', client, server],
        [
          2,
          foundBy,
          null,
          true,
          'x',
          names[client as keyof typeof names] ?? client,
          names[server as keyof typeof names] ?? server,
        ],
      ]);
    });

    it('of ports alone: the two can not be told from each other, but each control connection has one', () => {
      const found = verified(both(session(), PORTS_ALONE)).map(([number, by, error, whole]) => [
        number,
        by,
        error,
        whole,
      ]);
      expect(found.sort()).toEqual([1, 2].map(number => [number, 'address', null, true]));
    });

    it.each([
      ['of the client, which announces its inner address', '192,0,2,1', 'port'],
      ['of the client, which announces its outer address', '203,0,113,7', 'address'],
    ])('active, %s', (_, host, foundBy) => {
      const active: [string, string] = ['192.0.2.2:20', '192.0.2.1:40001'];
      const lines = [
        ...opening,
        ...settled(),
        enc(`PORT ${host},156,65`),
        conf('200 Done'),
        enc('RETR x'),
        conf('150 Go'),
      ];
      const file = blocks(server, 'private', 'one', 'two', '');
      const whole = talk([...lines, conf('226 Done')]);
      const place = 3 + 2 * lines.length;
      const segments = [...whole.slice(0, place), ...sent(active, 0, ...file), ...whole.slice(place)];
      const names = { [CLIENT]: `${OUTSIDE}:61000`, '192.0.2.1:40001': `${OUTSIDE}:40001` };
      const found = verified(both(segments, names)).sort();
      expect(found.map(([connection, by, error, whole]) => [connection, by, error, whole])).toEqual([
        [1, foundBy === 'port' ? 'address' : 'port', null, true],
        [2, foundBy, null, true],
      ]);
    });

    it('on the outer side alone, with other ports', () => {
      expect(verified(seen(session(), SERVER_PORTS)).map(([, by, error, whole]) => [by, error, whole])).toEqual([
        ['time', null, true],
      ]);
    });

    it('and what else two hosts say while a transfer waits is no data connection', () => {
      const other = talk(
        [
          { from: 0, text: 'GET / HTTP/1.0\r\n\r\n' },
          { from: 1, text: '\0\0\0\u0004text' },
        ],
        {
          ends: ['192.0.2.1:40007', '192.0.2.2:80'],
        },
      );
      const segments = seen(session(), SERVER_PORTS);
      const first = segments.findIndex(({ destination }) => destination === SERVER_PORTS['192.0.2.2:50000']);
      const talked = seen(other, { '192.0.2.2:80': `${OUTSIDE}:80` });
      const found = verified([...segments.slice(0, first), ...talked, ...segments.slice(first)]);
      expect(found.map(([, by, error, whole]) => [by, error, whole])).toEqual([['time', null, true]]);
    });
  });

  it('under PROT C is listed if its octets are blocks all the same', () => {
    const listed = stored(() => blocks(client, 'safe', 'abc', ''), { prot: 'C' });
    expect(listed.data).toEqual([expect.objectContaining({ level: 'clear', applied: 'safe', bytes: 3, error: null })]);
    for (const text of ['plain text', '\0\0\0\u0004text', '', '\0\0\0\0', '\0\0']) {
      expect(stored(() => [Buffer.from(text, 'latin1')], { prot: 'C' }).data).toEqual([]);
    }
  });

  it('is not found without the key of its control connection', () => {
    const before = [...settled(), enc('EPSV'), conf('229 Extended (|||50000|)'), enc('STOR x'), conf('150 Go')];
    const file = blocks(client, 'private', 'text', '');
    const other = { key: new Uint8Array(16).fill(8) };
    expect(recordOf(before, () => sent(PASSIVE, 0, ...file), [], other).data).toEqual([]);
  });

  it.each(['REIN', 'AUTH'])('belongs to the association and the user after %s', async way => {
    const login = (user: string) => [enc(`USER ${user}`), conf('232 Welcome'), enc('PROT P'), conf('200 Done')];
    const transfer = (name: string) => [
      enc('EPSV'),
      conf('229 Extended (|||50000|)'),
      enc(`RETR ${name}`),
      conf('150 Go'),
    ];
    const before = [...opening, ...login('anna'), ...login('berta'), ...transfer('a')];
    const first = blocks(server, 'private', 'one', '');
    const between = [conf('226 Done'), ...(way === 'REIN' ? [enc('REIN'), conf('220 Ready')] : [])];
    const lines = [enc('AUTH X-PSK'), conf('334 Go on')];
    await associate();
    // After REIN, the association has ended; before another AUTH, it has not.
    const again = way === 'REIN' ? opening.slice(1) : [...lines, ...opening.slice(3)];
    const after = [...again, ...login('carla'), ...transfer('b')];
    const second = blocks(server, 'private', 'two', '');
    const whole = talk([...before, ...between, ...after, conf('226 Done')]);
    const [one, two] = [3 + 2 * before.length, 3 + 2 * [...before, ...between, ...after].length];
    const ports = (port: number): [string, string] => [`192.0.2.1:${port}`, '192.0.2.2:50000'];
    const segments = [
      ...[...whole.slice(0, one), ...sent(ports(40001), 1, ...first)],
      ...[...whole.slice(one, two), ...sent(ports(40002), 1, ...second), ...whole.slice(two)],
    ];
    const { records } = verifyRecording(pcapOf(segments), { mechanisms: [psk({ observer: { keys: [key] } })] });
    expect(records.filter(it => it.type === 'message' && (it.error !== null || it.verdict === 'failed'))).toEqual([]);
    expect(records.filter(it => it.type === 'connection').map(it => it.keyed)).toEqual([true, true]);
    expect(records.filter(isData).map(it => [it.name, it.user, it.bytes, it.error, it.whole])).toEqual([
      ['a', 'berta', 3, null, true],
      ['b', 'carla', 3, null, true],
    ]);
  });

  it('takes what a BlockWriter writes, of any length', () => {
    const text = 'x'.repeat(20_000);
    const { data } = stored(() => {
      const writer = new BlockWriter(client, 'private', { bufferSize: 4096 });
      return [writer.write(Buffer.from(text)), writer.end()];
    });
    expect(data).toEqual([expect.objectContaining({ bytes: 20_000, blocks: 6, error: null })]);
  });
});

describe('an announced address', () => {
  const [ANNA, BERT, SERVER_HOST, OTHER_SERVER] = ['10.0.0.1', '10.0.0.2', '10.0.0.9', '10.0.0.8'];
  /** A TCP connection from a host, or one whose SYN is missing. */
  const tcp = (from: string, to: string, opener: 0 | 1 | undefined = 0): TcpConnection => ({
    id: 0,
    ends: [`${from}:40000`, to],
    opener,
    opened: opener === undefined ? 'missing' : 'answered',
  });
  const passive = (port: number, host?: string) => ({ host, port });
  /** All control connections wait for a data connection, but those of `served`. */
  function table() {
    const served = new Set<string>();
    const connections = new DataConnections<string>(control => !served.has(control));
    const begin = (control: string, client: string, server: string) =>
      connections.begin(control, { client, server }, 50_000);
    return { connections, begin, served };
  }

  it('is meant by the connection between the hosts of its control connection, whichever announced it last', () => {
    const { connections, begin } = table();
    const [anna, bert] = [begin('anna', ANNA, SERVER_HOST), begin('bert', BERT, SERVER_HOST)];
    connections.announce(anna, 'server', passive(5000), 3);
    connections.announce(bert, 'server', passive(5000), 4);
    const found = { foundBy: 'address', clientEnd: 0, isDoubtful: false, partner: undefined };
    expect(connections.find(tcp(ANNA, `${SERVER_HOST}:5000`))).toEqual({ control: 'anna', message: 3, ...found });
    expect(connections.find(tcp(BERT, `${SERVER_HOST}:5000`))).toEqual({ control: 'bert', message: 4, ...found });
    // Another host, as a proxy for data: that of the last one.
    expect(connections.find(tcp('10.0.0.3', `${SERVER_HOST}:5000`))?.control).toBe('bert');
  });

  it('is known by its port where its host was translated, and between the same hosts', () => {
    const { connections, begin } = table();
    const sessions = [
      begin('anna', ANNA, SERVER_HOST),
      begin('bert', BERT, SERVER_HOST),
      begin('anna elsewhere', ANNA, OTHER_SERVER),
    ];
    for (const session of sessions) connections.announce(session, 'server', passive(5000, '192.168.1.9'), 3);
    for (const [control, client, server] of [
      ['anna', ANNA, SERVER_HOST],
      ['bert', BERT, SERVER_HOST],
      ['anna elsewhere', ANNA, OTHER_SERVER],
    ] as const)
      expect(connections.find(tcp(client, `${server}:5000`))).toMatchObject({ control, foundBy: 'port', clientEnd: 0 });
  });

  it('may be of the client, and then the server opens the connection', () => {
    const { connections, begin } = table();
    const anna = begin('anna', ANNA, SERVER_HOST);
    connections.announce(anna, 'client', passive(5000, ANNA), 3);
    expect(connections.find(tcp(SERVER_HOST, `${ANNA}:5000`))).toMatchObject({ control: 'anna', clientEnd: 1 });
    // Where the SYN is missing, either end may be the one that listens.
    const reversed: TcpConnection = { ...tcp('', '', undefined), ends: [`${ANNA}:5000`, `${SERVER_HOST}:20`] };
    expect(connections.find(reversed)).toMatchObject({ control: 'anna', clientEnd: 0 });
  });

  it('is that of the control connection as long as the client has sent none (RFC 959 §3.2)', () => {
    const { connections, begin } = table();
    begin('anna', ANNA, SERVER_HOST);
    const found = connections.find(tcp(SERVER_HOST, `${ANNA}:50000`));
    expect(found).toMatchObject({ control: 'anna', foundBy: 'address', message: undefined });
  });

  it('that is not known is supplied by a transfer that waits between the same hosts, in doubt', () => {
    const { connections, begin, served } = table();
    begin('anna', ANNA, SERVER_HOST);
    const unknown = tcp(ANNA, `${SERVER_HOST}:6000`);
    expect(connections.find(unknown)).toMatchObject({ control: 'anna', foundBy: 'time', isDoubtful: true });
    expect(connections.find(tcp(BERT, `${SERVER_HOST}:6000`))).toBeUndefined();
    served.add('anna');
    expect(connections.find(unknown)).toBeUndefined();
  });

  it('is in doubt once it has been used, where its host has another control connection that may have announced it', () => {
    const { connections, begin, served } = table();
    connections.announce(begin('anna', ANNA, SERVER_HOST), 'server', passive(5000), 3);
    const bert = begin('bert', BERT, SERVER_HOST);
    const connection = tcp(ANNA, `${SERVER_HOST}:5000`);
    expect(connections.find(connection)?.isDoubtful).toBe(false);
    served.add('anna');
    expect(connections.find(connection)?.isDoubtful).toBe(true);
    connections.forget(bert);
    expect(connections.find(connection)?.isDoubtful).toBe(false);
  });

  it('is forgotten when its control connection ends, whether or not it has been looked for', () => {
    for (const isLookedFor of [true, false]) {
      const { connections, begin } = table();
      const sessions = ['anna', 'bert'].map(name => begin(name, ANNA, SERVER_HOST));
      for (const session of sessions) connections.announce(session, 'server', passive(5000), 3);
      const connection = tcp(ANNA, `${SERVER_HOST}:5000`);
      if (isLookedFor) expect(connections.find(connection)?.control).toBe('bert');
      connections.forget(sessions[1]!);
      expect(connections.find(connection)?.control).toBe('anna');
      connections.forget(sessions[0]!);
      expect(connections.find(connection)).toBeUndefined();
      expect(connections.find(tcp(ANNA, `${SERVER_HOST}:6000`))).toBeUndefined();
    }
  });

  it('is among the last ones of its control connection: as many are kept, and none is found in place of another', () => {
    const { connections, begin } = table();
    const anna = begin('anna', ANNA, SERVER_HOST);
    for (let port = 5000; port < 5200; port++) {
      connections.announce(anna, 'server', passive(port), port);
      expect(connections.find(tcp(ANNA, `${SERVER_HOST}:${port}`))).toMatchObject({
        foundBy: 'address',
        message: port,
      });
    }
    expect(connections.find(tcp(ANNA, `${SERVER_HOST}:5199`))?.message).toBe(5199);
    expect(connections.find(tcp(ANNA, `${SERVER_HOST}:5000`))?.foundBy).toBe('time');
    connections.forget(anna);
    expect(connections.find(tcp(ANNA, `${SERVER_HOST}:5199`))).toBeUndefined();
  });

  it('that one server has announced, and the client to another one, is of both', () => {
    const { connections, begin } = table();
    connections.announce(begin('one', ANNA, SERVER_HOST), 'server', passive(5000), 3);
    connections.announce(begin('two', ANNA, OTHER_SERVER), 'client', passive(5000, SERVER_HOST), 7);
    const found = connections.find(tcp(OTHER_SERVER, `${SERVER_HOST}:5000`));
    const both = [found, found?.partner].map(it => [it?.control, it?.message]);
    expect(both.sort()).toEqual([
      ['one', 3],
      ['two', 7],
    ]);
  });
});
