/** The suite finds each fault: X-PSK with one fault at a time, and the case that must then fail. */
import { describe, expect, test } from 'vitest';
import { concat, fromUtf8, toHex } from '../../src/bytes.js';
import { FtpSecurityError } from '../../src/errors.js';
import { type ConformancePair, type ConformanceSubject, conformanceSuite } from '../../src/mechanisms/conformance.js';
import { PskContext } from '../../src/mechanisms/psk/context.js';
import type { Exchange, ExchangeObserver, SecurityContext, Unwrapped } from '../../src/protection/mechanism.js';
import { inOrderSubject } from './in-order.js';
import { pskSubject } from './psk/subject.js';

/** What a faulty context does differently from `good`. */
type Fault = (good: SecurityContext) => Partial<SecurityContext>;

function faulty(good: SecurityContext, fault: Fault): SecurityContext {
  return {
    mechanism: good.mechanism,
    supports: level => good.supports(level),
    wrap: (plaintext, level) => good.wrap(plaintext, level),
    unwrap: token => good.unwrap(token),
    wrapSizeLimit: (level, maxToken) => good.wrapSizeLimit(level, maxToken),
    destroy: () => good.destroy(),
    ...fault(good),
  };
}

function subjectOf(fault: Fault, changes: Partial<ConformanceSubject> = {}): ConformanceSubject {
  return {
    ...pskSubject,
    contexts: async () => {
      const { initiator, acceptor } = await pskSubject.contexts();
      return { initiator: faulty(initiator, fault), acceptor: faulty(acceptor, fault) };
    },
    ...changes,
  };
}

function run(subject: ConformanceSubject, name: string): Promise<void> {
  const found = conformanceSuite(subject).find(one => one.name === name);
  if (found === undefined) throw new Error(`no case is called ${name}`);
  return Promise.resolve(found.run());
}

/** Tries, and answers an error of this code in another way. */
function unless<T>(code: string, attempt: () => T, otherwise: (error: FtpSecurityError) => T): T {
  try {
    return attempt();
  } catch (error) {
    if (error instanceof FtpSecurityError && (code === '' || error.code === code)) return otherwise(error);
    throw error;
  }
}

const readSafe = (token: Uint8Array): Unwrapped => ({ plaintext: token.slice(9, -32), level: 'safe', sequence: 'ok' });

const remembersWhatItOpened: Fault = good => {
  const opened = new Map<string, Unwrapped>();
  return {
    unwrap: token => {
      const unwrapped = unless(
        'security/replayed',
        () => good.unwrap(token),
        () => opened.get(toHex(token))!,
      );
      opened.set(toHex(token), unwrapped);
      return unwrapped;
    },
  };
};

