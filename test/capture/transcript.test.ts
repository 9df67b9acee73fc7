/** Recordings of real peers, each line held against the truth that came with it (vectors/captures/README.md). */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toHex } from '../../src/bytes.js';
import {
  type MessageRecord,
  recordingFormat,
  type TranscriptRecord,
  verifyRecording,
  verifyRotated,
} from '../../src/capture/index.js';
import schema from '../../src/capture/transcript.schema.json' with { type: 'json' };
import { krb4, parseSrvtab } from '../../src/mechanisms/krb4/index.js';
import { krb5, parseKeytab } from '../../src/mechanisms/krb5/index.js';
import { psk, pskAcceptor, pskInitiator } from '../../src/mechanisms/psk/index.js';
import { nodeCiphers } from '../../src/node/index.js';
import { DEVIATIONS, type Deviation, OPTIONAL_DEVIATIONS } from '../../src/protection/deviations.js';
import { ascii, expectCode, onlyRefuses } from '../helpers.js';
import { visibleContext } from '../protection/visible-context.js';
import { pcapOf, realCapture, vectorPath } from './helpers.js';
import { KEY, PskSession } from './psk-session.js';

interface Truth {
  conn: number;
  from: string;
  wire: string;
  plain_hex: string | null;
  conf: boolean;
  why?: string;
  data?: true;
}

const NAMES = readdirSync(vectorPath('.'))
  .filter(file => file.endsWith('.truth.jsonl'))
  .map(file => file.slice(0, -'.truth.jsonl'.length));

/** The error that the codec must give where the truth has no text. */
const FITTING: Record<string, string[]> = {
  'not canonical base64': ['syntax/bad-base64', 'security/bad-token'],
  'no token': ['syntax/bad-command'],
  'not a token': ['security/bad-token', 'sequence/no-context'],
  checksum: ['security/bad-checksum'],
  decrypt: ['security/bad-checksum'],
  'gss_get_mic token': ['security/bad-token'],
};

function truthOf(name: string): Truth[] {
  const lines = readFileSync(vectorPath(`${name}.truth.jsonl`), 'utf8')
    .split('\n')
    .filter(Boolean);
  return lines.map(line => JSON.parse(line) as Truth).filter(({ data }) => !data);
}

function verify(name: string, options: { keyed?: boolean; tolerate?: Deviation[] } = {}): TranscriptRecord[] {
  const { keyed = true, tolerate } = options;
  const keysIn = <T>(file: string, parse: (bytes: Uint8Array) => T[]): T[] =>
    keyed && existsSync(vectorPath(file)) ? parse(readFileSync(vectorPath(file))) : [];
  const keytab = keysIn(`${name}.keytab`, parseKeytab);
  const srvtab = keysIn(`${name}.srvtab`, parseSrvtab);
  const mechanisms = [
    krb5({ observer: { keys: keytab, ciphers: nodeCiphers } }),
    krb4({ observer: { keys: srvtab, ciphers: nodeCiphers } }),
  ];
  return verifyRecording(realCapture(name), { mechanisms, ...(tolerate && { tolerate }) }).records;
}

function protectedLines(records: readonly TranscriptRecord[]): MessageRecord[] {
  return records.filter(record => record.type === 'message').filter(({ verdict }) => verdict !== 'clear');
}

const matches = new Ajv().compile(schema);

