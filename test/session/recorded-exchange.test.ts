/** What an observed exchange keeps and gives away, token by token. */
import { describe, expect, it } from 'vitest';
import { FtpSecurityError } from '../../src/errors.js';
import type { Mechanism, ObservedStep, Peer, SecurityContext } from '../../src/protection/mechanism.js';
import { RecordedExchange } from '../../src/session/recorded-exchange.js';
import { errorOf } from '../helpers.js';
import { visibleContext } from '../protection/visible-context.js';

const NO_KEY = new FtpSecurityError('security/no-key', 'no key');
const LACKS_KEYS = 'the exchange had no keys';
const TOKEN = Uint8Array.of(1);

/** A context that counts how often it is destroyed. */
function counted(): SecurityContext & { destroyed: number } {
  return Object.assign(visibleContext(), {
    destroyed: 0,
    destroy() {
      this.destroyed++;
    },
  });
}

/** A mechanism whose observer gives these steps in turn, and throws errors among them. */
function scripted(
  ...steps: (ObservedStep | FtpSecurityError)[]
): Mechanism & { seen: [Peer, number][]; ended: number } {
  const mechanism = {
    ...{ name: 'X-SCRIPT', variant: 'script', recognises: () => true },
    seen: [] as [Peer, number][],
    ended: 0,
    observer: () => ({
      observe(from: Peer, token: Uint8Array) {
        mechanism.seen.push([from, token.length]);
        const step = steps.shift()!;
        if (step instanceof FtpSecurityError) throw step;
        return step;
      },
      destroy: () => void mechanism.ended++,
    }),
  };
  return mechanism;
}

