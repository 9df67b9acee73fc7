/** What the state keeps and forgets of an association, and the buffers that it refuses. */
import { describe, expect, it } from 'vitest';
import { toUtf8 } from '../../src/bytes.js';
import { SecurityState } from '../../src/session/state.js';
import { errorOf } from '../helpers.js';
import { pskContexts } from './pair.js';

const FACTS = { clientName: 'anna' };
const ANSWERED = [
  ['NOOP', 200, FACTS],
  ['NOOP', 502, FACTS],
  ['CCC', 200, FACTS],
  ['REIN', 502, FACTS],
  ['AUTH', 504, FACTS],
  ['AUTH', 431, FACTS],
  ['AUTH', 334, {}],
  ['AUTH', 234, {}],
  ['REIN', 220, {}],
] as const;

function established(options = {}): SecurityState {
  const state = new SecurityState(options);
  state.recordFacts(FACTS);
  state.establish(pskContexts().acceptor, 'client');
  return state;
}

describe('the facts of the exchange', () => {
  it.each(ANSWERED)('are kept or reset after %s and %i', (verb, code, facts) => {
    const state = established();
    state.finish({ verb, level: 'safe' }, code);
    expect(state.facts).toEqual(facts);
  });

  it('are reset when the exchange is given up', () => {
    const state = established();
    expect(state).toMatchObject({ phase: 'secured' });
    state.reset();
    expect(state.facts).toEqual({});
  });
});

describe('a buffer that is too small', () => {
  const error = { side: 'local', reply: 535 } as const;

  it('is not reported without a level, without a size, and without an association', () => {
    const state = established();
    expect(state.bufferTooSmall('clear', 1, error)).toBeUndefined();
    expect(state.bufferTooSmall('safe', undefined, error)).toBeUndefined();
    expect(new SecurityState().bufferTooSmall('safe', 1, error)).toBeUndefined();
  });

  it('is one below the smallest size, or without room for one octet', () => {
    const { acceptor } = pskContexts();
    let exact = 1;
    while (acceptor.wrapSizeLimit('safe', exact) < 1) exact++;
    expect(acceptor.wrapSizeLimit('safe', exact)).toBe(1);
    const state = established({ minPbsz: 1 });
    expect(state.bufferTooSmall('safe', exact, error)).toBeUndefined();
    expect(state.bufferTooSmall('safe', exact - 1, error)).toMatchObject({
      code: 'syntax/limit-exceeded',
      side: 'local',
    });
    expect(established().bufferTooSmall('safe', 127, error)?.message).toContain('127 octets');
    expect(established().bufferTooSmall('safe', 128, error)).toBeUndefined();
  });

  it('is refused when a writer is made', () => {
    const state = established();
    state.finish({ verb: 'PBSZ', level: 'safe', bufferSize: 100 }, 200);
    state.finish({ verb: 'PROT', level: 'safe', protection: 'safe' }, 200);
    expect(errorOf(() => state.dataWriter())).toMatchObject({ code: 'syntax/limit-exceeded', side: 'local' });
  });
});

describe('a reader of data', () => {
  it('has no limit of PBSZ before PBSZ: in the clear it needs none', () => {
    const reader = established().dataReader('client');
    reader.push(toUtf8('text'));
    expect(reader.next()).toEqual(toUtf8('text'));
  });
});