describe.each(NAMES)('%s', name => {
  const truth = truthOf(name);
  const records = verify(name);

  it('gives every protected line as the truth says', () => {
    const lines = protectedLines(records).sort((a, b) => a.connection - b.connection || a.index - b.index);
    const inOrder = [...truth].sort((a, b) => a.conn - b.conn);
    expect(lines.map(({ connection, from, wire }) => [connection, from, wire])).toEqual(
      inOrder.map(({ conn, from, wire }) => [conn, from, wire]),
    );
    for (const [i, line] of lines.entries()) {
      const { plain_hex, conf, why } = inOrder[i]!;
      if (plain_hex === null || why === 'replay') {
        expect(line).toMatchObject({ verdict: 'failed', plain_hex: null, text: null, applied: null });
        const expected = why === 'replay' ? ['security/replayed'] : FITTING[why!];
        expect(expected, `${why}`).toContain(line.error?.code);
      } else {
        expect(line).toMatchObject({ verdict: 'verified', plain_hex, applied: conf ? 'private' : 'safe' });
        if (why === 'late') expect(line.sequence).toBe('late');
      }
    }
  });

  it('is as its schema says', () => {
    for (const record of records) expect(matches(record), JSON.stringify([record, matches.errors])).toBe(true);
    expect(records.filter(({ type }) => type === 'summary')).toEqual(records.slice(-1));
  });

  it('verifies nothing without the key, and shows no text', () => {
    const lines = protectedLines(verify(name, { keyed: false }));
    for (const line of lines) {
      expect(['unkeyed', 'failed']).toContain(line.verdict);
      expect(line).toMatchObject({ text: null, plain_hex: null });
    }
  });

  it('classifies a reply for every protected reply whose lines may be believed', () => {
    const believed = records.filter(record => record.type === 'reply');
    const messages = new Map(
      records.filter(record => record.type === 'message').map(it => [`${it.connection} ${it.index}`, it]),
    );
    const told = new Set<string>();
    for (const { connection, messages: indices, code, lines } of believed) {
      for (const index of indices) {
        const key = `${connection} ${index}`;
        expect(told.has(key)).toBe(false);
        told.add(key);
        expect(messages.get(key)).toMatchObject({ from: 'server' });
      }
      const [first] = indices.map(index => messages.get(`${connection} ${index}`)!);
      expect(first!.text?.startsWith(`${code}`)).toBe(true);
      expect(first!.text).toContain(lines[0]);
    }
    const unsaid = [...messages].filter(([key, it]) => it.from === 'server' && it.error === null && !told.has(key));
    // Only lines of replies of which another line was refused, or that never ended.
    const broken = [...messages.values()].filter(it => it.from === 'server' && it.error !== null).length;
    expect(unsaid.length).toBeLessThanOrEqual(broken * 2);
  });
});

describe('KERBEROS_V4', () => {
  const name = 'gssftp163-krb4-private';

  it('is marked weak, with the reason, on the connection and on every line', () => {
    const records = verify(name);
    const connection = records.find(({ type }) => type === 'connection');
    expect(connection).toMatchObject({
      mechanism: 'KERBEROS_V4',
      variant: 'krb4',
      client_name: 'ftptester@HEIM.TEST',
      server_name: 'ftp.ftphost@HEIM.TEST',
      keyed: true,
      facts: { weak: true, weakness: expect.stringContaining('no integrity check in private messages') },
    });
    const lines = protectedLines(records);
    expect(lines.map(({ weak, sequence }) => [weak, sequence])).toEqual(lines.map(() => [true, 'none']));
  });

  it('is marked weak without a key too', () => {
    const lines = protectedLines(verify(name, { keyed: false }));
    expect(lines.every(({ weak, verdict }) => weak && verdict === 'unkeyed')).toBe(true);
  });
});

describe('a strict reader', () => {
  it('finds nothing to tolerate, and refuses what deviates', () => {
    const records = verify('krb5ftp-safe-aes256-sha1', { tolerate: [] });
    const messages = records.filter(record => record.type === 'message');
    expect(messages.every(({ tolerated }) => tolerated.length === 0)).toBe(true);
    expect(messages.some(({ error }) => error?.message.startsWith('trailing-nul is not tolerated'))).toBe(true);
  });
});

describe('the port', () => {
  it('makes a control connection, and with onlyPorts the only ones; one that no connection has is told', () => {
    const recording = realCapture('krb5ftp-noauth-plain');
    const connections = (ports: number[], onlyPorts = false) => {
      const { records, unusedPorts } = verifyRecording(recording, { mechanisms: [], ports, onlyPorts });
      return [records.filter(({ type }) => type === 'connection').length, unusedPorts];
    };
    const { control_port } = JSON.parse(readFileSync(vectorPath('krb5ftp-noauth-plain.json'), 'utf8'));
    expect(connections([])).toEqual([1, undefined]);
    expect(connections([control_port], true)).toEqual([1, undefined]);
    expect(connections([control_port, 1])).toEqual([1, [1]]);
    expect(connections([1], true)).toEqual([0, [1]]);
  });
});