const FAULTY: [name: string, message: RegExp, fault: Fault, changes?: Partial<ConformanceSubject>][] = [
  ['a context has a name', /must name its mechanism/, () => ({ mechanism: '' })],
  ['safe: supports says so', /must be true for safe/, () => ({ supports: () => false })],
  [
    'confidential: it is refused, and uses no number',
    /must not claim confidential/,
    () => ({}),
    { levels: ['safe', 'private'] },
  ],
  [
    'confidential: it is refused, and uses no number',
    /must have the sequence state ok/,
    good => ({
      supports: level => level !== 'confidential',
      wrap: (plaintext, level) => {
        const wrapped = good.wrap(plaintext, 'safe');
        if (level !== 'confidential') return wrapped;
        throw new FtpSecurityError('security/level-unsupported', 'no', { side: 'local' });
      },
    }),
    { levels: ['safe', 'private'] },
  ],
  [
    'confidential: it is refused, and uses no number',
    /side must be local/,
    () => ({
      supports: level => level !== 'confidential',
      wrap: () => {
        throw new FtpSecurityError('security/level-unsupported', 'no');
      },
    }),
    { levels: ['safe', 'private'] },
  ],
  [
    'private: what one side wraps the other opens, at any length',
    /wrap must apply private at least, not safe/,
    good => ({ wrap: plaintext => good.wrap(plaintext, 'safe') }),
  ],
  [
    'safe: what one side wraps the other opens, at any length',
    /must open to its plaintext/,
    good => ({ unwrap: token => ({ ...good.unwrap(token), plaintext: new Uint8Array(0) }) }),
  ],
  [
    'private: what one side wraps the other opens, at any length',
    /must open at the level that wrap reported, not safe/,
    good => ({ unwrap: token => ({ ...good.unwrap(token), level: 'safe' }) }),
  ],
  [
    'safe: the length of a token depends on the length of its plaintext alone',
    /must depend on/,
    good => ({
      wrap: (plaintext, level) =>
        good.wrap(plaintext.every(octet => octet === 0) ? new Uint8Array(1) : plaintext, level),
    }),
  ],
  [
    'safe: wrapSizeLimit is exact',
    /wrapSizeLimit\(safe, \d+\) must be/,
    good => ({ wrapSizeLimit: (level, maxToken) => good.wrapSizeLimit(level, maxToken + 1) }),
  ],
  [
    'safe: wrapSizeLimit is exact',
    /wrapSizeLimit\(safe, 0\) must be 0/,
    () => ({ wrapSizeLimit: (_, maxToken) => maxToken - 41 }),
  ],
  [
    'safe: wrapSizeLimit is exact',
    /one octet more/,
    good => ({ wrapSizeLimit: (level, maxToken) => Math.min(16_000, good.wrapSizeLimit(level, maxToken)) }),
  ],
  [
    'safe: no octets are shared or changed',
    /wrap must leave its plaintext/,
    good => ({
      wrap: (plaintext, level) => {
        const wrapped = good.wrap(plaintext, level);
        plaintext.fill(0);
        return wrapped;
      },
    }),
  ],
  [
    'private: no octets are shared or changed',
    /unwrap must leave its token/,
    good => ({
      unwrap: token => {
        const unwrapped = good.unwrap(token);
        token.set(unwrapped.plaintext, 9);
        return unwrapped;
      },
    }),
  ],
  [
    'safe: no octets are shared or changed',
    /a plaintext must not share octets with its token/,
    good => ({ unwrap: token => ({ ...good.unwrap(token), plaintext: token.subarray(9, -32) }) }),
  ],
  [
    'safe: no octets are shared or changed',
    /handed out must not change later/,
    good => {
      const scratch = new Uint8Array(1000);
      return {
        unwrap: token => {
          const unwrapped = good.unwrap(token);
          scratch.set(unwrapped.plaintext);
          return { ...unwrapped, plaintext: scratch.subarray(0, unwrapped.plaintext.length) };
        },
      };
    },
  ],
  [
    'safe: a subclass of Uint8Array goes in, a plain one comes out',
    /a token must be a plain Uint8Array/,
    good => ({
      wrap: (plaintext, level) => {
        const { token } = good.wrap(plaintext, level);
        return { token: plaintext.constructor === Uint8Array ? token : Buffer.from(token), level };
      },
    }),
  ],
  [
    'safe: a subclass of Uint8Array goes in, a plain one comes out',
    /a plaintext must be a plain Uint8Array/,
    good => ({
      unwrap: token => {
        const unwrapped = good.unwrap(token);
        return { ...unwrapped, plaintext: Uint8Array.prototype.slice.call(token, 9, -32) };
      },
    }),
  ],
  [
    'safe: a subclass of Uint8Array goes in, a plain one comes out',
    /read as the octets that it shows, and not shared/,
    good => ({
      unwrap: token => {
        const { buffer, byteOffset, length } = token.slice(9, -32);
        return { ...good.unwrap(token), plaintext: new Uint8Array(buffer, byteOffset, length) };
      },
    }),
  ],
  [
    'safe: a subclass of Uint8Array goes in, a plain one comes out',
    /not an X-PSK token/,
    good => ({ unwrap: token => good.unwrap(new Uint8Array(token.buffer)) }),
  ],
  [
    'safe: what is no Uint8Array is a TypeError, and changes nothing',
    /a plaintext that is no Uint8Array must give a TypeError/,
    good => ({ wrap: (plaintext, level) => good.wrap(concat(plaintext ?? []), level) }),
  ],
  [
    'safe: what is no Uint8Array is a TypeError, and changes nothing',
    /a token that is no Uint8Array must give a TypeError, not FtpSecurityError/,
    good => ({ unwrap: token => good.unwrap(token instanceof Uint8Array ? token : new Uint8Array(0)) }),
  ],
  [
    'safe: octets at random give an FtpSecurityError at most',
    /must give an FtpSecurityError, not RangeError/,
    good => ({
      unwrap: token => {
        new DataView(token.slice().buffer).getBigUint64(1);
        return good.unwrap(token);
      },
    }),
  ],
  [
    'safe: octets at random give an FtpSecurityError at most',
    /must not count as verified/,
    good => ({
      unwrap: token =>
        unless(
          'security/bad-checksum',
          () => good.unwrap(token),
          () => readSafe(token),
        ),
    }),
  ],
  ['safe: nothing works after destroy', /wrap after destroy|supports after destroy/, () => ({ destroy: () => {} })],
  [
    'safe: nothing works after destroy',
    /twice/,
    good => {
      let gone = false;
      return {
        destroy: () => {
          if (gone) throw new Error('destroyed twice');
          gone = true;
          good.destroy();
        },
      };
    },
  ],
  [
    'private: nothing works after destroy',
    /wrapSizeLimit after destroy must be refused/,
    () => ({ wrapSizeLimit: (_, maxToken) => Math.max(0, maxToken - 25) }),
  ],
  [
    'safe: tokens of one plaintext differ',
    /must differ/,
    good => {
      const { token, level } = good.wrap(new Uint8Array(20), 'safe');
      return { wrap: () => ({ token, level }) };
    },
  ],
  [
    'safe: a replay is refused; a gap and a late token are reported',
    /that has come before must be refused/,
    remembersWhatItOpened,
  ],
  [
    'safe: a replay is refused; a gap and a late token are reported',
    /must have the sequence state gap/,
    good => ({ unwrap: token => ({ ...good.unwrap(token), sequence: 'ok' }) }),
  ],
  [
    'safe: the first token may come late',
    /must have the sequence state late/,
    good => ({ unwrap: token => ({ ...good.unwrap(token), sequence: 'gap' }) }),
  ],
  [
    'safe: a late token is no replay, however late',
    /has left the window/,
    good => {
      let newest = 0n;
      return {
        unwrap: token => {
          const number = new DataView(token.buffer, token.byteOffset).getBigUint64(1);
          if (number + 64n < newest) throw new FtpSecurityError('security/replayed', 'has left the window');
          const unwrapped = good.unwrap(token);
          if (number > newest) newest = number;
          return unwrapped;
        },
      };
    },
  ],
  [
    'safe: a flipped bit is refused, and changes nothing',
    /bit 0 of octet 9 flipped must be refused/,
    good => ({
      unwrap: token =>
        unless(
          'security/bad-checksum',
          () => good.unwrap(token),
          () => readSafe(token),
        ),
    }),
    { unprotected: () => [{ start: 0, end: 9 }] },
  ],
  [
    'private: a flipped bit is refused, and changes nothing',
    /sequence\/closed|is destroyed/,
    good => ({
      unwrap: token =>
        unless(
          '',
          () => good.unwrap(token),
          error => {
            good.destroy();
            throw error;
          },
        ),
    }),
  ],
  [
    'safe: a flipped bit is refused, and changes nothing',
    /must not contain the plaintext/,
    good => ({
      unwrap: token =>
        unless(
          '',
          () => good.unwrap(token),
          ({ code }) => {
            throw new FtpSecurityError(code, `no such text: ${fromUtf8(token)}`);
          },
        ),
    }),
  ],
  [
    'safe: a flipped bit is refused, and changes nothing',
    /must not contain the plaintext/,
    good => ({
      unwrap: token =>
        unless(
          '',
          () => good.unwrap(token),
          ({ code }) => {
            throw new FtpSecurityError(code, `no such text: ${toHex(token)}`);
          },
        ),
    }),
  ],
  [
    'safe: no flip of an unprotected bit changes the plaintext',
    /octet 9, unprotected, must not change/,
    good => ({
      unwrap: token =>
        unless(
          'security/bad-checksum',
          () => good.unwrap(token),
          () => readSafe(token),
        ),
    }),
    { unprotected: () => [{ start: 9, end: 10 }] },
  ],
  [
    'safe: every other length is refused, and changes nothing',
    /with 1 octets after it must be refused/,
    good => ({
      unwrap: token =>
        unless(
          'security/bad-checksum',
          () => good.unwrap(token),
          () => good.unwrap(token.subarray(0, -1)),
        ),
    }),
  ],
  [
    'safe: every other length is refused, and changes nothing',
    /cut to 0 octets must be refused/,
    good => ({ unwrap: token => (token.length === 0 ? readSafe(token) : good.unwrap(token)) }),
  ],
  [
    'private: a reflected token is refused, and changes nothing',
    /comes back to its sender must be refused/,
    good => ({
      unwrap: token =>
        unless(
          'security/wrong-direction',
          () => good.unwrap(token),
          () => readSafe(token),
        ),
    }),
  ],
  [
    'private: a token of another association is refused, and changes nothing',
    /another association must be refused/,
    good => good,
    { contexts: () => pairOf(new Uint8Array(16)) },
  ],
  [
    'safe: forged confidential tokens do it no harm',
    /must have the sequence state ok/,
    good => {
      let forged = false;
      return {
        unwrap: token => {
          const unwrapped = good.unwrap(token);
          if (unwrapped.level === 'confidential' && unwrapped.sequence === 'gap') forged = true;
          return forged ? { ...unwrapped, sequence: 'late' } : unwrapped;
        },
      };
    },
  ],
  [
    'levels with integrity share one sequence',
    /must have the sequence state gap|must have the sequence state ok/,
    () => ({}),
    { contexts: async () => apart(await pskSubject.contexts(), await pskSubject.contexts()) },
  ],
];

