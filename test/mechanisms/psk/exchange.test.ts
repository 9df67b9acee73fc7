import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { concat, toUtf8 } from '../../../src/bytes.js';
import { FtpSecurityError } from '../../../src/errors.js';
import { PskContext, type PskContextOptions } from '../../../src/mechanisms/psk/context.js';
import { psk, pskAcceptor, pskInitiator, pskObserver } from '../../../src/mechanisms/psk/index.js';
import type { Exchange, Peer, Step } from '../../../src/protection/mechanism.js';

const key = new Uint8Array(32).fill(1);
const otherKey = new Uint8Array(32).fill(2);
const code = (code: string) => expect.objectContaining({ name: 'FtpSecurityError', code });

/** X-PSK never needs to wait. */
function step(exchange: Exchange, token?: Uint8Array): Step {
  const step = exchange.step(token);
  if (step instanceof Promise) throw new Error('a step of X-PSK is synchronous');
  return step;
}

/** The three tokens of an exchange that works. */
function tokens(): [Uint8Array, Uint8Array, Uint8Array] {
  const initiator = pskInitiator({ key });
  const acceptor = pskAcceptor({ key });
  const opening = step(initiator).token!;
  const answer = step(acceptor, opening).token!;
  return [opening, answer, step(initiator, answer).token!];
}

