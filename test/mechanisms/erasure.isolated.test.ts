/**
 * Keys are erased: every array of octets and every state of HMAC that comes about is watched, and none holds a key, given
 * or derived, once contexts are destroyed and exchanges over. Arrays of the test's own were made before.
 */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { BlockCiphers, NewBlockCipher } from '../../src/block-cipher.js';
import { gsiObserver } from '../../src/mechanisms/gsi/index.js';
import { parseApReq } from '../../src/mechanisms/krb4/ap-req.js';
import { pcbcDecrypt, pcbcEncrypt, withDesKey } from '../../src/mechanisms/krb4/crypto.js';
import {
  type Krb4AcceptorOptions,
  krb4Acceptor,
  krb4Initiator,
  krb4Observer,
  parseTicketFile,
} from '../../src/mechanisms/krb4/index.js';
import { ENCTYPES } from '../../src/mechanisms/krb5/crypto/enctypes.js';
import {
  krb5Acceptor,
  krb5Context,
  krb5Initiator,
  krb5Observer,
  ReplayCache,
} from '../../src/mechanisms/krb5/index.js';
import { pskAcceptor, pskInitiator, pskObserver } from '../../src/mechanisms/psk/index.js';
import { nodeCiphers } from '../../src/node/index.js';
import type { Exchange, SecurityContext } from '../../src/protection/mechanism.js';
import { onlyRefuses } from '../helpers.js';
import { gsiKeysOf } from './gsi/keys.js';
import { keysOf, tokensOf, VECTORS } from './gsi/vectors.js';
import { clockOf, SAMPLE, step } from './krb4/exchanges.js';
import { CLIENT, keyOf, SERVER, ticketFileOf } from './krb4/vectors.js';
import { realm, reseal, START } from './krb5/live.js';
import { NTLM, negTokenInit, negTokenResp, OFFERED } from './krb5/negotiation.js';

interface HmacState {
  destroyed: boolean;
}

/** Every key that was seen, in hex: strings are not among the arrays that are watched. */
const keys = new Set<string>();
const states: HmacState[] = [];
const arrays: (Uint8Array | Uint32Array)[] = [];

function met(key: Uint8Array): void {
  const hex = Buffer.from(key).toString('hex');
  if (!/^(00)*$/.test(hex)) keys.add(hex);
}

vi.mock('@noble/hashes/hmac.js', async original => {
  const real = await original<typeof import('@noble/hashes/hmac.js')>();
  const watched = (state: HmacState & { _cloneInto: (to?: HmacState) => HmacState }) => {
    const clone = state._cloneInto.bind(state);
    states.push(state);
    state._cloneInto = to => {
      const copy = clone(to);
      if (to === undefined) states.push(copy);
      return copy;
    };
    return state;
  };
  const hmac = Object.assign(
    (...args: Parameters<typeof real.hmac>) => {
      met(args[1]);
      return real.hmac(...args);
    },
    {
      create: (...args: Parameters<typeof real.hmac.create>) => {
        met(args[1]);
        return watched(real.hmac.create(...args) as never);
      },
    },
  );
  return { ...real, hmac };
});

vi.mock('@noble/ciphers/aes.js', async original => {
  const real = await original<typeof import('@noble/ciphers/aes.js')>();
  const expand = (key: Uint8Array) => {
    met(key);
    return real.unsafe.expandKeyLE(key);
  };
  return { ...real, unsafe: { ...real.unsafe, expandKeyLE: expand } };
});

const meeting =
  (make: NewBlockCipher): NewBlockCipher =>
  key => {
    met(key);
    return make(key);
  };
const ciphers: BlockCiphers = {
  des: meeting(nodeCiphers.des!),
  tripleDes: meeting(nodeCiphers.tripleDes!),
  camellia: meeting(nodeCiphers.camellia!),
  aes: meeting(nodeCiphers.aes!),
  hmac: (hash, key) => {
    met(key);
    return nodeCiphers.hmac!(hash, key);
  },
};