describe('an observed exchange', () => {
  it('begins with the first token of the client, and leaves out what has no octets', () => {
    const mechanism = scripted({ facts: { a: 1 } }, { facts: { b: 2 } });
    const exchange = new RecordedExchange([mechanism], 'X-SCRIPT');
    exchange.observe('server', TOKEN);
    exchange.observe('client', TOKEN);
    exchange.observe('server', new Uint8Array());
    exchange.observe('server', TOKEN);
    expect(mechanism.seen).toEqual([
      ['client', 1],
      ['server', 1],
    ]);
    expect(exchange.observed).toMatchObject({ mechanism: 'X-SCRIPT', variant: 'script', facts: { a: 1, b: 2 } });
  });

  it('has one mechanism, that of the first token', () => {
    const first = {
      ...scripted({ facts: { a: 1 } }, { facts: { b: 2 } }),
      recognises: (it: Uint8Array) => it[0] === 1,
    };
    const other = { ...scripted(), variant: 'other' };
    const exchange = new RecordedExchange([first, other], 'X-SCRIPT');
    exchange.observe('client', TOKEN);
    exchange.observe('client', Uint8Array.of(2));
    expect(exchange.observed).toMatchObject({ variant: 'script', facts: { a: 1, b: 2 } });
  });

  it('destroys contexts that the next step does not have any more, and no others', () => {
    const [first, second, server] = [counted(), counted(), counted()];
    const both = { facts: {}, fromClient: first, fromServer: server };
    const steps = [both, { ...both }, { facts: {}, fromClient: second, fromServer: server }, { facts: {} }];
    const exchange = new RecordedExchange([scripted(...steps)], undefined);
    const after = steps.map(() => {
      exchange.observe('client', TOKEN);
      return [first.destroyed, second.destroyed, server.destroyed];
    });
    expect(after).toEqual([
      [0, 0, 0],
      [0, 0, 0],
      [1, 0, 0],
      [1, 1, 1],
    ]);
  });

  it.each<[string, Partial<ObservedStep>, boolean, boolean]>([
    ['both keys', { fromClient: counted(), fromServer: counted() }, true, false],
    ['both keys that may be others', { fromClient: counted(), fromServer: counted(), problem: NO_KEY }, false, true],
    ["the client's key alone", { fromClient: counted() }, false, false],
    ["the server's key alone", { fromServer: counted() }, false, false],
    ["the server's key alone, which may be another", { fromServer: counted(), problem: NO_KEY }, false, false],
    ['no key', { problem: NO_KEY }, false, false],
    ['nothing', {}, false, false],
  ])('with %s is keyed, or perhaps', (_, step, keyed, provisional) => {
    const exchange = new RecordedExchange([scripted({ facts: {}, ...step })], 'X-SCRIPT');
    exchange.observe('client', TOKEN);
    const problem = step.problem ?? (keyed ? undefined : { code: 'security/no-key', message: LACKS_KEYS });
    expect(exchange.observed).toMatchObject({ keyed, provisional, problem });
    expect(exchange.association.contexts).toEqual({ client: step.fromClient, server: step.fromServer });
  });

  it('may be complete once the server has a context, or the keys are not known', () => {
    const mayBe = (mechanisms: Mechanism[]) => {
      const exchange = new RecordedExchange(mechanisms, undefined);
      exchange.observe('client', TOKEN);
      return exchange.mayBeComplete;
    };
    expect(mayBe([])).toBe(true);
    expect(mayBe([scripted({ facts: {} })])).toBe(false);
    expect(mayBe([scripted({ facts: {}, fromClient: counted() })])).toBe(false);
    expect(mayBe([scripted({ facts: {}, fromServer: counted() })])).toBe(true);
    expect(mayBe([scripted({ facts: {}, problem: NO_KEY })])).toBe(true);
  });

  it('of a mechanism that is not known says so', () => {
    const exchange = new RecordedExchange([], 'X-OTHER');
    exchange.observe('client', TOKEN);
    const problem = { code: 'security/no-key', message: 'the mechanism is unknown' };
    expect(exchange.observed).toMatchObject({ mechanism: 'X-OTHER', keyed: false, problem });
    expect(exchange.observed.facts).toEqual({});
  });

  it('has the name of its mechanism from AUTH, or else from the first token', () => {
    const named = (name: string | undefined, mechanisms: Mechanism[]) => {
      const exchange = new RecordedExchange(mechanisms, name);
      exchange.observe('client', TOKEN);
      return exchange.observed.mechanism;
    };
    expect(named(undefined, [scripted({ facts: {} })])).toBe('X-SCRIPT');
    expect(named('X-OTHER', [])).toBe('X-OTHER');
    expect(named(undefined, [])).toBeUndefined();
  });

  it('throws what can not be read, unless a token before it is missing: then the exchange is not in the capture', () => {
    const whole = new RecordedExchange([scripted(NO_KEY)], 'X-SCRIPT');
    expect(errorOf(() => whole.observe('client', TOKEN))).toBe(NO_KEY);
    const partial = new RecordedExchange([scripted({ facts: { a: 1 } }, NO_KEY)], 'X-SCRIPT');
    partial.observe('client', TOKEN);
    partial.gap();
    partial.observe('server', TOKEN);
    const problem = { code: 'sequence/no-context', message: 'the exchange is not in the capture' };
    expect(partial.observed).toMatchObject({ facts: { a: 1 }, problem, keyed: false });
  });

  it('ends its observer when it is destroyed, and a mechanism without observer has nothing to end', () => {
    const mechanism = scripted({ facts: {} });
    const exchange = new RecordedExchange([mechanism], 'X-SCRIPT');
    exchange.destroy();
    exchange.observe('client', TOKEN);
    expect(mechanism.ended).toBe(0);
    exchange.destroy();
    expect(mechanism.ended).toBe(1);
    const { observer: _, ...without } = scripted();
    const blind = new RecordedExchange([without as Mechanism], 'X-SCRIPT');
    blind.observe('client', TOKEN);
    blind.destroy();
    expect(blind.observed.keyed).toBe(false);
  });
});