describe('the X-PSK exchange', () => {
  test('keylog is called with the options of each context', () => {
    const told: PskContextOptions[] = [];
    const keylog = (options: PskContextOptions) => void told.push(options);
    const [initiator, acceptor] = [pskInitiator({ key, keylog }), pskAcceptor({ key, keylog })];
    const { token, context } = step(initiator, step(acceptor, step(initiator).token).token);
    step(acceptor, token);
    expect(told.map(({ role }) => role)).toEqual(['initiator', 'acceptor']);
    expect(told[0]).toEqual({ ...told[1], role: 'initiator' });
    expect(told[0]!.key).not.toBe(key);
    const third = new PskContext(told[1]!);
    expect(third.unwrap(context!.wrap(toUtf8('text'), 'private').token).plaintext).toEqual(toUtf8('text'));
  });

  test('three tokens, and both sides have a context', () => {
    const initiator = pskInitiator({ key });
    const acceptor = pskAcceptor({ key });

    const opening = step(initiator);
    expect(opening).toEqual({ token: expect.objectContaining({ length: 33 }) });
    const answer = step(acceptor, opening.token);
    expect(answer).toEqual({ token: expect.objectContaining({ length: 64 }) });
    const confirmation = step(initiator, answer.token);
    expect(confirmation.token).toHaveLength(32);
    const end = step(acceptor, confirmation.token);
    expect(end.token).toBeUndefined();

    const { token, level } = confirmation.context!.wrap(toUtf8('USER anna\r\n'), 'private');
    expect(level).toBe('private');
    expect(end.context!.unwrap(token)).toEqual({
      plaintext: toUtf8('USER anna\r\n'),
      level: 'private',
      sequence: 'ok',
    });
  });

  test('nonces, and so all that follows, are new each time', () => {
    const [first, second] = [tokens(), tokens()];
    for (const [i, token] of first.entries()) expect(token).not.toEqual(second[i]);
  });

  test('with different keys, the initiator is the first to know', () => {
    const initiator = pskInitiator({ key });
    const answer = step(pskAcceptor({ key: otherKey }), step(initiator).token);
    expect(() => step(initiator, answer.token)).toThrow(code('security/bad-checksum'));
  });

  test('an initiator that can not know the key is refused', () => {
    const acceptor = pskAcceptor({ key });
    const answer = step(acceptor, tokens()[0]).token!;
    // The confirmation of the acceptor itself is all that such an initiator has.
    expect(() => step(acceptor, answer.subarray(32))).toThrow(code('security/bad-checksum'));
  });

  test('a recorded exchange can not be played again to an acceptor', () => {
    const [opening, , confirmation] = tokens();
    const acceptor = pskAcceptor({ key });
    step(acceptor, opening);
    expect(() => step(acceptor, confirmation)).toThrow(code('security/bad-checksum'));
  });

  test('nor to an initiator', () => {
    const [, answer] = tokens();
    const initiator = pskInitiator({ key });
    step(initiator);
    expect(() => step(initiator, answer)).toThrow(code('security/bad-checksum'));
  });

  test('every flipped bit is found, by one side or the other', () => {
    for (let place = 0; place < 3; place++) {
      const length = [33, 64, 32][place]!;
      for (let bit = 0; bit < 8 * length; bit++) {
        const flip = (token: Uint8Array | undefined, at: number) => {
          if (at === place) token![bit >> 3]! ^= 0x80 >> (bit & 7);
          return token;
        };
        const initiator = pskInitiator({ key });
        const acceptor = pskAcceptor({ key });
        const expected = place === 0 && bit < 8 ? 'security/bad-token' : 'security/bad-checksum';
        expect(() => {
          const opening = flip(step(initiator).token, 0);
          const answer = flip(step(acceptor, opening).token, 1);
          const confirmation = flip(step(initiator, answer).token, 2);
          step(acceptor, confirmation);
        }, `bit ${bit} of token ${place}`).toThrow(code(expected));
      }
    }
  });

  test('an unknown version is refused', () => {
    const [opening] = tokens();
    opening[0] = 2;
    expect(() => step(pskAcceptor({ key }), opening)).toThrow(
      expect.objectContaining({ code: 'security/bad-token', offset: 0 }),
    );
  });

  test('security data before the initiator’s first token is refused', () => {
    expect(() => step(pskInitiator({ key }), new Uint8Array(0))).toThrow(code('security/bad-token'));
  });

  test('missing security data and data of a wrong length are refused, and end the exchange', () => {
    const begin = {
      opening: () => pskAcceptor({ key }),
      answer: () => {
        const initiator = pskInitiator({ key });
        step(initiator);
        return initiator;
      },
      confirmation: () => {
        const acceptor = pskAcceptor({ key });
        step(acceptor, tokens()[0]);
        return acceptor;
      },
    };
    for (const [what, length] of [
      ['opening', 33],
      ['answer', 64],
      ['confirmation', 32],
    ] as const) {
      for (let other = 0; other < 100; other++) {
        if (other === length) continue;
        const exchange = begin[what]();
        expect(() => step(exchange, new Uint8Array(other).fill(1))).toThrow(code('security/bad-token'));
        expect(() => step(exchange, new Uint8Array(length).fill(1))).toThrow(code('sequence/closed'));
      }
      expect(() => step(begin[what]())).toThrow(code('security/bad-token'));
    }
  });

  test('a step after the last throws sequence/closed', () => {
    const initiator = pskInitiator({ key });
    const acceptor = pskAcceptor({ key });
    step(acceptor, step(initiator, step(acceptor, step(initiator).token).token).token);
    const closed = expect.objectContaining({
      code: 'sequence/closed',
      message: expect.stringMatching(/^the X-PSK exchange is over/),
    });
    for (const exchange of [initiator, acceptor]) {
      expect(() => step(exchange)).toThrow(closed);
      expect(() => step(exchange, tokens()[0])).toThrow(closed);
    }
  });

  test('any octets whatever give an FtpSecurityError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), octets => {
        fc.pre(!psk().recognises(octets));
        expect(() => step(pskAcceptor({ key }), octets)).toThrow(FtpSecurityError);
        const initiator = pskInitiator({ key });
        const acceptor = pskAcceptor({ key });
        step(acceptor, step(initiator).token);
        expect(() => step(initiator, octets)).toThrow(FtpSecurityError);
        expect(() => step(acceptor, octets)).toThrow(FtpSecurityError);
      }),
    );
  });

  test('Buffers may go in, and plain Uint8Arrays come out', () => {
    const random = (length: number) => Buffer.alloc(length, 3);
    const initiator = pskInitiator({ key: Buffer.from(key), random });
    const acceptor = pskAcceptor({ key: Buffer.from(key), random });
    let token: Uint8Array | undefined;
    for (const side of [initiator, acceptor, initiator]) {
      token = step(side, token && Buffer.from(token)).token!;
      expect(token.constructor).toBe(Uint8Array);
    }
    expect(step(acceptor, token).context).toBeDefined();
  });
});

describe('misuse', () => {
  test('a key under 16 octets is a RangeError, at once', () => {
    for (const length of [0, 15]) {
      expect(() => pskInitiator({ key: new Uint8Array(length) })).toThrow(RangeError);
      expect(() => pskAcceptor({ key: new Uint8Array(length) })).toThrow(RangeError);
      expect(() => pskObserver({ keys: [new Uint8Array(length)] })).toThrow(RangeError);
    }
    expect(() => pskInitiator({ key: new Uint8Array(16) })).not.toThrow();
  });

  test('an argument other than a Uint8Array is a TypeError, and does not end the exchange', () => {
    // @ts-expect-error
    expect(() => pskInitiator({ key: 'a text is no key, however long' })).toThrow(TypeError);
    const acceptor = pskAcceptor({ key });
    // @ts-expect-error
    expect(() => acceptor.step('x'.repeat(33))).toThrow(TypeError);
    expect(step(acceptor, tokens()[0]).token).toHaveLength(64);
    // @ts-expect-error
    expect(() => pskObserver({ keys: [key] }).observe('client', [1, 2])).toThrow(TypeError);
    // @ts-expect-error
    expect(() => pskObserver({ keys: new Set([key]) })).toThrow(TypeError);
  });
});

