/**
 * tshark as a second judge: with the same key log it decrypts the same texts. It does not look for TLS in ADAT, so the records go into
 * a TCP connection of their own.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { fromHex, toHex } from '../../src/bytes.js';
import { verifyRecording } from '../../src/capture/index.js';
import { gsi, type KeyLog, parseKeyLog } from '../../src/mechanisms/gsi/index.js';
import type { Peer } from '../../src/protection/mechanism.js';
import { CLIENT, pcapOf, SERVER, segment } from '../capture/helpers.js';
import { file, observe, peerOf, tokensOf, VECTORS } from '../mechanisms/gsi/vectors.js';
import { run } from './program.js';

interface Token {
  from: Peer;
  token: Uint8Array;
}

interface Session {
  name: string;
  tokens: Token[];
  keyLog: string;
  /** What we make of the tokens after the exchange, in hex, joined by direction. */
  texts: Record<Peer, string>;
}

/** The texts that tshark finds in each direction, joined. */
async function judged({ tokens, keyLog }: Pick<Session, 'tokens' | 'keyLog'>): Promise<Record<Peer, string>> {
  const path = (name: string) => join(tmpdir(), name);
  writeFileSync(path('records.pcap'), pcapOf(segmentsOf(tokens)));
  writeFileSync(path('key.log'), keyLog);
  const options = ['-o', `tls.keylog_file:${path('key.log')}`, '-d', `tcp.port==${SERVER.split(':')[1]},tls`];
  const { output } = await run('tshark', ['-r', path('records.pcap'), ...options, '-q', '-z', 'follow,tls,raw,0'], {
    environment: { PATH: process.env['PATH']!, HOME: tmpdir() } as never,
    folder: tmpdir(),
    limit: 60_000,
  });
  // Node 0 is the side whose text comes first; those of the other are indented.
  const first: Peer = output.includes(`Node 0: ${SERVER}`) ? 'server' : 'client';
  const second: Peer = first === 'client' ? 'server' : 'client';
  const found: Record<Peer, string> = { client: '', server: '' };
  for (const [, tab, hex] of output.matchAll(/^(\t?)([0-9a-f]+)$/gm)) found[tab === '' ? first : second] += hex;
  return found;
}

function segmentsOf(tokens: readonly Token[]) {
  const next = { client: 1000, server: 5000 };
  return tokens.map(({ from, token }) => {
    const [source, other] = from === 'client' ? ([CLIENT, 'server'] as const) : ([SERVER, 'client'] as const);
    const made = segment({ source, seq: next[from], ack: next[other], payload: token });
    next[from] += token.length;
    return made;
  });
}

/** A vector with the TLS records that Globus's library has wrapped. */
function ofVector(vector: (typeof VECTORS)[number]): Session {
  const { fromClient, fromServer } = observe(vector);
  const tokens = tokensOf(vector);
  const texts = { client: '', server: '' };
  for (const { op, qop, dir, token_hex: hex } of vector.messages) {
    if (op !== 'wrap' || qop !== 0 || !hex) continue;
    const [from, token] = [peerOf(dir!), fromHex(hex)];
    tokens.push({ from, token });
    texts[from] += toHex((from === 'client' ? fromClient : fromServer)!.unwrap(token).plaintext);
  }
  return { name: vector.name, tokens, keyLog: vector.keylog.join('\n'), texts };
}

/** The first session of a capture. */
function ofCapture(name: string): Session {
  const keyLog = file(`captures/${name}.keylog`);
  const mechanisms = [gsi({ observer: { keyLogs: [parseKeyLog(keyLog)] } })];
  const { records } = verifyRecording(file(`captures/${name}.pcap`), { mechanisms });
  const tokens: Token[] = [];
  const texts = { client: '', server: '' };
  for (const record of records) {
    if (record.type !== 'message' || record.connection !== 1) continue;
    const { from, token, text, plain_hex } = record;
    const base64 = token ?? /^(?:\d{3}[ -])?ADAT[ =](\S+)/.exec(text ?? '')?.[1];
    if (base64 !== undefined) tokens.push({ from, token: Uint8Array.from(Buffer.from(base64, 'base64')) });
    texts[from] += plain_hex ?? '';
  }
  return { name, tokens, keyLog: keyLog.toString(), texts };
}

/** Of the others, some tokens are not TLS records, or were altered on the way. */
const isOrdinary = (name: string) => !/^(?:probe|fail)-/.test(name);
const CAPTURES = readdirSync(new URL('../../vectors/gsi/captures/', import.meta.url))
  .flatMap(name => /^(.*)\.keylog$/.exec(name)?.[1] ?? [])
  .filter(isOrdinary);

/** As Wireshark writes it: editcap puts the key log into a pcapng file. */
test.each(CAPTURES)('secrets that editcap has put into %s open it', async name => {
  const [pcap, keyLog, made] = ['capture.pcap', 'key.log', 'capture.pcapng'].map(it => join(tmpdir(), `editcap-${it}`));
  writeFileSync(pcap!, file(`captures/${name}.pcap`));
  writeFileSync(keyLog!, file(`captures/${name}.keylog`));
  const { code } = await run('editcap', ['--inject-secrets', `tls,${keyLog}`, pcap!, made!], {
    environment: { PATH: process.env['PATH']!, HOME: tmpdir() } as never,
    folder: tmpdir(),
    limit: 60_000,
  });
  expect(code).toBe(0);
  const verified = (recording: Uint8Array, keyLogs: readonly KeyLog[] = []) => {
    const { records } = verifyRecording(recording, { mechanisms: [gsi({ observer: { keyLogs } })] });
    const summary = records.at(-1)!;
    return summary.type === 'summary' && summary.verified;
  };
  expect(verified(readFileSync(made!))).toBe(verified(readFileSync(pcap!), [parseKeyLog(readFileSync(keyLog!))]));
  expect(verified(readFileSync(made!))).toBeGreaterThan(20);
  expect(verified(readFileSync(pcap!))).toBe(0);
});

describe('tshark', () => {
  test.for([...VECTORS.map(ofVector), ...CAPTURES.map(ofCapture)])(
    'decrypts $name to the same texts',
    async session => {
      const found = await judged(session);
      for (const peer of ['client', 'server'] as const) {
        expect(session.texts[peer].length).toBeGreaterThan(100);
        // Before them is what belongs to the exchange: the delegation flag, a certificate request, a proxy.
        expect(found[peer].endsWith(session.texts[peer])).toBe(true);
      }
    },
  );
});
