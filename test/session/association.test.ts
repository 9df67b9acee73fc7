/** What an association keeps and forgets, and the buffers that it refuses. */
import { describe, expect, it } from 'vitest';
import { Association } from '../../src/session/association.js';
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

function established(options = {}): Association {
  const association = new Association('client', options);
  association.recordFacts(FACTS);
  association.establish(pskContexts().acceptor);
  return association;
}

describe('the facts of the exchange', () => {
  it.each(ANSWERED)('behind %s and %i', (verb, code, facts) => {
    const association = established();
    association.settle({ verb, level: 'safe' }, code);
    expect(association.facts).toEqual(facts);
  });

  it('are those of its own exchange', () => {
    const association = established();
    expect(association.state).toMatchObject({ phase: 'secured' });
    association.reset();
    expect(association.facts).toEqual({});
  });
});

describe('a buffer that is too small', () => {
  const error = { side: 'local', reply: 535 } as const;

  it('is none without a level, without a size, and without an association', () => {
    const association = established();
    expect(association.bufferTooSmall('clear', 1, error)).toBeUndefined();
    expect(association.bufferTooSmall('safe', undefined, error)).toBeUndefined();
    expect(new Association('client', {}).bufferTooSmall('safe', 1, error)).toBeUndefined();
  });

  it('is below the least size, or has no room for one octet', () => {
    const { acceptor } = pskContexts();
    let exact = 1;
    while (acceptor.wrapSizeLimit('safe', exact) < 1) exact++;
    expect(acceptor.wrapSizeLimit('safe', exact)).toBe(1);
    const association = established({ minPbsz: 1 });
    expect(association.bufferTooSmall('safe', exact, error)).toBeUndefined();
    expect(association.bufferTooSmall('safe', exact - 1, error)).toMatchObject({
      code: 'syntax/limit-exceeded',
      side: 'local',
    });
    expect(established().bufferTooSmall('safe', 127, error)?.message).toContain('127 octets');
    expect(established().bufferTooSmall('safe', 128, error)).toBeUndefined();
  });

  it('makes no writer', () => {
    const association = established();
    association.settle({ verb: 'PBSZ', level: 'safe', bufferSize: 100 }, 200);
    association.settle({ verb: 'PROT', level: 'safe', protection: 'safe' }, 200);
    expect(errorOf(() => association.dataWriter())).toMatchObject({ code: 'syntax/limit-exceeded', side: 'local' });
  });
});
