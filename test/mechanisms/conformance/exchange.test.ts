/** The checks of exchanges and observers find faults. */
import { describe, expect, test } from 'vitest';
import { toHex } from '../../../src/bytes.js';
import { FtpSecurityError } from '../../../src/errors.js';
import {
  type ConformanceExchange,
  type ConformanceSubject,
  conformanceSuite,
  establish,
} from '../../../src/mechanisms/conformance.js';
import type { Exchange, ExchangeFacts, ExchangeObserver, SecurityContext } from '../../../src/protection/mechanism.js';
import { pskSubject } from '../psk/subject.js';
import { pairOf, run } from './faulty.js';

/** An exchange whose steps are done otherwise, on one side. */
function exchangeWith(
  side: 'initiator' | 'acceptor',
  spoil: (good: Exchange, token?: Uint8Array) => ReturnType<Exchange['step']>,
) {
  return (): { initiator: Exchange; acceptor: Exchange } => {
    const sides = pskSubject.exchange();
    const good = sides[side];
    return { ...sides, [side]: { step: (token?: Uint8Array) => spoil(good, token) } };
  };
}

/** Sides that only give steps, without end. */
const sidesOf = (initiator: Exchange['step'], acceptor: Exchange['step']) => () => ({
  initiator: { step: initiator },
  acceptor: { step: acceptor },
});

/** An exchange that fails at its first answer. */
const refusing = exchangeWith('acceptor', () => {
  throw new FtpSecurityError('security/bad-token', 'refused by the test');
});

const talkative: Exchange = { step: () => ({ token: new Uint8Array(1) }) };
const stranger = pairOf(new Uint8Array(16).fill(9)).initiator;
const FAULTY_EXCHANGES: [name: string, message: RegExp, changes: Partial<ConformanceSubject>][] = [
  [
    'exchange: both sides establish matching contexts',
    /wrong|wrong-direction/,
    {
      exchange: exchangeWith('initiator', async (good, token) => {
        const step = await good.step(token);
        return step.context === undefined ? step : { ...step, context: stranger };
      }),
    },
  ],
  [
    'exchange: both sides establish matching contexts',
    /must be complete/,
    { exchange: () => ({ initiator: talkative, acceptor: talkative }) },
  ],
  ...[
    sidesOf(
      () => ({ context: stranger }),
      () => ({}),
    ),
    sidesOf(
      () => ({ token: new Uint8Array(1) }),
      () => ({ context: stranger }),
    ),
  ].flatMap((exchange): [string, RegExp, Partial<ConformanceSubject>][] => [
    ['exchange: both sides establish matching contexts', /must be complete after 40 steps/, { exchange }],
    [
      'observer: its contexts unwrap what both sides send',
      /^an exchange must be complete$/,
      { exchange, observer: () => ({ observe: () => ({ facts: {}, fromClient: stranger, fromServer: stranger }) }) },
    ],
  ]),
  ...[
    'exchange: both sides establish matching contexts',
    'exchange: a step after the last throws sequence/closed',
    'observer: its contexts unwrap what both sides send',
  ].map((name): [string, RegExp, Partial<ConformanceSubject>] => [name, /refused by the test/, { exchange: refusing }]),
  [
    'exchange: a step after the last throws sequence/closed',
    /a further step of the acceptor must be refused/,
    {
      exchange: exchangeWith('acceptor', async (good, token) => {
        try {
          return await good.step(token);
        } catch {
          return {};
        }
      }),
    },
  ],
  [
    'exchange: destroy ends an incomplete exchange, and does not affect a complete one',
    /a further step of the initiator must be refused/,
    {
      exchange: () => {
        const { initiator, acceptor } = pskSubject.exchange();
        return { initiator: { ...initiator, destroy: () => {} }, acceptor };
      },
    },
  ],
  [
    'exchange: destroy ends an incomplete exchange, and does not affect a complete one',
    /a further step of the acceptor must be refused/,
    {
      exchange: () => {
        const { initiator, acceptor } = pskSubject.exchange();
        return { initiator, acceptor: { ...acceptor, destroy: () => {} } };
      },
    },
  ],
  [
    'exchange: destroy ends an incomplete exchange, and does not affect a complete one',
    /destroyed/,
    {
      exchange: () => {
        const { initiator, acceptor } = pskSubject.exchange();
        let made: SecurityContext | undefined;
        const step: Exchange['step'] = async token => {
          const said = await acceptor.step(token);
          made = said.context;
          return said;
        };
        const destroy = () => {
          acceptor.destroy?.();
          made?.destroy();
        };
        return { initiator, acceptor: { step, destroy } };
      },
    },
  ],
  [
    'exchange: altered security data is refused',
    /token 2 that is missing must fail/,
    {
      exchange: exchangeWith('acceptor', async (good, token) => {
        try {
          return await good.step(token);
        } catch {
          return { context: stranger };
        }
      }),
    },
  ],
  [
    'exchange: altered security data is refused',
    /must throw an FtpSecurityError, not TypeError/,
    {
      exchange: exchangeWith('initiator', (good, token) => {
        if (token?.length === 0) throw new TypeError('no octets');
        return good.step(token);
      }),
    },
  ],
  [
    'observer: its contexts unwrap what both sides send',
    /must have a context for each direction/,
    { observer: () => ({ observe: () => ({ facts: {} }) }) },
  ],
  [
    'observer: its contexts unwrap what both sides send',
    /reflected token/,
    { observer: () => ({ observe: () => ({ facts: {}, fromClient: stranger, fromServer: stranger }) }) },
  ],
  [
    'observer: altered security data establishes no context',
    /must not return a context/,
    { observer: (): ExchangeObserver => ({ observe: () => ({ facts: {}, fromServer: stranger }) }) },
  ],
];