function pairOf(key: Uint8Array): ConformancePair {
  const nonces = new Uint8Array(64);
  return {
    initiator: new PskContext({ role: 'initiator', key, nonces }),
    acceptor: new PskContext({ role: 'acceptor', key, nonces }),
  };
}

/** Private tokens have an association of their own, and so a sequence of their own. */
function apart(safe: ConformancePair, others: ConformancePair): ConformancePair {
  const join = (side: keyof ConformancePair): SecurityContext =>
    faulty(safe[side], () => ({
      wrap: (plaintext, level) => (level === 'private' ? others : safe)[side].wrap(plaintext, level),
      unwrap: token => (/p/i.test(String.fromCharCode(token[0]!)) ? others : safe)[side].unwrap(token),
    }));
  return { initiator: join('initiator'), acceptor: join('acceptor') };
}

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

const talkative: Exchange = { step: () => ({ token: new Uint8Array(1) }) };
const stranger = pairOf(new Uint8Array(16).fill(9)).initiator;
const FAULTY_EXCHANGES: [name: string, message: RegExp, changes: Partial<ConformanceSubject>][] = [
  [
    'exchange: both sides come to contexts that fit',
    /wrong|wrong-direction/,
    {
      exchange: exchangeWith('initiator', async (good, token) => {
        const step = await good.step(token);
        return step.context === undefined ? step : { ...step, context: stranger };
      }),
    },
  ],
  [
    'exchange: both sides come to contexts that fit',
    /must come to its end/,
    { exchange: () => ({ initiator: talkative, acceptor: talkative }) },
  ],
  [
    'exchange: no step comes after the last',
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
    'exchange: one that is given up is over, and a complete one stays',
    /a further step of the initiator must be refused/,
    {
      exchange: () => {
        const { initiator, acceptor } = pskSubject.exchange();
        return { initiator: { ...initiator, destroy: () => {} }, acceptor };
      },
    },
  ],
  [
    'exchange: one that is given up is over, and a complete one stays',
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
    /must give an FtpSecurityError, not TypeError/,
    {
      exchange: exchangeWith('initiator', (good, token) => {
        if (token?.length === 0) throw new TypeError('no octets');
        return good.step(token);
      }),
    },
  ],
  [
    'observer: it opens what both sides send',
    /must have a context for each direction/,
    { observer: () => ({ observe: () => ({ facts: {} }) }) },
  ],
  [
    'observer: altered security data gives it no context',
    /must not give a context/,
    { observer: (): ExchangeObserver => ({ observe: () => ({ facts: {}, fromServer: stranger }) }) },
  ],
];

