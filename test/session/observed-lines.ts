/** Recorded lines for the observer, under a mechanism whose tokens can be read. */
import { FtpSecurityError } from '../../src/errors.js';
import type { Mechanism, ObservedStep } from '../../src/protection/mechanism.js';
import type { TokenLevel } from '../../src/protection/protection-level.js';
import type { ObservedMessage, ObservedReply } from '../../src/session/events.js';
import { Observer, type ObserverOptions } from '../../src/session/observer.js';
import { ascii } from '../helpers.js';
import { visibleContext, visibleToken } from '../protection/visible-context.js';

const LEVELS: TokenLevel[] = ['safe', 'private', 'confidential'];

/** A mechanism whose exchange is one token each way, `open` from the client; with any other token the keys are unknown. */
export function mechanism(levels: TokenLevel[] = LEVELS): Mechanism {
  return {
    name: 'X-VISIBLE',
    variant: 'visible',
    recognises: token => token.length > 0,
    observer() {
      let facts: ObservedStep['facts'] = {};
      return {
        observe(from, token) {
          const said = Buffer.from(token).toString();
          if (said === 'garbage') throw new FtpSecurityError('security/bad-token', 'garbage');
          facts = { ...facts, [from]: said };
          if (said === 'locked') return { facts, problem: new FtpSecurityError('security/no-key', 'no key') };
          if (facts['client'] !== 'open') return { facts };
          return { facts, fromClient: visibleContext(levels), fromServer: visibleContext(levels) };
        },
      };
    },
  };
}

export const base64 = (text: string | Uint8Array) => Buffer.from(text).toString('base64');
const VERBS = { safe: 'MIC', private: 'ENC', confidential: 'CONF' };
const CODES = { safe: 631, private: 632, confidential: 633 };
export const token = (level: TokenLevel, n: number, text: string) => base64(visibleToken(level, n, text));
export const mic = (n: number, text: string, level: TokenLevel = 'safe') =>
  `C> ${VERBS[level]} ${token(level, n, text)}`;
export const reply = (n: number, text: string, level: TokenLevel = 'safe') =>
  `S> ${CODES[level]} ${token(level, n, text)}`;

export const EXCHANGE = [
  'S> 220 hello',
  'C> AUTH X-VISIBLE',
  'S> 334 go on',
  `C> ADAT ${base64('open')}`,
  'S> 235 done',
];
export const LOCKED = [...EXCHANGE.slice(0, 3), `C> ADAT ${base64('locked')}`, 'S> 235 done'];
export const CCC = [mic(0, 'CCC'), reply(0, '200 clear')];

/** Plays lines `C> …` and `S> …`; `!` after the side means lost octets. */
export function observe(lines: string[], options: Partial<ObserverOptions> = {}) {
  const observer = new Observer({ mechanisms: [mechanism()], ...options });
  for (const line of lines) {
    const from = line.startsWith('C') ? 'client' : 'server';
    if (line[1] === '!') observer.gap(from);
    else observer.push(from, ascii(`${line.slice(3)}${line.endsWith('\n') ? '' : '\r\n'}`));
  }
  observer.close();
  const seen = [];
  for (let next = observer.next(); next !== undefined; next = observer.next()) seen.push(next);
  return {
    messages: seen.filter((it): it is ObservedMessage => it.type === 'message'),
    replies: seen.filter((it): it is ObservedReply => it.type === 'reply'),
    exchanges: seen.filter(it => it.type === 'exchange'),
    problem: observer.problem,
  };
}