describe('a text transcript', () => {
  const text = (...lines: string[]) => verifyRecording(ascii(lines.join('\n')), { mechanisms: [] }).records;

  it('is read like a capture, without times and addresses', () => {
    const records = text('# a session', '', 'S> 220-hello', 'S> 220 there', 'C> QUIT', 'S> 221 bye');
    expect(records.map(({ type }) => type)).toEqual([
      'message',
      'message',
      'reply',
      'message',
      'message',
      'reply',
      'connection',
      'summary',
    ]);
    expect(records[2]).toMatchObject({ code: 220, messages: [1, 2], lines: ['hello', 'there'] });
    expect(records[3]).toMatchObject({ from: 'client', wire: 'QUIT', time: null, verdict: 'clear', error: null });
    expect(records[6]).toMatchObject({ client: null, server: null, mechanism: null, keyed: false });
  });

  it('may hold several connections', () => {
    const records = text('S> 220 a', '---', 'S> 220 b', '---', '---', '# end');
    expect(records.at(-1)).toMatchObject({ connections: 2, messages: 2 });
  });

  it.each([
    ['UTF-8', (said: string) => Buffer.from(`\uFEFF${said}`)],
    ['UTF-16, little-endian', (said: string) => Buffer.from(`\uFEFF${said}`, 'utf16le')],
    ['UTF-16, big-endian', (said: string) => Buffer.from(`\uFEFF${said}`, 'utf16le').swap16()],
  ])('may begin with a byte order mark of %s', (_, encoded) => {
    const said = 'S> 220 hällo\r\nC> QUIT\r\nS> 221 bye\r\n';
    const octets = new Uint8Array(encoded(said));
    expect(recordingFormat(octets)).toBe('text');
    const { records } = verifyRecording(octets, { mechanisms: [] });
    expect(records).toEqual(verifyRecording(Buffer.from(said), { mechanisms: [] }).records);
  });

  it('may end its lines with CR alone', () => {
    const { records } = verifyRecording(ascii('S> 220 a\rC> QUIT\rS> 221 bye\r'), { mechanisms: [] });
    expect(records).toEqual(text('S> 220 a', 'C> QUIT', 'S> 221 bye'));
  });

  it('refuses other lines, and says where', () => {
    expectCode(() => text('S> 220 a', 'X> hello'), 'syntax/bad-file');
  });

  it('carries every octet of a line', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 30 }), octets => {
        const line = octets.filter(octet => octet !== 0x0a && octet !== 0x0d && octet < 0x80);
        const records = verifyRecording(new Uint8Array([...ascii('C> NOOP '), ...line, 0x0a]), {
          mechanisms: [],
        }).records;
        fc.pre(!line.includes(0));
        expect(records[0]).toMatchObject({ wire: 'NOOP', text: `NOOP ${Buffer.from(line).toString()}` });
      }),
    );
  });
});

describe('X-PSK', () => {
  it('is opened with the shared key, confidential tokens as decrypted', async () => {
    const key = new Uint8Array(32).fill(1);
    const [client, server] = [pskInitiator({ key }), pskAcceptor({ key })];
    const base64 = (octets: Uint8Array | undefined) => Buffer.from(octets!).toString('base64');
    const first = await client.step();
    const answer = await server.step(first.token);
    const confirmed = await client.step(answer.token);
    const done = await server.step(confirmed.token);
    const [toServer, toClient] = [confirmed.context!, done.context!];
    const lines = [
      'S> 220 hello',
      'C> AUTH x-psk',
      'S> 334 go on',
      `C> ADAT ${base64(first.token)}`,
      `S> 335 ADAT=${base64(answer.token)}`,
      `C> ADAT ${base64(confirmed.token)}`,
      'S> 235 done',
      `C> MIC ${base64(toServer.wrap(ascii('CCC'), 'safe').token)}`,
      `S> 631 ${base64(toClient.wrap(ascii('200 clear'), 'safe').token)}`,
      `C> CONF ${base64(toServer.wrap(ascii('NOOP'), 'confidential').token)}`,
      `S> 633 ${base64(toClient.wrap(ascii('200 ok'), 'confidential').token)}`,
    ];
    const mechanisms = [psk({ observer: { keys: [key] } })];
    const { records } = verifyRecording(ascii(lines.join('\n')), { mechanisms });
    expect(records.find(({ type }) => type === 'connection')).toMatchObject({
      mechanism: 'X-PSK',
      variant: 'psk',
      keyed: true,
    });
    const lastTwo = protectedLines(records).slice(-2);
    for (const line of lastTwo)
      expect(line).toMatchObject({ verdict: 'decrypted', applied: 'confidential', error: null });
    expect(records.at(-1)).toMatchObject({ protected: 4, verified: 2, decrypted: 2, failed: 0 });
  });
});

