/** Tokens that other implementations made (vectors), each with a context that expects it. */
import { readFileSync } from 'node:fs';
import { fromHex } from '../../src/bytes.js';
import { krb4Context } from '../../src/mechanisms/krb4/index.js';
import type { Role } from '../../src/mechanisms/psk/context.js';
import { pskObserver } from '../../src/mechanisms/psk/index.js';
import { nodeCiphers } from '../../src/node/index.js';
import type { SecurityContext } from '../../src/protection/mechanism.js';
import type { TokenLevel } from '../../src/protection/protection-level.js';
import { VECTORS as GSI, observe, peerOf } from '../mechanisms/gsi/vectors.js';
import { address, VECTORS as KRB4 } from '../mechanisms/krb4/vectors.js';
import { contextOf, foreignFiles } from '../mechanisms/krb5/foreign-contexts.js';
import type { ForeignToken } from './flips.js';

/** Longer tokens have no other parts. */
const MAX_TOKEN = 120;

function krb5Tokens(): ForeignToken[] {
  return (['rfc4121', 'rfc1964'] as const).flatMap(format =>
    foreignFiles(format).flatMap(({ file, contexts }) =>
      contexts.flatMap(foreign =>
        foreign.messages
          .filter(({ op }) => op !== 'mic')
          .map(({ op, from, seq, token }): ForeignToken => {
            const opener = from === 'initiator' ? 'acceptor' : 'initiator';
            const sealed = op === 'wrap-conf1';
            return {
              name: `${file} ${foreign.name} ${from} ${op}`,
              format,
              level: sealed ? 'private' : 'safe',
              enctype: foreign.keys.message_key.etype,
              token: fromHex(token),
              context: () => contextOf(foreign, opener, { receiveSequence: BigInt(seq) }),
            };
          }),
      ),
    ),
  );
}

interface PskVector {
  name: string;
  key: string;
  security_data: string[];
  tokens: { from: Role; level: TokenLevel; number: string; token: string }[];
}

function pskTokens(): ForeignToken[] {
  const file = new URL('../../vectors/psk/x-psk.json', import.meta.url);
  const { cases }: { cases: PskVector[] } = JSON.parse(readFileSync(file, 'utf8'));
  return cases.flatMap(({ name, key, security_data, tokens }) =>
    tokens.map(({ from, level, token }) => ({
      name: `${name} ${from} ${level}`,
      format: 'psk',
      level,
      token: fromHex(token),
      context: () => {
        const observer = pskObserver({ keys: [fromHex(key)] });
        const [opening, answer, confirmation] = security_data.map(fromHex);
        observer.observe('client', opening!);
        observer.observe('server', answer!);
        const step = observer.observe('client', confirmation!);
        return (from === 'initiator' ? step.fromClient : step.fromServer)!;
      },
    })),
  );
}

function krb4Tokens(): ForeignToken[] {
  return KRB4.messages.map(vector => {
    const { kind, byte_order, sender, receiver, session_key, time_sec, message } = vector;
    const end = ({ ip, port }: typeof sender) => ({ address: address(ip), port });
    return {
      name: `${kind} ${byte_order} ${vector.name} from ${sender.ip}`,
      format: 'krb4',
      level: kind === 'safe' ? 'safe' : 'private',
      token: fromHex(message),
      context: () =>
        krb4Context({
          key: fromHex(session_key),
          ciphers: nodeCiphers,
          local: end(receiver),
          peer: end(sender),
          clock: () => time_sec * 1000,
          allowWeak: true,
        }),
    };
  });
}

/** How many of each kind and direction in an exchange. */
const GSI_TOKENS = 2;

/** Records are numbered by counting, so that a context must have opened all before. */
function gsiTokens(): ForeignToken[] {
  return GSI.flatMap(vector => {
    const wrapped = vector.messages.filter(
      ({ op, verified, token_hex }) => op === 'wrap' && verified !== false && token_hex,
    );
    const isEarly = ({ dir, qop }: (typeof wrapped)[number], i: number) =>
      wrapped.slice(0, i).filter(it => it.dir === dir && it.qop === qop).length < GSI_TOKENS;
    return wrapped.flatMap((message, i): ForeignToken[] => {
      if (!isEarly(message, i)) return [];
      const opened = (count: number): { context: SecurityContext; level: TokenLevel } => {
        const { fromClient, fromServer } = observe(vector);
        const context = (peerOf(message.dir!) === 'client' ? fromClient : fromServer)!;
        const before = wrapped.slice(0, count).filter(({ dir }) => dir === message.dir);
        const levels = before.map(({ token_hex }) => context.unwrap(fromHex(token_hex!)).level);
        return { context, level: levels.at(-1)! };
      };
      return [
        {
          name: `${vector.name} ${message.label ?? message.what ?? i}`,
          format: 'tls',
          level: opened(i + 1).level,
          token: fromHex(message.token_hex!),
          context: () => opened(i).context,
        },
      ];
    });
  });
}

/** All of them that are short. */
export const FOREIGN_TOKENS: readonly ForeignToken[] = [
  ...krb5Tokens(),
  ...pskTokens(),
  ...krb4Tokens(),
  ...gsiTokens(),
].filter(({ token }) => token.length <= MAX_TOKEN);
