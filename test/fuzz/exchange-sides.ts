/** Both sides of an exchange under test: mechanisms with keys and clocks that stay, and our sessions that speak them. */
import { expect } from 'vitest';
import { FtpSecurityError, replyCodeFor } from '../../src/errors.js';
import { parseCommand } from '../../src/ftp/command.js';
import { parseReply } from '../../src/ftp/reply.js';
import { octetsFrom } from '../../src/fuzz/choices.js';
import { krb5FuzzSession } from '../../src/fuzz/mechanisms/krb5/index.js';
import { pskFuzzSession } from '../../src/fuzz/mechanisms/psk.js';
import type { ExchangeKeys, FuzzSession } from '../../src/fuzz/mutation.js';
import { ENCTYPES } from '../../src/mechanisms/krb5/crypto/enctypes.js';
import { type Krb5ContextOptions, krb5Acceptor, krb5Initiator, ReplayCache } from '../../src/mechanisms/krb5/index.js';
import type { PskContextOptions } from '../../src/mechanisms/psk/context.js';
import { pskAcceptor, pskInitiator } from '../../src/mechanisms/psk/index.js';
import { nodeCiphers } from '../../src/node/index.js';
import type { Exchange, Step } from '../../src/protection/mechanism.js';
import { parseAdatCommand } from '../../src/protection/security-data.js';
import type { ClientSession } from '../../src/session/client.js';
import type { ServerSession } from '../../src/session/server.js';
import { acceptor as krb4Acceptor, initiator as krb4Initiator } from '../mechanisms/krb4/exchanges.js';
import { realm, SERVICE, START } from '../mechanisms/krb5/live.js';

export interface Sides {
  mechanism: string;
  keys: ExchangeKeys;
  /** @param tell  is told of the session when the exchange is complete */
  initiator(tell?: Tell): Exchange;
  acceptor(tell?: Tell): Exchange;
}

type Tell = (session: FuzzSession) => void;

/** Each time with a replay cache of its own. */
export type NewSides = () => Sides;

const clock = () => (START + 60) * 1000 + 0.5;

export function kerberos(enctype: number): NewSides {
  const { keytab, credential } = realm(enctype);
  return () => {
    const both = { ciphers: nodeCiphers, allowWeak: true, clock };
    const replayCache = new ReplayCache();
    const keylog = (tell: Tell | undefined) => ({
      keylog: (options: Krb5ContextOptions) => tell?.(krb5FuzzSession({ ...options, allowWeak: true })),
    });
    const credentials = [credential];
    return {
      mechanism: 'GSSAPI',
      keys: { forges: 'krb5', sessionKeys: [credential.key], keytab, ciphers: nodeCiphers },
      initiator: tell =>
        krb5Initiator({ ...both, ...keylog(tell), credentials, service: SERVICE, random: octetsFrom(7) }),
      acceptor: tell => krb5Acceptor({ ...both, ...keylog(tell), keytab, replayCache, random: octetsFrom(8) }),
    };
  };
}

const key = new Uint8Array(32).fill(7);

export const xPsk: NewSides = () => {
  let made = 0;
  const both = (tell: Tell | undefined) => ({
    key,
    random: octetsFrom(++made),
    keylog: (options: PskContextOptions) => tell?.(pskFuzzSession(options)),
  });
  return {
    mechanism: 'X-PSK',
    keys: { forges: 'psk', key },
    initiator: tell => pskInitiator(both(tell)),
    acceptor: tell => pskAcceptor(both(tell)),
  };
};

const krb4: NewSides = () => ({
  mechanism: 'KERBEROS_V4',
  keys: { forges: 'krb4' },
  initiator: () => krb4Initiator(),
  acceptor: () => krb4Acceptor({ replayCache: new ReplayCache() }),
});

export const MECHANISMS: readonly (readonly [string, NewSides])[] = [
  ['X-PSK', xPsk],
  ['KERBEROS_V4', krb4],
  ...ENCTYPES.map(({ number, name }) => [name, kerberos(number)] as const),
];

/** What a server makes of a line, and answers. */
export function told(server: ServerSession, exchange: Exchange, line: Uint8Array) {
  const errors: FtpSecurityError[] = [];
  const octets: Uint8Array[] = [];
  server.receive(line);
  for (let event = server.next(); event !== undefined; event = server.next()) {
    if (event.type === 'auth') octets.push(server.proceed({}));
    if (event.type === 'answered') {
      octets.push(event.octets);
      if (event.error !== undefined) errors.push(event.error);
    }
    if (event.type === 'command') octets.push(server.reply(530, 'No', event));
    if (event.type !== 'security-data') continue;
    try {
      octets.push(server.proceed(stepOf(exchange, event.token)));
    } catch (error) {
      errors.push(refusal(error));
      octets.push(server.refuse(refusal(error)));
    }
  }
  for (const error of errors) expect(replyCodeFor(error)).toBeGreaterThanOrEqual(431);
  const [first] = octets;
  return { errors, octets, reply: first && parseReply(first) };
}

/** What a client makes of a line: security data for us, or why not. */
export function heard(client: ClientSession, exchange: Exchange, line: Uint8Array) {
  const errors: FtpSecurityError[] = [];
  let sent: Uint8Array | undefined;
  let replies = 0;
  client.receive(line);
  try {
    for (let event = client.next(); event !== undefined; event = client.next()) {
      if (event.type === 'security-data') sent = client.proceed(stepOf(exchange, event.token));
      else replies++;
    }
  } catch (error) {
    errors.push(refusal(error));
  }
  return { errors, sent, adat: sent && parseAdatCommand(parseCommand(sent)).token, replies };
}

export function stepOf(exchange: Exchange, token?: Uint8Array): Step {
  const step = exchange.step(token);
  if (step instanceof Promise) throw new Error('an asynchronous step');
  return step;
}

function refusal(error: unknown): FtpSecurityError {
  if (error instanceof FtpSecurityError) return error;
  throw error;
}
