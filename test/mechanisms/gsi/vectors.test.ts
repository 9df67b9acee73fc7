/** Every exchange and every token of the vectors, and what we answer where Globus's answer is another. */
import { describe, expect, test } from 'vitest';
import { fromHex, toHex, toUtf8 } from '../../../src/bytes.js';
import type { FtpSecurityError } from '../../../src/errors.js';
import { RecordContext } from '../../../src/mechanisms/gsi/context.js';
import { parseKeyLog } from '../../../src/mechanisms/gsi/index.js';
import { directionOf13 } from '../../../src/mechanisms/gsi/tls/records.js';
import { suiteByNumber } from '../../../src/mechanisms/gsi/tls/suites.js';
import type { SecurityContext } from '../../../src/protection/mechanism.js';
import { errorOf } from '../../helpers.js';
import { file, keysOf, type Message, observe, VECTORS } from './vectors.js';

function contextsOf(vector: (typeof VECTORS)[number]): Record<'i2a' | 'a2i', SecurityContext> {
  const { fromClient, fromServer } = observe(vector, keysOf(vector));
  return { i2a: fromClient!, a2i: fromServer! };
}

/** What Globus was given afterwards: by name, and our answer. */
const ODD: Readonly<Record<string, { level?: string; sequence?: string; code?: string; text?: string }>> = {
  'two TLS records of two wraps in one token': { sequence: 'ok', text: 'NOOP\r\nPWD\r\n' },
  // Globus keeps the half and waits for the rest.
  'first half of one record': { code: 'security/bad-token' },
  'second half of the same record': { code: 'security/bad-token' },
  'BIG in order': { level: 'safe', sequence: 'ok', text: 'NOOP\r\n' },
  'BIG replay of previous': { code: 'security/replayed' },
  // Globus gives no text of these two. A recording may lack tokens, so an observer opens what comes behind a gap.
  'BIG gap (skips one)': { level: 'safe', sequence: 'gap', text: 'SYST\r\n' },
  'BIG old (the skipped one)': { level: 'safe', sequence: 'late', text: 'PWD\r\n' },
  'BIG data tampered': { code: 'security/bad-checksum' },
  'TLS record tampered last byte': { code: 'security/bad-checksum' },
  'TLS record replayed': { code: 'security/bad-token' },
};

describe.each(VECTORS)('$name', vector => {
  test('the exchange is followed to its end, with the names of both sides', () => {
    const { facts, problem, fromClient, fromServer } = observe(vector);
    expect(problem).toBeUndefined();
    expect(fromClient && fromServer).toBeDefined();
    expect(facts.clientName).toBe(vector.acceptor_sees_name);
    expect(facts.serverName).toBe('/O=Grid/OU=RigTest/CN=host/localhost');
    if (vector.name.includes('sslcompat')) expect(facts['delegates']).toBeUndefined();
    else expect(facts['delegates']).toBe(vector.delegation === 1);
    if (vector.delegation === 1) expect(facts['delegatedName']).toMatch(/^\/O=Grid\/OU=RigTest\/CN=Rig User\/CN=\d+$/);
  });

  test('every token that was unwrapped opens, at its level', () => {
    const contexts = contextsOf(vector);
    const messages = vector.messages.filter(({ op, verified }) => op === 'wrap' && verified === true);
    expect(messages.length).toBeGreaterThan(40);
    for (const { dir, token_hex, plain_hex, conf_state } of messages) {
      const { plaintext, level } = contexts[dir!].unwrap(fromHex(token_hex!));
      expect([toHex(plaintext), level]).toEqual([plain_hex, conf_state === 1 ? 'private' : 'safe']);
    }
  });

  test('tokens that are odd get the answer that they deserve', () => {
    const contexts = contextsOf(vector);
    let seen = 0;
    for (const message of vector.messages) {
      if (message.op === 'wrap' && message.verified === true)
        contexts[message.dir!].unwrap(fromHex(message.token_hex!));
      if (message.op !== 'unwrap_only') continue;
      seen++;
      const answer = answerTo(contexts[/tampered last/.test(message.what!) ? 'a2i' : 'i2a'], message);
      expect(answer, message.what).toMatchObject(ODD[message.what!]!);
    }
    expect(seen).toBeGreaterThan(4);
  });
});

function answerTo(context: SecurityContext, { token_hex }: Message): object {
  try {
    const { plaintext, level, sequence } = context.unwrap(fromHex(token_hex!));
    return { level, sequence, text: Buffer.from(plaintext).toString() };
  } catch (error) {
    return { code: (error as FtpSecurityError).code };
  }
}

describe("lines of Globus's older library", () => {
  interface Item {
    op: string;
    plain: string;
    line: string;
    inside_hex?: string;
    server_decode_ok?: boolean;
  }
  const { items, keylog }: { items: Item[]; keylog: string[] } = JSON.parse(
    file('gsi-globus-legacy-ftp-control-tls13.json').toString(),
  );
  const lines = items.filter(({ op }) => op === 'command' || op === 'reply');
  const id = fromHex(keylog[0]!.split(' ')[1]!);
  const log = parseKeyLog(toUtf8(keylog.join('\n')));

  // The exchange is not in the vector: it has used the first numbers, one for the delegation flag of each side.
  const context = (label: string) =>
    new RecordContext({ receive: directionOf13(suiteByNumber(0x1302)!, log.find(label, id)!), maxSkipped: 4 });

  test('each opens to its text, with the final NUL of replies', () => {
    const [client, server] = [context('CLIENT_TRAFFIC_SECRET_0'), context('SERVER_TRAFFIC_SECRET_0')];
    expect(lines.length).toBe(14);
    for (const { op, plain, line, inside_hex } of lines) {
      const token = Buffer.from(line.split(' ')[1]!.trim(), 'base64');
      const { plaintext } = (op === 'command' ? client : server).unwrap(token);
      expect(Buffer.from(plaintext).toString('hex')).toBe(inside_hex ?? Buffer.from(plain).toString('hex'));
    }
  });

  test('with the secrets of the other direction none does', () => {
    const server = context('SERVER_TRAFFIC_SECRET_0');
    const token = Buffer.from(lines[0]!.line.split(' ')[1]!.trim(), 'base64');
    expect(errorOf(() => server.unwrap(token)).code).toBe('security/bad-checksum');
  });
});