const native = { Uint8Array, Uint32Array };

beforeEach(() => {
  forget();
  keys.clear();
  for (const [name, Base] of Object.entries(native)) {
    // The name and instanceof are what libraries go by.
    const Watched = class extends (Base as typeof Uint8Array) {
      static override [Symbol.hasInstance](value: unknown): boolean {
        return Function.prototype[Symbol.hasInstance].call(Base, value);
      }
      constructor(...args: [never]) {
        super(...args);
        arrays.push(this);
      }
    };
    Object.defineProperty(Watched, 'name', { value: name });
    Reflect.set(globalThis, name, Watched);
  }
});

afterEach(restore);

function restore(): void {
  Object.assign(globalThis, native);
}

/** Leaves out of the watch what the test itself has made. */
function forget(): void {
  for (const list of [states, arrays]) list.length = 0;
}

/** @param least  how many keys must have been met, or nothing was watched */
function expectNothingLeft(least: number): void {
  restore();
  expect(keys.size).toBeGreaterThanOrEqual(least);
  expect(arrays.length).toBeGreaterThan(0);
  expect(states.filter(({ destroyed }) => !destroyed).length).toBe(0);
  const held = arrays.flatMap(({ buffer, byteOffset, byteLength }) => {
    const hex = Buffer.from(buffer, byteOffset, byteLength).toString('hex');
    return [...keys].filter(key => hex.includes(key)).map(key => `${key} in ${hex}`);
  });
  expect(held).toEqual([]);
}

/** A copy of the keylog's is its taker's. */
const keylog = ({ key }: { key: Uint8Array }): void => {
  met(key);
  key.fill(0);
};

/** What is drawn becomes a key, but for a few octets of a number. */
const random = (length: number): Uint8Array => {
  const octets = crypto.getRandomValues(new native.Uint8Array(length));
  if (length >= 7) met(octets);
  // The caller gets a copy of its own.
  return Uint8Array.from(octets);
};

const TEXT = 'PASS swordfish';

function use(context: SecurityContext): void {
  for (const level of ['safe', 'private', 'confidential'] as const) {
    if (context.supports(level)) context.wrap(new TextEncoder().encode(TEXT), level);
  }
}

function talk(...contexts: SecurityContext[]): void {
  const [from, to] = contexts as [SecurityContext, SecurityContext];
  for (const level of ['safe', 'private', 'confidential'] as const) {
    if (from.supports(level)) to.unwrap(from.wrap(new TextEncoder().encode(TEXT), level).token);
    if (to.supports(level)) from.unwrap(to.wrap(new TextEncoder().encode(TEXT), level).token);
  }
  for (const context of contexts) context.destroy();
}

/** Each encryption type with Node's ciphers, and those that need none with the built-in ones too. */
const KEYED = ENCTYPES.flatMap(({ number, name, externalCipher }) => [
  { number, title: name, ciphers },
  ...(externalCipher === undefined ? [{ number, title: `${name}, built in`, ciphers: {} }] : []),
]);

