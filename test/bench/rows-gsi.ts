/** Records of GSI, as live contexts have them, beside node:crypto's AEAD alone. */
import { type CipherGCMTypes, createCipheriv, createDecipheriv } from 'node:crypto';
import { toUtf8 } from '../../src/bytes.js';
import { CommandReader } from '../../src/ftp/command.js';
import { ProtectedReplyReader, protectCommand, protectReply, ReplyReader, unprotectCommand } from '../../src/index.js';
import { RecordContext } from '../../src/mechanisms/gsi/context.js';
import { directionOf13 } from '../../src/mechanisms/gsi/tls/records.js';
import { suiteByNumber } from '../../src/mechanisms/gsi/tls/suites.js';
import { nodeAead } from '../../src/node/gsi/aead.js';
import { inOneMemory, type Row, type Side } from './measure.js';

const SIZE = 100;
/** How many times the AEAD's time ours may take. */
const GOALS = { 'node:crypto': 2 };
const CIPHERS: Readonly<Record<number, CipherGCMTypes>> = {
  4866: 'aes-256-gcm',
  4867: 'chacha20-poly1305' as CipherGCMTypes,
};

export function gsiRows(): Row[] {
  return Object.entries(CIPHERS).flatMap(([suite, cipher]) => [
    row('wrap', cipher, [wrapping(Number(suite)), sealing(cipher)]),
    row('unwrap', cipher, [unwrapping(Number(suite)), opening(cipher)]),
    row('make a reply', cipher, [making(Number(suite)), sealing(cipher)]),
    row('read a reply', cipher, [readingReplies(Number(suite)), opening(cipher)]),
    row('read a command', cipher, [readingCommands(Number(suite)), opening(cipher)]),
  ]);
}

const row = (what: string, cipher: string, sides: Side[]): Row => ({
  name: `GSI: ${what}, ${SIZE} octets, ${cipher}`,
  sides,
  goals: GOALS,
});

/** A context that only sends, and one that only receives its tokens. */
function contexts(number: number): [RecordContext, RecordContext] {
  const direction = (fill: number) => directionOf13(suiteByNumber(number)!, new Uint8Array(48).fill(fill), nodeAead);
  return [
    new RecordContext({ send: direction(1), receive: direction(2) }),
    new RecordContext({ send: direction(2), receive: direction(1) }),
  ];
}

const REPLY = toUtf8(`200 ${'x'.repeat(SIZE - 6)}\r\n`);
const COMMAND = toUtf8(`RETR ${'x'.repeat(SIZE - 7)}\r\n`);

function wrapping(suite: number): Side {
  const [sender] = contexts(suite);
  return {
    name: 'ours',
    run(count) {
      for (let i = 0; i < count; i++) sender.wrap(REPLY, 'private');
    },
  };
}

function making(suite: number): Side {
  const [sender] = contexts(suite);
  return {
    name: 'ours',
    run(count) {
      for (let i = 0; i < count; i++) protectReply(sender, 'private', REPLY);
    },
  };
}

/** What is read was made before, outside the measured time. */
function reading(make: (sender: RecordContext) => Uint8Array, suite: number, read: Reader): Side {
  const [sender, receiver] = contexts(suite);
  const readOne = read(receiver);
  let made: Uint8Array[] = [];
  return {
    name: 'ours',
    prepare(count) {
      made = inOneMemory(Array.from({ length: count }, () => make(sender)));
    },
    run() {
      for (const octets of made) readOne(octets);
    },
  };
}

type Reader = (receiver: RecordContext) => (octets: Uint8Array) => void;

const unwrapping = (suite: number) =>
  reading(
    sender => sender.wrap(REPLY, 'private').token,
    suite,
    receiver => token => void receiver.unwrap(token),
  );

const readingReplies = (suite: number) =>
  reading(
    sender => protectReply(sender, 'private', REPLY),
    suite,
    receiver => {
      const [outer, inner] = [new ReplyReader(), new ProtectedReplyReader(receiver)];
      return octets => {
        outer.push(octets);
        inner.push(outer.next()!);
        if (inner.next()?.inner.code !== 200) throw new Error('not the reply that was sent');
      };
    },
  );

const readingCommands = (suite: number) =>
  reading(
    sender => protectCommand(sender, 'private', COMMAND),
    suite,
    receiver => {
      const reader = new CommandReader();
      return octets => {
        reader.push(octets);
        if (unprotectCommand(receiver, reader.next()!).inner.verb !== 'RETR') throw new Error('another command');
      };
    },
  );

const [KEY, NONCE, HEADER] = [new Uint8Array(32).fill(1), new Uint8Array(12), new Uint8Array(5)];
/** The text, and behind it the type of the record. */
const LENGTH = SIZE + 1;

function sealing(name: CipherGCMTypes): Side {
  const text = new Uint8Array(LENGTH);
  return {
    name: 'node:crypto',
    run(count) {
      for (let i = 0; i < count; i++) sealed(name, text);
    },
  };
}

function sealed(name: CipherGCMTypes, text: Uint8Array): [Uint8Array, Uint8Array] {
  const cipher = createCipheriv(name, KEY, NONCE, { authTagLength: 16 });
  cipher.setAAD(HEADER);
  const encrypted = cipher.update(text);
  cipher.final();
  return [encrypted, cipher.getAuthTag()];
}

function opening(name: CipherGCMTypes): Side {
  const [encrypted, tag] = sealed(name, new Uint8Array(LENGTH));
  return {
    name: 'node:crypto',
    run(count) {
      for (let i = 0; i < count; i++) {
        const decipher = createDecipheriv(name, KEY, NONCE, { authTagLength: 16 });
        decipher.setAuthTag(tag).setAAD(HEADER);
        decipher.update(encrypted);
        decipher.final();
      }
    },
  };
}
