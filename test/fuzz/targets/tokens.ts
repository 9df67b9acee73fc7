/**
 * Tokens with any header, their checksums right: what opens has the text that was put in, whatever is refused is refused by
 * FtpSecurityError, and a valid token opens after it.
 */
import { copy, viewOf } from '../../../src/bytes.js';
import { octetsFrom } from '../../../src/fuzz/choices.js';
import { krb4FuzzSession } from '../../../src/fuzz/mechanisms/krb4.js';
import { krb5FuzzSession } from '../../../src/fuzz/mechanisms/krb5/index.js';
import type { FramedFields } from '../../../src/fuzz/mechanisms/krb5/rfc1964.js';
import type { WrapFields } from '../../../src/fuzz/mechanisms/krb5/rfc4121.js';
import { pskFuzzSession } from '../../../src/fuzz/mechanisms/psk.js';
import type { FuzzSession } from '../../../src/fuzz/mutation.js';
import { describeKrb4Token, krb4Context } from '../../../src/mechanisms/krb4/index.js';
import { describeKrb5Token, krb5Context } from '../../../src/mechanisms/krb5/index.js';
import { PskContext } from '../../../src/mechanisms/psk/context.js';
import { nodeCiphers } from '../../../src/node/index.js';
import type { SecurityContext } from '../../../src/protection/mechanism.js';
import type { TokenLevel } from '../../../src/protection/protection-level.js';
import { attempt, hold, octets, refusable, same, type Target } from './target.js';

interface Sides {
  forger: FuzzSession;
  recipient: SecurityContext;
}

/** What a forger makes of the octets in front of a text. */
interface Form {
  name: string;
  /** How many octets tell what to forge. */
  header: number;
  sides(): Sides;
  forge(context: SecurityContext, header: Uint8Array, text: Uint8Array, sealed: boolean): Uint8Array;
}

interface Forges<F> {
  token(text: Uint8Array, level: TokenLevel, fields: F): Uint8Array;
}

function krb5(enctype: number, keyLength: number): Sides {
  const key = new Uint8Array(keyLength).fill(0x2a);
  const both = { enctype, key, acceptorSubkey: true, ciphers: nodeCiphers, allowWeak: true };
  return {
    forger: krb5FuzzSession({ ...both, role: 'initiator', sendSequence: 5, receiveSequence: 0, random: octetsFrom(1) }),
    recipient: krb5Context({ ...both, role: 'acceptor', sendSequence: 0, receiveSequence: 5 }),
  };
}

function forgeWrap(context: SecurityContext, header: Uint8Array, text: Uint8Array, sealed: boolean): Uint8Array {
  const fields: WrapFields = { header: () => header, padding: sealed ? header[5]! % 32 : 0 };
  return (context as unknown as Forges<WrapFields>).token(text, sealed ? 'private' : 'safe', fields);
}

function forgeFramed(context: SecurityContext, header: Uint8Array, text: Uint8Array, sealed: boolean): Uint8Array {
  const { blockSize } = (context as unknown as { key: { blockSize: number } }).key;
  const whole = blockSize - (text.length % blockSize);
  const padding = new Uint8Array(whole + blockSize * (header[16]! % 3)).fill(header[17]!);
  const fields: FramedFields = {
    header: () => header.subarray(0, 16),
    ...(header[16] !== 0xff && { padding: () => padding }),
  };
  return (context as unknown as Forges<FramedFields>).token(text, sealed ? 'private' : 'safe', fields);
}

const NOW = 1_795_342_788_000;

function krb4(): Sides {
  const client = { address: Uint8Array.of(192, 0, 2, 1), port: 40_000 };
  const server = { address: Uint8Array.of(198, 51, 100, 20), port: 21 };
  const both = {
    key: octets('\x01\x23\x45\x67\x89\xab\xcd\xef'),
    ciphers: nodeCiphers,
    clock: () => NOW,
    allowWeak: true,
  };
  return {
    forger: krb4FuzzSession({ ...both, local: client, peer: server }),
    recipient: krb4Context({ ...both, local: server, peer: client }),
  };
}

function forgeKrb4(context: SecurityContext, header: Uint8Array, text: Uint8Array, sealed: boolean): Uint8Array {
  const view = viewOf(header);
  const fields = {
    header: () => header.subarray(0, 2),
    littleEndian: (header[1]! & 1) === 1,
    lengthOff: view.getInt8(2),
    textOff: view.getInt16(3),
    later: view.getInt16(5),
    mirrored: header[7] === 1,
    padding: header[8]!,
    sender: copy(header, 9, 13),
  };
  return (context as unknown as Forges<object>).token(text, sealed ? 'private' : 'safe', fields);
}