describe.each(KEYED)('$title', ({ number, ciphers }) => {
  const made = realm(number);
  const { credential } = made;
  const key = Buffer.from(credential.key.keyvalue);
  const live = { ciphers, allowWeak: true, clock: () => START * 1000, keylog, random };
  const begun: Exchange[] = [];
  const initiator = (options = {}) => {
    const exchange = krb5Initiator({
      ...live,
      credentials: [credential],
      service: 'ftp@host.example.test',
      ...options,
    });
    begun.push(exchange);
    return exchange;
  };
  /** Who waits for an answer that will not come. */
  const giveUp = () => {
    for (const exchange of begun) exchange.destroy!();
  };
  const acceptor = (options = {}) =>
    krb5Acceptor({ ...live, keytab: made.keytab, replayCache: new ReplayCache(), ...options });

  test('by contexts', () => {
    const both = { ...live, enctype: number, key, acceptorSubkey: true, sendSequence: 1, receiveSequence: 1 };
    met(key);
    talk(krb5Context({ ...both, role: 'initiator' }), krb5Context({ ...both, role: 'acceptor' }));
    // Tokens of triple DES need one derived key alone, that of their checksums.
    expectNothingLeft(2);
  });

  test('by a context that is refused', () => {
    const both = { ...live, enctype: number, key, acceptorSubkey: true, sendSequence: -1, receiveSequence: 1 };
    expect(() => krb5Context({ ...both, role: 'initiator' })).toThrow(RangeError);
    met(key);
    expectNothingLeft(1);
  });

  test.each([
    { mutual: true, spnego: false },
    { mutual: false, spnego: true },
  ])('by both sides of an exchange, and an observer: $mutual, $spnego', options => {
    const [ours, theirs] = [initiator(options), acceptor()];
    const observer = krb5Observer({ keys: made.keytab, ciphers });
    const opening = step(ours);
    observer.observe('client', opening.token!);
    const answer = step(theirs, opening.token);
    const step_ = answer.token && observer.observe('server', answer.token);
    const end = opening.context ? opening : step(ours, answer.token);
    talk(end.context!, answer.context!);
    const seen = step_ as { fromClient?: SecurityContext; fromServer?: SecurityContext };
    for (const context of [seen.fromClient, seen.fromServer]) {
      use(context!);
      context!.destroy();
    }
    expectNothingLeft(6);
  });

  test('by exchanges that fail, wherever', () => {
    const opening = (options = {}) => {
      const exchange = initiator(options);
      return { exchange, token: step(exchange).token! };
    };
    const refuses = (exchange: Exchange, token: Uint8Array) => expect(() => exchange.step(token)).toThrow();
    refuses(acceptor({ clock: () => (START + 1000) * 1000 }), opening().token);
    refuses(acceptor({ bindings: new native.Uint8Array(16), requireBindings: true }), opening().token);
    refuses(acceptor({ services: ['HTTP'] }), opening().token);
    const first = opening();
    const other = step(acceptor(), opening({ clock: () => (START + 1) * 1000 }).token);
    other.context!.destroy();
    refuses(first.exchange, other.token!);
    const cut = opening();
    const answer = step(acceptor(), cut.token);
    answer.context!.destroy();
    refuses(cut.exchange, answer.token!.subarray(0, -1));
    const given = opening();
    given.exchange.destroy!();
    expect(() => given.exchange.step()).toThrow('over');
    giveUp();
    met(key);
    expectNothingLeft(6);
  });

  test('by an observer of an exchange that has no end', () => {
    const { token } = step(initiator());
    const observer = krb5Observer({ keys: made.keytab, ciphers });
    expect(observer.observe('client', token!).problem).toBeUndefined();
    observer.destroy!();
    giveUp();
    met(key);
    expectNothingLeft(3);
  });

  test('by messages that are malformed behind a key', () => {
    const { token } = step(initiator());
    giveUp();
    const malformed = { extensions: Uint8Array.of(0x80) };
    const request = reseal(token!, made, { authenticator: whole => ({ ...whole, ...malformed }) });
    const inTicket = { ...made, ...realm(number, { ticket: malformed as never }) };
    const other = step(
      krb5Initiator({ ...live, credentials: [inTicket.credential], service: 'ftp@host.example.test' }),
    );
    forget();
    expect(() => step(acceptor(), request)).toThrow('DER');
    expect(krb5Observer({ keys: made.keytab, ciphers }).observe('client', request).problem?.message).toMatch('DER');
    expect(() => step(acceptor({ keytab: inTicket.keytab }), other.token)).toThrow('DER');
    met(key);
    met(Buffer.from(inTicket.credential.key.keyvalue));
    expectNothingLeft(3);
  });

  test('by a negotiation that is given up', () => {
    const bare = step(initiator()).token!;
    const theirs = acceptor();
    const { token } = step(theirs, negTokenInit(undefined, [NTLM, ...OFFERED]));
    expect(token).toBeDefined();
    theirs.destroy!();
    expect(() => theirs.step(bare)).toThrow('over');
    // The same, when it has come as far as its own MIC.
    const signing = acceptor();
    step(signing, negTokenInit(undefined, [NTLM, ...OFFERED]));
    step(signing, negTokenResp(undefined, step(initiator()).token));
    signing.destroy!();
    giveUp();
    met(key);
    expectNothingLeft(2);
  });
});