test.each(FAULTY_EXCHANGES)('the case "%s" finds a fault (%s)', async (name, message, changes) => {
  await expect(run({ ...pskSubject, ...changes }, name)).rejects.toThrow(message);
});

/** An exchange of one token, whose sides have no `destroy`. */
function exchangeOf(token: Uint8Array, isRight: (token?: Uint8Array) => boolean) {
  const pair = pairOf(new Uint8Array(32).fill(7));
  const once = (take: (token?: Uint8Array) => ReturnType<Exchange['step']> | undefined): Exchange => {
    let isOver = false;
    return {
      step: token => {
        const step = isOver ? undefined : take(token);
        isOver = true;
        if (step === undefined) throw new FtpSecurityError('security/bad-token', 'not the one token');
        return step;
      },
    };
  };
  return {
    initiator: once(() => ({ token, context: pair.initiator })),
    acceptor: once(received => (isRight(received) ? { context: pair.acceptor } : undefined)),
  };
}

const exchangeOfZeros = () =>
  exchangeOf(new Uint8Array(4), token => token?.length === 4 && token.every(octet => octet === 0));

test.each([
  'exchange: altered security data is refused',
  'exchange: destroy ends an incomplete exchange, and does not affect a complete one',
])(
  'the case "%s" holds for a token that one of the alterations does not change, and for sides without destroy',
  async name => {
    await expect(run({ ...pskSubject, exchange: exchangeOfZeros }, name)).resolves.toBeUndefined();
  },
);

test('the case "exchange: destroy …" asks nothing of sides without destroy', async () => {
  const withoutDestroy = () => {
    const { initiator, acceptor } = pskSubject.exchange();
    return { initiator: { step: initiator.step }, acceptor: { step: acceptor.step } };
  };
  const name = 'exchange: destroy ends an incomplete exchange, and does not affect a complete one';
  await expect(run({ ...pskSubject, exchange: withoutDestroy }, name)).resolves.toBeUndefined();
});

test('a side that has its context receives what the other still sends', async () => {
  const pair = pairOf(new Uint8Array(32));
  const steps = {
    initiator: [{ token: new Uint8Array(1), context: pair.initiator }, { token: new Uint8Array(2) }, {}],
  };
  const received: number[] = [];
  const exchange = sidesOf(
    token => {
      received.push(token?.length ?? 0);
      return steps.initiator.shift()!;
    },
    token => (token?.length === 2 ? { context: pair.acceptor } : { token: new Uint8Array(3) }),
  );
  expect(await establish(exchange())).toEqual(pair);
  expect(received).toEqual([0, 3]);
});

