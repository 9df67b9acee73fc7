/** Errors say where the fault is (which line, which block), and what to do about it. */
import { describe, expect, it } from 'vitest';
import { parseCommand } from '../src/ftp/command.js';
import { parseReply } from '../src/ftp/reply.js';
import { BlockReader, BlockWriter } from '../src/index.js';
import { krb4Acceptor } from '../src/mechanisms/krb4/index.js';
import { krb5Context, krb5Initiator } from '../src/mechanisms/krb5/index.js';
import { nodeCiphers } from '../src/node/index.js';
import { protectCommand, protectReply, unprotectCommand, unprotectReply } from '../src/protection/protect.js';
import { parseAdatCommand, parseAdatReply } from '../src/protection/security-data.js';
import { contextRefusal } from '../src/session/command-rules.js';
import { ascii, errorOf } from './helpers.js';

const key = { enctype: 18, key: new Uint8Array(32).fill(1), acceptorSubkey: true };
const server = () => krb5Context({ ...key, role: 'acceptor', sendSequence: 9, receiveSequence: 7 });
const client = (other = {}) =>
  krb5Context({ ...key, role: 'initiator', sendSequence: 7, receiveSequence: 9, ...other });
const OTHER_KEY = { key: new Uint8Array(32).fill(2) };

const altered = (line: Uint8Array, at: number): Uint8Array => {
  const changed = line.slice();
  changed[at] = changed[at] === 0x41 ? 0x42 : 0x41;
  return changed;
};

describe('a wrong checksum', () => {
  const reply = protectReply(server(), 'private', ascii('230-Welcome\r\n230 Logged in'));
  const WHY = 'changed on the way, or made with another key';

  it('is that of a line of the reply', () => {
    expect(errorOf(() => unprotectReply(client(OTHER_KEY), parseReply(reply)))).toMatchObject({
      code: 'security/bad-checksum',
      message: `line 1 of a 632 reply: checksum mismatch in the ciphertext: ${WHY}`,
    });
    const second = altered(reply, reply.indexOf(0x0a) + 60);
    expect(errorOf(() => unprotectReply(client(), parseReply(second))).message).toMatch(/^line 2 of a 632 reply: /);
  });

  it('is that of a command', () => {
    const command = parseCommand(altered(protectCommand(client(), 'safe', ascii('PWD')), 40));
    expect(errorOf(() => unprotectCommand(server(), command)).message).toBe(
      `token of MIC: checksum mismatch in the Wrap token: ${WHY}`,
    );
  });

  it('is that of a block of the file', () => {
    const options = { bufferSize: 256 };
    const blocks = new BlockWriter(server(), 'safe', options).write(new Uint8Array(600));
    const second = 4 + 256;
    const reader = new BlockReader(client(), 'safe', options);
    reader.push(altered(blocks, second + 100));
    expect(reader.next()).toHaveLength(256 - 28);
    expect(errorOf(() => reader.next()).message).toBe(`block 2: checksum mismatch in the Wrap token: ${WHY}`);
  });
});

describe('bad base 64', () => {
  it.each([
    [
      'a line',
      () => unprotectReply(client(), parseReply(ascii('632-AAAA\r\n632 AA\r\n'))),
      /^line 2 of a 632 reply: bad/,
    ],
    [
      'a command',
      () => unprotectCommand(server(), parseCommand(ascii('ENC A?==\r\n'))),
      /^argument of ENC: bad base 64/,
    ],
    ['ADAT', () => parseAdatCommand(parseCommand(ascii('ADAT AA\r\n'))), /^argument of ADAT: bad base 64: padding/],
    ['a reply', () => parseAdatReply(parseReply(ascii('335 ADAT=AA\r\n'))), /^security data of a 335 reply: bad/],
  ])('is that of %s', (_, read, message) => {
    const error = errorOf(read);
    expect([error.code, error.message]).toEqual(['syntax/bad-base64', expect.stringMatching(message)]);
    expect(error.offset).toBeGreaterThan(0);
  });
});

describe('the remedy', () => {
  const principal = (...name: string[]) => ({ name, realm: 'A.TEST', type: 1 });
  const credential = (enctype: number, length: number) => ({
    client: principal('anna'),
    server: principal('ftp', 'host'),
    key: { keytype: enctype, keyvalue: new Uint8Array(length) },
    authTime: 0,
    startTime: 0,
    endTime: 2 ** 31,
    renewTill: 0,
    isSessionKey: false,
    flags: 0,
    addresses: [],
    ticket: new Uint8Array(),
  });
  const messageOf = (enctype: number, length: number, options = {}) => {
    const credentials = [credential(enctype, length)] as never;
    return errorOf(() => krb5Initiator({ credentials, service: 'ftp@host', ...options }).step()).message;
  };
  const endpoint = { address: Uint8Array.of(127, 0, 0, 1), port: 21 };

  it('for a weak key is allowWeak', () => {
    expect(messageOf(23, 16)).toMatch(/arcfour-hmac, which is weak \(set allowWeak to permit it\)$/);
    expect(
      errorOf(() => krb5Context({ ...key, enctype: 23, key: new Uint8Array(16), role: 'initiator' } as never)).message,
    ).toBe('arcfour-hmac is weak (set allowWeak to permit it)');
    const options = { ciphers: nodeCiphers, local: endpoint, peer: endpoint, srvtab: [{}] as never };
    expect(errorOf(() => krb4Acceptor(options).step()).message).toMatch(/\(set allowWeak to permit it\)$/);
    expect(contextRefusal(client(), { weak: true }, {})?.message).toMatch(/\(set allowWeak to permit it\)$/);
  });

  it('for a missing cipher is nodeCiphers', () => {
    const remedy = /pass it in the option "ciphers" \(nodeCiphers of rfc2228\/node has it\)$/;
    expect(messageOf(25, 16)).toMatch(remedy);
    const camellia = {
      ...key,
      enctype: 25,
      key: new Uint8Array(16),
      role: 'initiator',
      sendSequence: 1,
      receiveSequence: 1,
    };
    expect(errorOf(() => krb5Context(camellia as never)).message).toMatch(remedy);
  });

  it('for a missing ticket is kvno', () => {
    const credentials = { credentials: [], principal: principal('anna') } as never;
    expect(errorOf(() => krb5Initiator({ credentials, service: 'ftp@host' }).step()).message).toBe(
      'no ticket for ftp/host (the cache holds no tickets): run "kvno ftp/host"',
    );
  });
});