test('X-PSK', () => {
  const shared = Buffer.alloc(32, 7);
  const [ours, theirs] = [pskInitiator({ key: shared, keylog }), pskAcceptor({ key: shared, keylog })];
  const observer = pskObserver({ keys: [shared] });
  const opening = step(ours);
  observer.observe('client', opening.token!);
  const answer = step(theirs, opening.token);
  observer.observe('server', answer.token!);
  const confirmation = step(ours, answer.token);
  const step_ = observer.observe('client', confirmation.token!);
  const end = step(theirs, confirmation.token);
  talk(confirmation.context!, end.context!);
  for (const context of [step_.fromClient!, step_.fromServer!]) context.destroy();
  expectNothingLeft(3);
});

describe('GSI', () => {
  const observed = VECTORS.map(vector => {
    const keys = keysOf(vector);
    return { name: vector.name, vector, keys, tokens: tokensOf(vector), ours: gsiKeysOf(vector) };
  });
  const meetAll = ({ ours }: (typeof observed)[number]) => ours.forEach(met);

  test.each(observed)('$name: by an observer and its contexts', it => {
    const observer = gsiObserver(it.keys);
    const contexts = it.tokens.flatMap(({ from, token }) => {
      const { fromClient, fromServer } = observer.observe(from, token);
      return fromClient && fromServer ? [fromClient, fromServer] : [];
    });
    expect(contexts.length).toBeGreaterThan(1);
    const { token_hex } = it.vector.messages.find(({ op, dir }) => op === 'wrap' && dir === 'i2a')!;
    contexts.at(-2)!.unwrap(Buffer.from(token_hex!, 'hex'));
    for (const context of contexts) context.destroy();
    observer.destroy!();
    meetAll(it);
    expectNothingLeft(2);
  });

  test.each(observed)('$name: by an observer of an exchange that is altered, or has no end', it => {
    for (const place of it.tokens.keys()) {
      const [cut, altered] = [gsiObserver(it.keys), gsiObserver(it.keys)];
      for (const [i, { from, token }] of it.tokens.slice(0, place + 1).entries()) {
        const seen = cut.observe(from, token);
        for (const context of [seen.fromClient, seen.fromServer]) context?.destroy();
        const last = Uint8Array.from(token, (octet, at) =>
          i === place && at === token.length - 1 ? octet ^ 1 : octet,
        );
        onlyRefuses(() => {
          const { fromClient, fromServer } = altered.observe(from, last);
          for (const context of [fromClient, fromServer]) context?.destroy();
        });
      }
      cut.destroy!();
      altered.destroy!();
    }
    meetAll(it);
    expectNothingLeft(2);
  });
});

