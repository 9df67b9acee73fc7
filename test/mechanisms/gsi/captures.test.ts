/** Sessions of Globus, each line held against the truth that came with it (vectors/gsi/README.md). */
import { existsSync, readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { type MessageRecord, type TranscriptRecord, verifyRecording } from '../../../src/capture/index.js';
import { type GsiObserverOptions, gsi, parseKeyLog } from '../../../src/mechanisms/gsi/index.js';
import { rsaDecrypt } from '../../../src/node/index.js';
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

describe.each(NAMES)('%s', name => {
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

  test('goes on behind a token under a verb that nobody knows: a line is missing there', () => {
    const name = 'probe-globus-postauth-verbs';
    const lines = verify(name, withLog(name)).filter(record => record.type === 'message');
    const unknown = lines.findIndex(({ wire }) => wire === 'XYZZY');
    expect(lines[unknown]).toMatchObject({ verdict: 'clear', error: { code: 'sequence/unprotected' } });
    const gap = lines.filter(({ sequence }) => sequence === 'gap');
    expect(gap).toHaveLength(1);
    expect(gap[0]).toMatchObject({ verdict: 'verified', error: { code: 'security/out-of-sequence' } });
    expect(lines.indexOf(gap[0]!)).toBeGreaterThan(unknown);
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
