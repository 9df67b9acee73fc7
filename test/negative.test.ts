/** Every error code has an input that must give it (vectors/negative). */
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { encodeBase64 } from '../src/base64.js';
import { concat, fromHex, toUtf8 } from '../src/bytes.js';
import { verifyRecording } from '../src/capture/index.js';
import { FtpSecurityError, replyCodeFor } from '../src/errors.js';
import { parseCommand } from '../src/ftp/command.js';
import { LineReader } from '../src/ftp/line.js';
import { parseReply } from '../src/ftp/reply.js';
import { krb4Acceptor, krb4Context, parseSrvtab } from '../src/mechanisms/krb4/index.js';
import {
  krb5Acceptor,
  krb5Context,
  krb5Initiator,
  parseCredentialCache,
  parseKeytab,
  ReplayCache,
} from '../src/mechanisms/krb5/index.js';
import { certificatesOf } from '../src/node/gsi/certificate.js';
import { verifyChain } from '../src/node/gsi/chain.js';
import { gsiTrust } from '../src/node/gsi/trust.js';
import { nodeCiphers } from '../src/node/index.js';
import { unprotectReply } from '../src/protection/protect.js';
import { decodeProtectedCommand } from '../src/protection/protected-command.js';
import { decodeProtectedReply } from '../src/protection/protected-reply.js';
import type { TokenLevel } from '../src/protection/protection-level.js';
import { parsePbszCommand, parseProt } from '../src/protection/security-data.js';
import { ClientSession } from '../src/session/client.js';
import { ServerSession } from '../src/session/server.js';
import { errorOf } from './helpers.js';

interface Vector {
  name: string;
  error: string;
  do: keyof typeof OPERATIONS;
  text: string;
  options?: Record<string, never>;
  context: { enctype: number; key: string; acceptorSubkey: boolean; receiveSequence: number; strictOrder?: boolean };
  krb4: { key: string; address: number[]; localPort: number; peerPort: number; now: number };
  srvtab: string;
  krb5: { file: string; now: number; service?: string; bindings?: string; times?: number };
  chain: { peer: string; authority: string; now: number };
  tokens: string[];
  code: number;
  level: TokenLevel;
}

const VECTORS: Vector[] = JSON.parse(
  readFileSync(new URL('../vectors/negative/negative.json', import.meta.url), 'utf8'),
);

function krb4AcceptorOf({ krb4, srvtab }: Vector) {
  const address = Uint8Array.from(krb4.address);
  return krb4Acceptor({
    srvtab: parseSrvtab(fromHex(srvtab)),
    ciphers: nodeCiphers,
    local: { address, port: krb4.localPort },
    peer: { address, port: krb4.peerPort },
    clock: () => krb4.now * 1000,
    replayCache: new ReplayCache(),
    allowWeak: true,
  });
}

function contextOf({ context }: Vector) {
  return krb5Context({ ...context, role: 'acceptor', key: fromHex(context.key), sendSequence: 0 });
}

function readKrb5(file: string) {
  return JSON.parse(readFileSync(new URL(`../vectors/krb5/${file}.json`, import.meta.url), 'utf8'));
}