describe('the case "exchange: altered security data is refused" finds that a side accepts a token', () => {
  const TOKEN = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
  const starts = (token: Uint8Array, length: number) =>
    TOKEN.subarray(0, length).every((octet, i) => octet === token[i]);
  test.each<[what: string, accepts: (token: Uint8Array) => boolean]>([
    ['that is empty', token => token.length === 0],
    ['truncated to its first octet', token => token.length === 1],
    ['truncated to its first half', token => token.length === 4],
    ['without its last octet', token => token.length === 7 && starts(token, 7)],
    ['without its first octet', token => token.length === 7 && token[0] === 2],
    ['with one octet more', token => token.length === 9],
    ['sent twice', token => token.length === 16],
    ['of zeros', token => token.length === 8 && token.every(octet => octet === 0)],
    ['of random octets', token => token.length === 8 && token.every(octet => octet !== 0) && !starts(token, 1)],
    ['with a random second half', token => token.length === 8 && starts(token, 4) && !starts(token, 5)],
  ])('%s', async (what, accepts) => {
    const isRight = (token?: Uint8Array) =>
      token !== undefined && (accepts(token) || (token.length === 8 && starts(token, 8)));
    const exchange = () => exchangeOf(TOKEN, isRight);
    const refusal = run({ ...pskSubject, exchange }, 'exchange: altered security data is refused');
    await expect(refusal).rejects.toThrow(`an exchange with token 0 ${what} must fail`);
  });
});

describe('an observer of an exchange of two tokens', () => {
  const [QUESTION, ANSWER] = [Uint8Array.of(1, 2, 3, 4), Uint8Array.of(5, 6, 7, 8)];
  const exchange = sidesOf(
    token => (token === undefined ? { token: QUESTION } : { context: stranger }),
    () => ({ token: ANSWER, context: stranger }),
  );
  const refusal = new FtpSecurityError('security/bad-token', 'another token');
  const name = 'observer: altered security data establishes no context';

  test('may give a context before the token that is altered', async () => {
    const observe: ExchangeObserver['observe'] = (from, token) => {
      if (toHex(token) === toHex(QUESTION) && from === 'client') return { facts: {}, fromClient: stranger };
      if (toHex(token) === toHex(ANSWER) && from === 'server') return { facts: {}, fromServer: stranger };
      throw refusal;
    };
    await expect(run({ ...pskSubject, exchange, observer: () => ({ observe }) }, name)).resolves.toBeUndefined();
  });

  test('may not take any second token', async () => {
    const observer = (): ExchangeObserver => {
      let isBegun = false;
      return {
        observe: (from, token) => {
          if (from === 'client' && toHex(token) !== toHex(QUESTION)) throw refusal;
          if (from === 'server' && isBegun) return { facts: {}, fromServer: stranger };
          isBegun = true;
          return { facts: {} };
        },
      };
    };
    await expect(run({ ...pskSubject, exchange, observer }, name)).rejects.toThrow(
      'an observer that saw token 1 that is empty must not return a context',
    );
  });
});

describe('the exchange of a mechanism that takes its tokens in order', () => {
  const name = 'exchange: it says that tokens must come in order';
  const numbering = 'in-order' as const;
  /** What both sides say with each step; step 0 is the first of a side. */
  const saying = (factsOf: (step: number) => ExchangeFacts | undefined) => (): ConformanceExchange => {
    const told = (side: Exchange): Exchange => {
      let steps = 0;
      return {
        step: async token => {
          const { facts: _, ...step } = await side.step(token);
          const facts = factsOf(steps++);
          return facts === undefined ? step : { ...step, facts };
        },
      };
    };
    const { initiator, acceptor } = pskSubject.exchange();
    return { initiator: told(initiator), acceptor: told(acceptor) };
  };

  test.each<ExchangeFacts | undefined>([undefined, {}, { inOrder: false }])('must say so (%j)', async facts => {
    const message = 'the initiator must give the fact inOrder: true';
    await expect(run({ ...pskSubject, numbering, exchange: saying(() => facts) }, name)).rejects.toThrow(message);
  });

  test.each<[when: string, factsOf: (step: number) => ExchangeFacts | undefined]>([
    ['with each step', () => ({ inOrder: true })],
    ['once', step => (step === 0 ? { inOrder: true } : undefined)],
  ])('does when both sides do, %s', async (_when, factsOf) => {
    await expect(run({ ...pskSubject, numbering, exchange: saying(factsOf) }, name)).resolves.toBeUndefined();
  });

  test('fails with the error of a step', async () => {
    await expect(run({ ...pskSubject, numbering, exchange: refusing }, name)).rejects.toThrow('refused by the test');
  });

  test('is asked about its exchange, and no other is', () => {
    const cases = conformanceSuite({ ...pskSubject, numbering });
    expect(cases.find(one => one.name === name)?.topic).toBe('exchange');
    expect(conformanceSuite(pskSubject).map(({ name }) => name)).not.toContain(name);
  });
});

test('a mechanism without an observer has the other cases', () => {
  const { observer: _, ...subject } = pskSubject;
  const topics = new Set(conformanceSuite(subject).map(({ topic }) => topic));
  expect(topics).toEqual(new Set(['tokens', 'numbering', 'exchange']));
});