describe('a mechanism may have less than X-PSK', () => {
  const unnumbered: Fault = good => {
    const { unwrap } = remembersWhatItOpened(good);
    return {
      supports: level => good.supports(level) && level !== 'confidential',
      wrap: (plaintext, level) => {
        if (level !== 'confidential') return good.wrap(plaintext, level);
        throw new FtpSecurityError('security/level-unsupported', 'not here', { side: 'local' });
      },
      unwrap: token => ({ ...unwrap!(token), sequence: 'none' }),
    };
  };
  const less = subjectOf(unnumbered, { levels: ['safe', 'private'], numbering: 'none' });
  const { exchange: _, observer: __, ...subject } = less;
  const cases = conformanceSuite(subject);

  test('then less is asked', () => {
    expect(cases.map(({ name }) => name).filter(name => /exchange|observer|late|replay|sequence/.test(name))).toEqual(
      [],
    );
  });

  for (const { name, run } of cases) test(name, run);
});

const IN_ORDER = 'a token that is skipped, late or replayed is refused, and changes nothing';

describe('a mechanism may take its tokens in order only', () => {
  const cases = conformanceSuite(inOrderSubject);

  test('then no token may come late', () => {
    const names = cases.map(({ name }) => name).filter(name => /late|replay/.test(name));
    expect(names).toEqual([`safe: ${IN_ORDER}`, `private: ${IN_ORDER}`]);
  });

  for (const { name, run } of cases) test(name, run);

  test('what opens a skipped token is not one of them', async () => {
    const claims: ConformanceSubject = { ...pskSubject, numbering: 'in-order' };
    await expect(run(claims, `safe: ${IN_ORDER}`)).rejects.toThrow(/token 1, which is skipped.* must be refused/);
  });

  test('nor is what opens a replayed one', async () => {
    const repeats: Fault = good => {
      const opened = new Map<string, Unwrapped>();
      return {
        unwrap: token => {
          const unwrapped = opened.get(toHex(token)) ?? good.unwrap(token);
          opened.set(toHex(token), unwrapped);
          return unwrapped;
        },
      };
    };
    const contexts = async () => {
      const { initiator, acceptor } = await inOrderSubject.contexts();
      return { initiator, acceptor: faulty(acceptor, repeats) };
    };
    const forgetful = run({ ...inOrderSubject, contexts }, `private: ${IN_ORDER}`);
    await expect(forgetful).rejects.toThrow(/token 0, which is .*replayed.* must be refused/);
  });

  test('and it has no window', async () => {
    const claims: ConformanceSubject = { ...inOrderSubject, numbering: 'window' };
    const late = 'safe: a replay is refused; a gap and a late token are reported';
    await expect(run(claims, late)).rejects.toThrow();
  });
});

describe('what is wrong fails the case that names it', () => {
  test.each(FAULTY)('%s (%s)', async (name, message, fault, changes) => {
    await expect(run(subjectOf(fault, changes), name)).rejects.toThrow(message);
  });

  test.each(FAULTY_EXCHANGES)('%s (%s)', async (name, message, changes) => {
    await expect(run({ ...pskSubject, ...changes }, name)).rejects.toThrow(message);
  });
});