const OPERATIONS = {
  readLine({ text, options }: Vector) {
    const reader = new LineReader(options);
    reader.push(toUtf8(text));
    reader.next();
    reader.close();
  },
  parseReply: ({ text }: Vector) => parseReply(toUtf8(text)),
  parseCommand: ({ text }: Vector) => parseCommand(toUtf8(text)),
  decodeProtectedReply: ({ text, options }: Vector) => decodeProtectedReply(parseReply(toUtf8(text)), options),
  decodeProtectedCommand: ({ text }: Vector) => decodeProtectedCommand(parseCommand(toUtf8(text))),
  parsePbszCommand: ({ text }: Vector) => parsePbszCommand(parseCommand(toUtf8(text))),
  parseProt: ({ text }: Vector) => parseProt(parseCommand(toUtf8(text))),
  parseKeytab: ({ text }: Vector) => parseKeytab(toUtf8(text)),
  verifyRecording: ({ text }: Vector) => verifyRecording(toUtf8(text), { mechanisms: [] }),
  unwrap(vector: Vector) {
    const context = contextOf(vector);
    for (const token of vector.tokens) context.unwrap(fromHex(token));
  },
  unwrapKrb4({ krb4, tokens }: Vector) {
    const address = Uint8Array.from(krb4.address);
    const context = krb4Context({
      key: fromHex(krb4.key),
      ciphers: nodeCiphers,
      local: { address, port: krb4.localPort },
      peer: { address, port: krb4.peerPort },
      clock: () => krb4.now * 1000,
      allowWeak: true,
    });
    context.unwrap(fromHex(tokens[0]!));
  },
  acceptKrb4: (vector: Vector) => krb4AcceptorOf(vector).step(fromHex(vector.tokens[0]!)),
  /** The first AP-REQ of a file in ../krb5. */
  acceptKrb5({ krb5: { file, now, service, bindings, times = 1 } }: Vector) {
    const { keytab_hex, contexts } = readKrb5(file);
    const options = {
      keytab: parseKeytab(fromHex(keytab_hex)),
      clock: () => now,
      replayCache: new ReplayCache(),
      ...(service !== undefined && { service }),
      ...(bindings !== undefined && { bindings: fromHex(bindings) }),
    };
    for (let time = 1; time <= times; time++) {
      krb5Acceptor(options).step(fromHex(contexts[0].context_tokens[0].token));
    }
  },
  initiateKrb5({ krb5: { file, now, service } }: Vector) {
    const credentials = parseCredentialCache(fromHex(readKrb5(file).ccache_hex));
    krb5Initiator({ credentials, service: service!, clock: () => now }).step();
  },
  /** Certificates of ../gsi/certificates. */
  verifyChain({ chain: { peer, authority, now } }: Vector) {
    const fileOf = (name: string) => readFileSync(new URL(`../vectors/gsi/certificates/${name}.crt`, import.meta.url));
    const trust = gsiTrust({ authorities: [fileOf(authority)] });
    verifyChain(certificatesOf(fileOf(peer)), { trust, now, purpose: 'client' });
  },
  parseCredentialCache: ({ text }: Vector) => parseCredentialCache(toUtf8(text)),
  unwrapDestroyed(vector: Vector) {
    const context = contextOf(vector);
    context.destroy();
    context.unwrap(fromHex(vector.tokens[0]!));
  },
  wrap: (vector: Vector) => contextOf(vector).wrap(toUtf8('NOOP'), vector.level),
  unprotectReply(vector: Vector) {
    const base64 = encodeBase64(fromHex(vector.tokens[0]!));
    unprotectReply(contextOf(vector), parseReply(concat(toUtf8(`${vector.code} `), base64)));
  },
  clientReads({ text }: Vector) {
    const session = new ClientSession();
    session.receive(toUtf8(text));
    session.next();
  },
  serverReads({ text }: Vector) {
    const session = new ServerSession({ mechanisms: [{ name: 'X-PSK' }] });
    session.receive(toUtf8(text));
    const event = session.next();
    if (event?.type === 'answered' && event.error !== undefined) throw event.error;
  },
  observe({ text }: Vector) {
    const { records } = verifyRecording(toUtf8(text), { mechanisms: [] });
    for (const record of records) {
      if (record.type === 'message' && record.error !== null) {
        throw new FtpSecurityError(record.error.code, record.error.message);
      }
    }
  },
};

describe('what must be refused', () => {
  it.each(VECTORS)('$name: $error', vector => {
    const error = errorOf(() => OPERATIONS[vector.do](vector));
    expect(error.code).toBe(vector.error);
    expect(replyCodeFor(error)).toBeGreaterThanOrEqual(431);
  });

  it('has a vector for every code that the source throws', () => {
    const src = new URL('../src/', import.meta.url);
    const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter(file => file.endsWith('.ts'));
    const thrown = new Set<string>();
    for (const file of files.filter(file => !file.endsWith('errors.ts') && !file.includes('conformance'))) {
      const source = readFileSync(new URL(file, src), 'utf8');
      for (const [, code] of source.matchAll(/FtpSecurityError\(\s*'([a-z]+\/[a-z-0-9]+)'/g)) thrown.add(code!);
    }
    const covered = new Set(VECTORS.map(({ error }) => error));
    expect([...thrown].filter(code => !covered.has(code))).toEqual([]);
    expect(thrown.size).toBeGreaterThan(15);
  });
});