function psk(): Sides {
  const both = { key: new Uint8Array(32).fill(7), nonces: new Uint8Array(64).fill(9) };
  return {
    forger: pskFuzzSession({ ...both, role: 'initiator' }),
    recipient: new PskContext({ ...both, role: 'acceptor' }),
  };
}

function forgePsk(context: SecurityContext, header: Uint8Array, text: Uint8Array, sealed: boolean): Uint8Array {
  return (context as unknown as Forges<object>).token(text, sealed ? 'private' : 'safe', { header: () => header });
}

const FORMS: readonly Form[] = [
  { name: 'rfc4121', header: 16, sides: () => krb5(17, 16), forge: forgeWrap },
  { name: 'rfc1964-rc4', header: 18, sides: () => krb5(23, 16), forge: forgeFramed },
  { name: 'rfc1964-des', header: 18, sides: () => krb5(3, 8), forge: forgeFramed },
  { name: 'krb4', header: 13, sides: krb4, forge: forgeKrb4 },
  { name: 'psk', header: 9, sides: psk, forge: forgePsk },
];

/** First octet: 0 the rest is the token itself; else a header and a text, 1 not sealed, 2 sealed. */
function run({ header, sides, forge }: Form, input: Uint8Array): void {
  const { forger, recipient } = sides();
  const mode = input[0] ?? 0;
  const rest = input.subarray(1);
  const isForged = mode % 3 !== 0 && rest.length >= header;
  const text = rest.subarray(header);
  const token = isForged ? forge(forger.context, rest.subarray(0, header), text, mode % 3 === 2) : rest;
  refusable(() => describeKrb5Token(token));
  refusable(() => describeKrb4Token(token));
  const opened = attempt(() => recipient.unwrap(token));
  if ('value' in opened) {
    const { plaintext, level } = opened.value;
    hold(isForged || level === 'confidential', 'a token without the key was opened');
    const kept = same(plaintext, text) || plaintext.length !== text.length;
    hold(kept || level === 'confidential', 'another text than was protected');
  }
  const valid = forger.context.wrap(octets('NOOP'), 'safe').token;
  const after = attempt(() => recipient.unwrap(valid));
  const used = 'value' in opened && 'error' in after && after.error.code === 'security/replayed';
  hold('value' in after || used, 'a valid token is refused after it');
}

const SEEDS: Record<string, readonly string[]> = {
  rfc4121: [
    '\x01\x05\x04\x04\xff\x00\x0c\x00\x00\0\0\0\0\0\0\0\x05NOOP',
    '\x02\x05\x04\x06\xff\x00\x00\x00\x00\0\0\0\0\0\0\0\x05NOOP',
    '\0\x05\x04\x04\xff\x00\x0c\x00\x00\0\0\0\0\0\0\0\x05NOOP............',
    '\0\x60\x0f\x06\x09\x2a\x86\x48\x86\xf7\x12\x01\x02\x02\x01\x00ab',
  ],
  'rfc1964-rc4': [
    '\x01\x02\x01\x11\x00\xff\xff\xff\xff\0\0\0\x05\0\0\0\0\xff\0NOOP',
    '\x02\x02\x01\x11\x00\x10\x00\xff\xff\0\0\0\x05\0\0\0\0\xff\0NOOP',
    '\x02\x02\x01\x11\x00\x10\x00\xff\xff\0\0\0\x05\0\0\0\0\x03\x03NOOP',
  ],
  'rfc1964-des': [
    '\x01\x02\x01\x00\x00\xff\xff\xff\xff\0\0\0\x05\0\0\0\0\xff\0NOOP',
    '\x02\x02\x01\x01\x00\x00\x00\xff\xff\0\0\0\x05\0\0\0\0\x04\x04NOOP',
    '\x02\x02\x01\x02\x00\x00\x00\xff\xff\0\0\0\x05\0\0\0\0\x04\x04NOOP',
  ],
  krb4: ['\x01\x04\x0e\x00\0\0\0\0\0\0\xc0\0\x02\x01NOOP', '\x02\x04\x0d\x00\0\0\0\0\0\0\xc0\0\x02\x01NOOP'],
  psk: [
    '\x01S\0\0\0\0\0\0\0\0NOOP',
    '\x02P\0\0\0\0\0\0\0\0NOOP',
    '\0E\0\0\0\0\0\0\0\0NOOP',
    '\x01s\0\0\0\0\0\0\0\x01NOOP',
  ],
};

export const tokens: readonly Target[] = FORMS.map(form => ({
  name: `token-${form.name}`,
  invariant:
    'no token opens without the key; what opens has the text that was put in; a valid token opens after any other',
  run: input => run(form, input),
  seeds: SEEDS[form.name]!.map(octets),
}));
