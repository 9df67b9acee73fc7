/** The checks of exchanges and observers find faults. */
import { expect, test } from 'vitest';
import { FtpSecurityError } from '../../../src/errors.js';
import { type ConformanceSubject, conformanceSuite } from '../../../src/mechanisms/conformance.js';
import type { Exchange, ExchangeObserver, SecurityContext } from '../../../src/protection/mechanism.js';
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
    'observer: altered security data establishes no context',
    /must not return a context/,
    { observer: (): ExchangeObserver => ({ observe: () => ({ facts: {}, fromServer: stranger }) }) },
  ],
];

test.each(FAULTY_EXCHANGES)('the case "%s" finds a fault (%s)', async (name, message, changes) => {
  await expect(run({ ...pskSubject, ...changes }, name)).rejects.toThrow(message);
});

/** An exchange of one token, of zeros alone, whose sides have no `destroy`. */
function exchangeOfZeros(): { initiator: Exchange; acceptor: Exchange } {
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
  const isRight = (token?: Uint8Array) => token?.length === 4 && token.every(octet => octet === 0);
  return {
    initiator: once(() => ({ token: new Uint8Array(4), context: pair.initiator })),
    acceptor: once(token => (isRight(token) ? { context: pair.acceptor } : undefined)),
  };
}

test.each([
  'exchange: altered security data is refused',
  'exchange: destroy ends an incomplete exchange, and does not affect a complete one',
])(
  'the case "%s" holds for a token that one of the alterations does not change, and for sides without destroy',
  async name => {
    await expect(run({ ...pskSubject, exchange: exchangeOfZeros }, name)).resolves.toBeUndefined();
  },
);

test('a mechanism without an observer has the other cases', () => {
  const { observer: _, ...subject } = pskSubject;
  const topics = new Set(conformanceSuite(subject).map(({ topic }) => topic));
  expect(topics).toEqual(new Set(['tokens', 'numbering', 'exchange']));
});
