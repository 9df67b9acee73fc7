/** Sessions of Globus, each line held against the truth that came with it (vectors/gsi/README.md). */
import { existsSync, readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { concatAll, toUtf8 } from '../../../src/bytes.js';
import { CaptureReader } from '../../../src/capture/capture-file.js';
import {
  type MessageRecord,
  type TranscriptRecord,
  verifyRecording,
  verifyRotated,
} from '../../../src/capture/index.js';
import { type GsiObserverOptions, gsi, parseKeyLog } from '../../../src/mechanisms/gsi/index.js';
import { rsaDecrypt } from '../../../src/node/index.js';
import { pcapngBlocks } from '../../capture/file-formats.js';
import { file } from './vectors.js';

interface Truth {
  conn: number;
  from: string;
  wire: string;
  plain_hex: string | null;
  conf: boolean;
}

const FOLDER = new URL('../../../vectors/gsi/captures/', import.meta.url);
const NAMES = readdirSync(FOLDER).flatMap(name => /^(.*)\.truth\.jsonl$/.exec(name)?.[1] ?? []);
const hasKey = (name: string) => existsSync(new URL(`${name}.host.key.der`, FOLDER));

const truthOf = (name: string): Truth[] =>
  file(`captures/${name}.truth.jsonl`)
    .toString()
    .split('\n')
    .filter(Boolean)
    .map(line => JSON.parse(line));

function verify(name: string, observer: GsiObserverOptions): TranscriptRecord[] {
  return verifyRecording(file(`captures/${name}.pcap`), { mechanisms: [gsi({ observer })] }).records;
}

const withLog = (name: string) => ({ keyLogs: [parseKeyLog(file(`captures/${name}.keylog`))] });

function expectTruth(name: string, records: readonly TranscriptRecord[]): void {
  const lines = records.filter(
    (record): record is MessageRecord => record.type === 'message' && /^(MIC|ENC|CONF|63[123][ -])$/.test(record.wire),
  );
  const given = lines.map(({ connection, from, wire, plain_hex, applied, verdict }) => ({
    conn: connection,
    from,
    wire,
    ...(verdict === 'verified' ? { plain_hex, conf: applied === 'private' } : { plain_hex: null }),
  }));
  const truth = truthOf(name).map(({ conn, from, wire, plain_hex, conf }) => ({
    conn,
    from,
    wire,
    plain_hex,
    ...(plain_hex !== null && { conf }),
  }));
  expect(given).toEqual(truth);
}

/** Those whose exchange was complete. */
const SESSIONS = NAMES.filter(name => truthOf(name).length > 0);

test('there are sessions, and keys of servers for some', () => {
  expect(SESSIONS.length).toBeGreaterThan(3);
  expect(SESSIONS.filter(hasKey).length).toBeGreaterThan(0);
});

test('an exchange that failed leaves no protected line', () => {
  const failed = 'fail-untrusted-user13';
  expect(NAMES.filter(name => !SESSIONS.includes(name))).toEqual([failed]);
  const lines = verify(failed, withLog(failed)).filter(record => record.type === 'message');
  expect(lines.filter(({ wire }) => wire === 'ADAT').length).toBeGreaterThan(0);
  expect(lines.filter(({ verdict }) => verdict !== 'clear')).toEqual([]);
});

describe.each(SESSIONS)('%s', name => {
  test('with the key log every protected line is as its truth says', () => {
    expectTruth(name, verify(name, withLog(name)));
  });

  test.runIf(hasKey(name))("so it is with the server's RSA key", () => {
    expectTruth(name, verify(name, { rsaKeys: [rsaDecrypt(file(`captures/${name}.host.key.der`))] }));
  });

  test('without keys no line is verified', () => {
    const records = verify(name, {});
    expect(records.some(record => record.type === 'message' && record.verdict === 'verified')).toBe(false);
    const exchanges = records.filter(record => record.type === 'connection' && record.variant === 'gsi');
    expect(exchanges.length).toBeGreaterThan(0);
    for (const record of exchanges)
      expect(record).toMatchObject({ keyed: false, problem: { code: 'security/no-key' } });
  });
});

describe('a recording', () => {
  test('names both sides, and the credential that is delegated', () => {
    const [record] = verify('tls13-default', withLog('tls13-default')).filter(({ type }) => type === 'connection');
    expect(record).toMatchObject({
      mechanism: 'GSSAPI',
      variant: 'gsi',
      keyed: true,
      client_name: '/O=Grid/OU=RigTest/CN=Rig User',
      server_name: '/O=Grid/OU=RigTest/CN=host/localhost',
      facts: { tls: '1.3', cipherSuite: 'TLS_AES_256_GCM_SHA384', delegates: true },
    });
  });

  test('goes on behind a token under an unknown verb: a line is missing there', () => {
    const name = 'probe-globus-postauth-verbs';
    const lines = verify(name, withLog(name)).filter(record => record.type === 'message');
    const unknown = lines.findIndex(({ wire }) => wire === 'XYZZY');
    expect(lines[unknown]).toMatchObject({ verdict: 'clear', error: { code: 'sequence/unprotected' } });
    const gap = lines.filter(({ sequence }) => sequence === 'gap');
    expect(gap).toHaveLength(1);
    expect(gap[0]).toMatchObject({ verdict: 'verified', error: { code: 'security/out-of-sequence' } });
    expect(lines.indexOf(gap[0]!)).toBeGreaterThan(unknown);
  });

  test('has data connections that are TLS of their own: no block is looked for in them', () => {
    const data = verify('tls13-default', withLog('tls13-default')).filter(({ type }) => type === 'data');
    const closed = { verdict: 'unkeyed', applied: null, blocks: 0, error: null };
    expect(data).toMatchObject([
      { level: 'safe', ...closed },
      { level: 'private', ...closed },
    ]);
  });

  test('shows how ARC protects its 235, and that each of its replies ends in a NUL', () => {
    const records = verify('arc-gridftpd', withLog('arc-gridftpd')).filter(record => record.type === 'message');
    const replies = records.filter(({ from, verdict }) => from === 'server' && verdict === 'verified');
    expect(replies[0]).toMatchObject({ text: '235 Authentication successful\r\n\0', error: null });
    expect([...replies[0]!.tolerated].sort()).toEqual(['protected-235', 'trailing-nul']);
    expect(new Set(replies.slice(1).map(({ tolerated }) => `${tolerated}`))).toEqual(new Set(['trailing-nul']));
  });

  test('shows integrity-only tokens at level safe, whatever their line says', () => {
    const name = 'probe-globus-postauth-verbs';
    const safe = verify(name, withLog(name)).filter(record => record.type === 'message' && record.applied === 'safe');
    expect(safe).toMatchObject([
      { wire: 'MIC', verdict: 'verified', error: null },
      { wire: 'ENC', verdict: 'verified', error: { code: 'sequence/wrong-level' } },
    ]);
  });
});

describe('a line that comes again, or behind others', () => {
  const name = 'tls12-ECDHE-RSA-CHACHA20-POLY1305';
  const mechanisms = [gsi({ observer: withLog(name) })];
  const messages = (recording: Uint8Array) =>
    verifyRecording(recording, { mechanisms }).records.filter(
      (it): it is MessageRecord => it.type === 'message' && it.connection === 1,
    );
  const spoken = messages(file(`captures/${name}.pcap`)).map(({ from, wire, token, text }) => {
    const said = token === null ? text : `${wire.trimEnd()}${wire.endsWith('-') ? '' : ' '}${token}`;
    return `${from === 'client' ? 'C>' : 'S>'} ${said}`;
  });
  const commands = spoken.flatMap((line, i) => (line.startsWith('C> ENC') ? [i] : []));
  const judged = (lines: readonly string[]) =>
    messages(toUtf8(lines.join('\n'))).flatMap(({ index, verdict, sequence, error }) =>
      error === null ? [] : [[index - 1, verdict, sequence, error.code]],
    );
  const [second, fifth, sixth] = [commands[1]!, commands[4]!, commands[5]!];

  test('as it was, it has no error', () => {
    expect(judged(spoken)).toEqual([]);
  });

  test('is a replay', () => {
    const lines = [...spoken.slice(0, fifth), spoken[second]!, ...spoken.slice(fifth)];
    expect(judged(lines)).toEqual([[fifth, 'failed', null, 'security/replayed']]);
  });

  test('is late, and verified', () => {
    const moved = [...spoken];
    [moved[fifth], moved[sixth]] = [spoken[sixth]!, spoken[fifth]!];
    expect(judged(moved).slice(0, 2)).toEqual([
      [fifth, 'verified', 'gap', 'security/out-of-sequence'],
      [sixth, 'verified', 'late', 'security/out-of-sequence'],
    ]);
  });
});

describe('a capture that brings its secrets along', () => {
  const TLS_KEY_LOG = 0x544c534b;
  const name = 'tls12-ECDHE-RSA-CHACHA20-POLY1305';
  const { section, describe: describeInterface, packet, secrets } = pcapngBlocks(true);

  /** The packets of the capture as pcapng, with these blocks behind them. */
  function withBlocks(...blocks: Uint8Array[]): Uint8Array {
    const reader = new CaptureReader();
    reader.push(file(`captures/${name}.pcap`));
    reader.close();
    const packets: Uint8Array[] = [];
    let linkType = 0;
    for (let it = reader.next(); it !== undefined; it = reader.next()) {
      linkType = it.linkType!;
      const { data, originalLength, time } = it;
      packets.push(packet('enhanced', { id: 0, ticks: time! / 1000n, data, originalLength, chatty: false }));
    }
    return concatAll([section(), describeInterface(linkType, 0), ...packets, ...blocks]);
  }
  const log = file(`captures/${name}.keylog`);
  const verifiedIn = (recording: Uint8Array | Uint8Array[], observer: GsiObserverOptions = {}) => {
    const mechanisms = [gsi({ observer })];
    const { records } = Array.isArray(recording)
      ? verifyRotated(recording, { mechanisms })
      : verifyRecording(recording, { mechanisms });
    const summary = records.at(-1);
    return summary?.type === 'summary' && summary.verified;
  };

  test('is opened by them, wherever they are in it, and in a file that was rotated', () => {
    expect(verifiedIn(withBlocks(secrets(TLS_KEY_LOG, log)))).toBe(160);
    const alone = concatAll([section(), secrets(TLS_KEY_LOG, log)]);
    expect(verifiedIn([withBlocks(), alone])).toBe(160);
  });

  test('is not by those of another type, nor without any', () => {
    expect(verifiedIn(withBlocks(secrets(0x57474b4c, log)))).toBe(0);
    expect(verifiedIn(withBlocks())).toBe(0);
    expect(verifiedIn(withBlocks(), withLog(name))).toBe(160);
  });
});
