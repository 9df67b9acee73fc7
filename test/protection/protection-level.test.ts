import { describe, expect, it } from 'vitest';
import {
  commonLevel,
  covers,
  factsOf,
  levelOfCode,
  levelOfProt,
  levelOfVerb,
  PROTECTION_LEVELS,
  type ProtectionLevel,
} from '../../src/protection/protection-level.js';

describe('the table of levels (RFC 2228 §3, §5.2)', () => {
  it.each([
    ['clear', 'C'],
    ['safe', 'S'],
    ['private', 'P'],
    ['confidential', 'E'],
  ] as const)('%s is PROT %s', (level, prot) => {
    expect(factsOf(level)).toMatchObject({ level, prot });
    expect(levelOfProt(prot)).toBe(level);
    expect(levelOfProt(prot.toLowerCase())).toBe(level);
  });

  it.each([
    ['safe', 'MIC', 631],
    ['private', 'ENC', 632],
    ['confidential', 'CONF', 633],
  ] as const)('%s is %s in commands and %i in replies', (level, verb, code) => {
    expect(levelOfVerb(verb)).toBe(level);
    expect(levelOfVerb(verb.toLowerCase())).toBe(level);
    expect(levelOfCode(code)).toBe(level);
  });

  it('knows no others', () => {
    expect(levelOfVerb('PASS')).toBeUndefined();
    expect(levelOfCode(630)).toBeUndefined();
    expect(levelOfProt('X')).toBeUndefined();
    expect(() => factsOf('secret' as ProtectionLevel)).toThrow(RangeError);
  });

  it('covers a claim when each of its bits was applied', () => {
    const covered = (applied: ProtectionLevel) =>
      PROTECTION_LEVELS.map(({ level }) => level).filter(claimed => covers(applied, claimed));
    expect(covered('clear')).toEqual(['clear']);
    expect(covered('safe')).toEqual(['clear', 'safe']);
    expect(covered('confidential')).toEqual(['clear', 'confidential']);
    expect(covered('private')).toEqual(['clear', 'safe', 'private', 'confidential']);
  });

  it('has for every pair the level of their common bits', () => {
    expect(commonLevel(['private', 'private'])).toBe('private');
    expect(commonLevel(['private', 'safe'])).toBe('safe');
    expect(commonLevel(['confidential', 'private'])).toBe('confidential');
    expect(commonLevel(['confidential', 'safe'])).toBe('clear');
  });
});