describe('whatever the octets', () => {
  const options = { mechanisms: [krb5({ observer: { keys: [] } })] };

  it('of a file, nothing escapes but a refusal', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 200 }),
        octets => void onlyRefuses(() => verifyRecording(octets, options)),
      ),
    );
  });

  it('of the lines, nothing escapes at all', () => {
    const line = fc.oneof(
      fc.string({ unit: fc.constantFrom(...'63123- =AMICENC\0\x80'), maxLength: 30 }),
      fc.constantFrom(
        'AUTH GSSAPI',
        '334 ok',
        '235 ok',
        '235 ADAT=',
        'ADAT Zm9v',
        'MIC Zm9v',
        '631 Zm9v',
        '631-Zm9v',
        'CCC',
        'REIN',
        '220 ok',
        '234 ok',
        'AUTH TLS',
      ),
    );
    const said = fc.tuple(fc.constantFrom('C', 'S'), line);
    fc.assert(
      fc.property(fc.array(said, { maxLength: 15 }), lines => {
        const text = lines.map(([side, line]) => `${side}> ${line}`).join('\n');
        const { records } = verifyRecording(ascii(`#\n---\n${text}`), options);
        for (const record of records) expect(matches(record)).toBe(true);
        expect(protectedLines(records).every(({ verdict }) => verdict !== 'verified')).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  it('of a real capture with one octet changed, nothing escapes, and no text that the truth does not have', () => {
    const name = 'probe-heimdal-nomutual';
    const recording = realCapture(name);
    const keys = parseKeytab(readFileSync(vectorPath(`${name}.keytab`)));
    const mechanisms = [krb5({ observer: { keys, ciphers: nodeCiphers } })];
    const texts = new Set(truthOf(name).map(({ plain_hex }) => plain_hex));
    fc.assert(
      fc.property(fc.nat(recording.length - 1), fc.integer({ min: 1, max: 255 }), (at, bits) => {
        const changed = recording.slice();
        changed[at]! ^= bits;
        const transcript = onlyRefuses(() => verifyRecording(changed, { mechanisms }));
        for (const { plain_hex, verdict } of protectedLines(transcript?.records ?? [])) {
          if (verdict === 'verified') expect(texts).toContain(plain_hex);
        }
      }),
    );
    expect(toHex(recording.subarray(0, 4))).toBe('d4c3b2a1');
  });
});

describe('a text transcript without the exchange', () => {
  const connection = (...lines: string[]) => {
    const { records } = verifyRecording(ascii(lines.join('\n')), { mechanisms: [] });
    expect(matches(records[0])).toBe(true);
    return records.filter(record => record.type === 'connection').map(({ problem }) => problem?.message);
  };

  it('is told from one whose greeting shows that there was none', () => {
    expect(connection('C> MIC Zm9v', 'S> 631 Zm9v')).toEqual(['the exchange is not in the capture']);
    expect(connection('S> 220 hello', 'C> MIC Zm9v', 'S> 503 no')).toEqual([undefined]);
  });
});

describe('living peers', () => {
  const told = (records: readonly TranscriptRecord[]) =>
    protectedLines(records).map(({ verdict, error, text, tolerated }) => ({
      verdict,
      error: error?.code,
      text: text?.replace(/[\r\n\0]+$/, ''),
      tolerated,
    }));

  it('MIT ftpd protects the 235 of an exchange without mutual authentication', () => {
    const verified = { verdict: 'verified', error: undefined };
    const records = verify('mit-ftpd-nomutual');
    expect(told(records)).toEqual([
      { ...verified, text: '235 GSSAPI Authentication succeeded', tolerated: ['protected-235'] },
      { ...verified, text: '221 You could at least say goodbye.', tolerated: [] },
    ]);
    expect(records.find(({ type }) => type === 'connection')).toMatchObject({ keyed: true, facts: { mutual: false } });
    expect(records.filter(record => record.type === 'reply').map(({ code }) => code)).toEqual([220, 334, 235, 221]);
    const strict = told(verify('mit-ftpd-nomutual', { tolerate: [] }));
    expect(strict.map(({ error }) => error)).toEqual(['sequence/no-context', 'sequence/no-context']);
  });

  it('and no key is needed to see that the exchange is complete', () => {
    const records = verify('mit-ftpd-nomutual', { keyed: false });
    expect(told(records).map(({ verdict, error }) => [verdict, error])).toEqual([
      ['unkeyed', undefined],
      ['unkeyed', undefined],
    ]);
    expect(records.find(({ type }) => type === 'connection')).toMatchObject({
      mechanism: 'GSSAPI',
      keyed: false,
      problem: { code: 'security/no-key' },
    });
  });

  it('MIT ftp sends IAC IP IAC DM before a protected ABOR, of which the first IAC may be missing', () => {
    const lines = told(verify('mit-client-abort'));
    expect(lines).toHaveLength(30);
    expect(lines.every(({ verdict, error }) => verdict === 'verified' && error === undefined)).toBe(true);
    expect(lines.filter(({ text }) => text === 'ABOR')).toHaveLength(1);
  });

  it('wzdftpd calls tokens private that are not sealed', () => {
    const lines = protectedLines(verify('wzdftpd'));
    const replies = lines.filter(({ from }) => from === 'server');
    expect([lines.length, replies.length]).toEqual([28, 15]);
    expect(new Set(lines.map(({ verdict }) => verdict))).toEqual(new Set(['verified']));
    for (const reply of replies) {
      expect(reply).toMatchObject({ wire: expect.stringMatching('^632'), level: 'private', applied: 'safe' });
      expect(reply).toMatchObject({ tolerated: [], error: { code: 'sequence/wrong-level' } });
    }
    const tolerant = protectedLines(verify('wzdftpd', { tolerate: [...DEVIATIONS, ...OPTIONAL_DEVIATIONS] }));
    for (const line of tolerant)
      expect(line).toMatchObject({ verdict: 'verified', applied: expect.anything(), error: null });
    const ofReplies = tolerant.filter(({ from }) => from === 'server');
    expect(new Set(ofReplies.map(({ applied, tolerated }) => `${applied} ${tolerated}`))).toEqual(
      new Set(['safe integrity-under-632', 'safe integrity-under-632,unended-line-spans-outer']),
    );
    // The one is no leave for the other.
    const alone = protectedLines(verify('wzdftpd', { tolerate: [...DEVIATIONS, 'integrity-under-632'] }));
    expect(alone.flatMap(({ error }) => error?.code ?? [])).toEqual(['syntax/bad-reply']);
  });
});

it.each([undefined, {}, { mechanisms: krb5 }, { mechanisms: [krb5] }, { mechanisms: krb5() }])(
  'what is no list of mechanisms is a TypeError (%o)',
  options => {
    const transcript = ascii('S> 220 hello');
    const message = 'mechanisms must be a list, e.g. [krb5({ observer: { keys } })]';
    expect(() => verifyRecording(transcript, options as never)).toThrow(message);
    expect(() => verifyRotated([transcript], options as never)).toThrow(message);
  },
);

it('a deviation that does not exist is a RangeError before anything is read', () => {
  const options = { mechanisms: [krb5()], tolerate: ['trailing-null'] as never };
  expect(() => verifyRecording(ascii('S> 220 hello'), options)).toThrow('tolerate must be reply-spans-outer or ');
  expect(() => verifyRotated([], options)).toThrow(RangeError);
});

describe('a fault of a mechanism', () => {
  const exchange = ['S> 220 hello', 'C> AUTH X', 'S> 334 go on', 'C> ADAT Zm9v', 'S> 235 done'];
  const plain = ['S> 220 hello', 'C> QUIT', 'S> 221 bye'];
  /** Its observer, or its contexts, have the fault. */
  const mechanism = (faulty: boolean) => ({
    name: 'X',
    variant: 'x',
    recognises: () => true,
    observer() {
      if (faulty) throw new RangeError('too deep');
      const unwrap = () => {
        throw new TypeError('not a function');
      };
      const context = { ...visibleContext(), unwrap };
      return { observe: () => ({ facts: {}, fromClient: context, fromServer: context }) };
    },
  });
  const read = (faulty: boolean, ...connections: string[][]) =>
    verifyRecording(ascii(connections.map(lines => lines.join('\n')).join('\n---\n')), {
      mechanisms: [mechanism(faulty)],
    });

  it('in an exchange leaves the other connections as they are', () => {
    const { records, faults } = read(true, plain, exchange, plain);
    expect(faults).toEqual([{ connection: 2, error: new RangeError('too deep') }]);
    for (const record of records) expect(matches(record), JSON.stringify(matches.errors)).toBe(true);
    const connections = records.filter(record => record.type === 'connection');
    expect(connections.map(({ problem }) => problem)).toEqual([
      null,
      { code: 'internal', message: 'internal error, please report it: RangeError: too deep' },
      null,
    ]);
    expect(records.filter(record => record.type === 'message').map(({ connection }) => connection)).toEqual([
      ...[1, 1, 1, 2, 2, 2, 2, 3, 3, 3],
    ]);
  });

  it('behind an exchange is told by one record more, and what it struck counts as failed', () => {
    const { records, faults } = read(false, [...exchange, 'C> MIC Zm9v', 'S> 631 Zm9v'], plain);
    expect(faults).toMatchObject([{ connection: 1, error: expect.any(TypeError) }]);
    const connections = records.filter(record => record.type === 'connection');
    expect(connections).toMatchObject([
      { mechanism: 'X', keyed: true, problem: null },
      { mechanism: 'X', keyed: true, problem: { code: 'internal' } },
      { problem: null },
    ]);
    expect(records.filter(record => record.type === 'message').map(({ verdict }) => verdict)).toEqual([
      ...['clear', 'clear', 'clear', 'clear', 'clear', 'failed', 'clear', 'clear', 'clear'],
    ]);
    expect(records.at(-1)).toMatchObject({ type: 'summary', connections: 2, protected: 1, failed: 1 });
  });

  it('is absent elsewhere', () => {
    expect(read(true, plain)).not.toHaveProperty('faults');
  });
});

it('gives the token of each protected line as it was sent', () => {
  const name = 'heimdal-private-arcfour-hmac-md5';
  const sent = Buffer.from(readFileSync(vectorPath(`${name}.pcap`))).toString('latin1');
  const lines = verify(name, { keyed: false }).filter(record => record.type === 'message' && record.level !== 'clear');
  expect(lines.length).toBe(125);
  for (const { wire, token } of lines as MessageRecord[]) expect(sent).toContain(`${wire.padEnd(4)}${token}\r\n`);
});

it('an altered line after a gap is recorded when a later line has shown that it is one', async () => {
  const session = await PskSession.begin('192.0.2.1:40000');
  const { parts } = session.asks('NOOP', '200 a').asks('PWD', '257 "/"').asks('QUIT', '221 bye');
  const missing = parts.length - 7;
  const altered = parts[missing + 2]!.find(({ payload }) => payload.length > 0)!;
  // A character within the token, and so within what is sealed.
  altered.payload = altered.payload.map((octet, i) => (i === 40 ? (octet === 0x41 ? 0x42 : 0x41) : octet));
  parts.splice(missing, 2);
  const { records } = verifyRecording(pcapOf(parts.flat()), { mechanisms: [psk({ observer: { keys: [KEY] } })] });
  const said = records.filter(it => it.type === 'message' || it.type === 'finding').slice(-5);
  expect(said.map(it => (it.type === 'finding' ? it.rule : `${it.verdict} ${it.text?.trim()}`))).toEqual([
    ...['failed undefined', 'altered-token', 'verified 257 "/"', 'verified QUIT', 'verified 221 bye'],
  ]);
  expect(records.at(-1)).toMatchObject({ failed: 1, unkeyed: 0 });
});
