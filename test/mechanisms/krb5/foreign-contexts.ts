/** The contexts in the vectors of other implementations (vectors/krb5/README.md), and our context in place of one of their sides. */
import { readdirSync, readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { fromHex, toHex } from '../../../src/bytes.js';
import { FtpSecurityError } from '../../../src/errors.js';
import { type Krb5Context, krb5Context } from '../../../src/mechanisms/krb5/tokens/context.js';
import { nodeCiphers } from '../../../src/node/index.js';
import type { SecurityContext } from '../../../src/protection/mechanism.js';
import { expectCode } from '../../helpers.js';

export type Role = 'initiator' | 'acceptor';

interface Message {
  from: Role;
  op: 'wrap-conf0' | 'wrap-conf1' | 'mic';
  name: string;
  plaintext: string;
  seq: number;
  token: string;
}

interface Verdict {
  case: string;
  from: Role;
  receiver: Role;
  sent_plaintext: string;
  status: string;
  plaintext: string | null;
  conf: number | null;
  token: string;
}

export interface ForeignContext {
  name: string;
  protocol: 'rfc4121' | 'rfc1964';
  keys: { message_key: { etype: number; key: string } };
  message_key_is_acceptor_subkey: boolean;
  initiator_send_seq: number;
  acceptor_send_seq: number;
  wrap_size_limit: { conf: 0 | 1; output: number; max_input: number }[];
  messages: Message[];
  verdicts: Verdict[];
}

const FOLDER = new URL('../../../vectors/krb5/', import.meta.url);

/** The files that have contexts with tokens of one RFC. */
export function foreignFiles(
  protocol: ForeignContext['protocol'],
): { file: string; contexts: [ForeignContext, ...ForeignContext[]] }[] {
  return readdirSync(FOLDER)
    .filter(name => /^krb5-.*\.json$/.test(name))
    .flatMap(file => {
      const all: ForeignContext[] = JSON.parse(readFileSync(new URL(file, FOLDER), 'utf8')).contexts;
      const [first, ...rest] = all.filter(context => context.protocol === protocol);
      return first === undefined ? [] : [{ file, contexts: [first, ...rest] }];
    });
}

/** Our context in place of one side. */
export function contextOf(
  foreign: ForeignContext,
  role: Role,
  options: { sendSequence?: bigint; receiveSequence?: bigint; strictOrder?: boolean } = {},
): Krb5Context {
  const { etype, key } = foreign.keys.message_key;
  const [ours, theirs] =
    role === 'initiator'
      ? [foreign.initiator_send_seq, foreign.acceptor_send_seq]
      : [foreign.acceptor_send_seq, foreign.initiator_send_seq];
  return krb5Context({
    role,
    enctype: etype,
    key: fromHex(key),
    acceptorSubkey: foreign.message_key_is_acceptor_subkey,
    sendSequence: ours,
    receiveSequence: theirs,
    ciphers: nodeCiphers,
    allowWeak: true,
    ...options,
  });
}

/** Expects that ours open every Wrap token of both sides, with its sequence state, and refuse every GetMIC token. */
export function expectOpened(foreign: ForeignContext): void {
  const receivers = { initiator: contextOf(foreign, 'acceptor'), acceptor: contextOf(foreign, 'initiator') };
  const expected = { initiator: foreign.initiator_send_seq, acceptor: foreign.acceptor_send_seq };
  for (const { from, op, plaintext, seq, token } of foreign.messages) {
    if (op === 'mic') {
      expectCode(() => receivers[from].unwrap(fromHex(token)), 'security/bad-token');
      continue;
    }
    const opened = receivers[from].unwrap(fromHex(token));
    expect({ ...opened, plaintext: toHex(opened.plaintext) }).toEqual({
      plaintext,
      level: op === 'wrap-conf1' ? 'private' : 'safe',
      sequence: seq === expected[from] ? 'ok' : 'gap',
    });
    expected[from] = (seq + 1) % 2 ** 32;
  }
}

export interface OurVerdict {
  verdict: string;
  plaintext: string | null;
  conf: number | null;
}

export function verdictOf(context: SecurityContext, token: string): OurVerdict {
  try {
    const { plaintext, level, sequence } = context.unwrap(fromHex(token));
    return { verdict: sequence, plaintext: toHex(plaintext), conf: level === 'private' ? 1 : 0 };
  } catch (error) {
    if (!(error instanceof FtpSecurityError)) throw error;
    return { verdict: error.code, plaintext: null, conf: null };
  }
}