describe('the X-PSK mechanism', () => {
  test('offers the sides that have options', () => {
    expect(Object.keys(psk())).toEqual(['name', 'variant', 'recognises']);
    const sides = psk({ initiator: { key }, acceptor: { key }, observer: { keys: [key] } });
    const opening = step(sides.initiator!()).token;
    expect(step(sides.acceptor!(), opening).token).toHaveLength(64);
    expect(sides.observer!().observe('client', opening!)).toEqual({ facts: {} });
  });

  test('has its names', () => {
    expect(psk()).toMatchObject({ name: 'X-PSK', variant: 'psk' });
  });

  test('recognises its first token by length and version', () => {
    const [opening] = tokens();
    expect(psk().recognises(opening)).toBe(true);
    expect(psk().recognises(opening.subarray(1))).toBe(false);
    expect(psk().recognises(concat(opening, Uint8Array.of(0)))).toBe(false);
    expect(psk().recognises(concat(Uint8Array.of(0x60), opening.subarray(1)))).toBe(false);
    expect(psk().recognises(new Uint8Array(0))).toBe(false);
  });
});

describe('an observer', () => {
  const senders: Peer[] = ['client', 'server', 'client'];

  test('opens both directions once it has seen all three tokens', () => {
    const initiator = pskInitiator({ key });
    const acceptor = pskAcceptor({ key });
    const observer = pskObserver({ keys: [key] });

    const opening = step(initiator).token!;
    expect(observer.observe('client', opening)).toEqual({ facts: {} });
    const answer = step(acceptor, opening).token!;
    expect(observer.observe('server', answer)).toEqual({ facts: {} });
    const { token: confirmation, context: client } = step(initiator, answer);
    const { fromClient, fromServer } = observer.observe('client', confirmation!);
    const { context: server } = step(acceptor, confirmation);

    const command = client!.wrap(toUtf8('PWD\r\n'), 'safe').token;
    expect(fromClient!.unwrap(command)).toMatchObject({ plaintext: toUtf8('PWD\r\n'), sequence: 'ok' });
    const reply = server!.wrap(toUtf8('257 "/"\r\n'), 'private').token;
    expect(fromServer!.unwrap(reply)).toMatchObject({ plaintext: toUtf8('257 "/"\r\n'), sequence: 'ok' });
    expect(() => fromClient!.unwrap(reply)).toThrow(code('security/wrong-direction'));
    expect(() => fromServer!.unwrap(command)).toThrow(code('security/wrong-direction'));
  });

  test('with another key reports it, and has no contexts', () => {
    const observer = pskObserver({ keys: [otherKey] });
    const sights = tokens().map((token, i) => observer.observe(senders[i]!, token));
    expect(sights).toEqual([{ facts: {} }, { facts: {} }, { facts: {}, problem: code('security/bad-checksum') }]);
  });

  test('uses the key that fits, and reports security/no-key without keys', () => {
    const last = (keys: Uint8Array[]) => {
      const observer = pskObserver({ keys });
      return tokens()
        .map((token, i) => observer.observe(senders[i]!, token))
        .at(-1)!;
    };
    expect(last([otherKey, key])).toMatchObject({ fromClient: {}, fromServer: {} });
    expect(last([])).toEqual({ facts: {}, problem: code('security/no-key') });
  });

  test('reports which side’s confirmation is wrong', () => {
    const [opening, answer] = tokens();
    const observer = pskObserver({ keys: [key] });
    observer.observe('client', opening);
    observer.observe('server', answer);
    const { problem, fromClient } = observer.observe('client', new Uint8Array(32));
    expect(problem?.message).toContain('initiator');
    expect(fromClient).toBeUndefined();
  });

  test('refuses security data out of turn, unreadable, or after the last', () => {
    const [opening, answer, confirmation] = tokens();
    expect(() => pskObserver({ keys: [key] }).observe('server', answer)).toThrow(code('sequence/unexpected-reply'));
    const impatient = pskObserver({ keys: [key] });
    impatient.observe('client', opening);
    expect(() => impatient.observe('client', confirmation)).toThrow(code('sequence/unexpected-command'));
    expect(() => pskObserver({ keys: [key] }).observe('client', answer)).toThrow(code('security/bad-token'));
    const observer = pskObserver({ keys: [key] });
    for (const [i, token] of [opening, answer, confirmation].entries()) observer.observe(senders[i]!, token);
    expect(() => observer.observe('server', answer)).toThrow('the X-PSK exchange is over');
  });
});