describe('KERBEROS_V4', () => {
  const sessionKey = Buffer.from(SAMPLE.session_key, 'hex');
  const srvtab = [{ ...keyOf(SAMPLE), key: Buffer.from(SAMPLE.service_key, 'hex') }];
  const tickets = parseTicketFile(ticketFileOf(SAMPLE, false));
  const common = { ciphers, keylog, allowWeak: true, clock: clockOf(SAMPLE) };
  const service = keyOf(SAMPLE);
  const initiator = () => krb4Initiator({ ...common, tickets, service, local: CLIENT, peer: SERVER });
  const acceptor = (options: Partial<Krb4AcceptorOptions> = {}) =>
    krb4Acceptor({ ...common, srvtab, replayCache: new ReplayCache(), local: SERVER, peer: CLIENT, ...options });

  test('by both sides of an exchange, and an observer', () => {
    const [ours, theirs] = [initiator(), acceptor()];
    const observer = krb4Observer({ keys: srvtab, ciphers });
    const opening = step(ours);
    observer.observe('client', opening.token!);
    const answer = step(theirs, opening.token);
    const step_ = observer.observe('server', answer.token!);
    talk(step(ours, answer.token).context!, answer.context!);
    for (const context of [step_.fromClient!, step_.fromServer!]) context.destroy();
    met(sessionKey);
    expectNothingLeft(2);
  });

  test('by an observer of an exchange that has no end', () => {
    const observer = krb4Observer({ keys: srvtab, ciphers });
    expect(observer.observe('client', step(initiator()).token!).problem).toBeUndefined();
    observer.destroy!();
    met(sessionKey);
    expectNothingLeft(2);
  });

  test('by a ticket that is malformed behind its key', () => {
    const { token } = step(initiator());
    const { ticket } = parseApReq(token!);
    const [key] = srvtab;
    const longer = withDesKey(key!.key, nodeCiphers, prepared =>
      pcbcEncrypt(prepared, Buffer.concat([pcbcDecrypt(prepared, ticket), Buffer.alloc(8)])),
    );
    const at = Buffer.from(token!).indexOf(ticket);
    const [before, behind] = [Buffer.from(token!.subarray(0, at)), token!.subarray(at + ticket.length)];
    before[at - 2] = longer.length;
    forget();
    expect(() => step(acceptor(), Buffer.concat([before, longer, behind]))).toThrow('decrypts');
    met(sessionKey);
    expectNothingLeft(2);
  });

  test('by exchanges that fail', () => {
    const ours = initiator();
    const { token } = step(ours);
    expect(() => step(ours, Uint8Array.of(4))).toThrow();
    for (const options of [
      { clock: () => (SAMPLE.issue_date + 1000) * 1000 },
      { peer: { ...CLIENT, address: Uint8Array.of(1, 2, 3, 4) } },
      { srvtab: [{ ...srvtab[0]!, instance: 'other' }] },
    ]) {
      expect(() => step(acceptor(options), token)).toThrow();
    }
    met(sessionKey);
    expectNothingLeft(2);
  });
});

test.each([
  { by: 'with ciphers of the caller', slots: ciphers },
  { by: 'with the built-in ciphers', slots: {} },
])('Kerberos keeps no plaintext between messages, $by', async ({ slots }) => {
  // The arrays of modules are made anew, under the eyes of the test.
  vi.resetModules();
  const { krb5Context } = await import('../../src/mechanisms/krb5/index.js');
  for (const { number, keyLength, tokens, externalCipher } of ENCTYPES) {
    if (tokens !== 'rfc4121' || (externalCipher !== undefined && !(externalCipher in slots))) continue;
    const key = new native.Uint8Array(keyLength).fill(1);
    const both = {
      ciphers: slots,
      allowWeak: true,
      enctype: number,
      key,
      acceptorSubkey: true,
      sendSequence: 1,
      receiveSequence: 1,
    };
    const [from, to] = [krb5Context({ ...both, role: 'initiator' }), krb5Context({ ...both, role: 'acceptor' })];
    for (const level of ['safe', 'private'] as const) {
      const { token } = from.wrap(new native.Uint8Array(Buffer.from(TEXT)), level);
      const { plaintext } = to.unwrap(token);
      expect(Buffer.from(plaintext).toString()).toBe(TEXT);
      // These are the caller's.
      for (const octets of [token, plaintext]) octets.fill(0);
    }
  }
  restore();
  const text = Buffer.from(TEXT).toString('hex');
  const held = arrays.map(({ buffer }) => Buffer.from(buffer).toString('hex')).filter(hex => hex.includes(text));
  expect(arrays.length).toBeGreaterThan(100);
  expect(held).toEqual([]);
});
