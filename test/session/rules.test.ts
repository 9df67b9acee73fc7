import { describe, expect, it } from 'vitest';
import {
  commandMayBeClear,
  type Phase,
  phaseAfter,
  replyMayBeClear,
  replyMustBeClear,
} from '../../src/session/rules.js';

const PHASES: Phase[] = ['clear', 'exchange', 'secured', 'relaxed'];

describe('the phases of a control connection (RFC 2228 §9)', () => {
  it.each<[Phase, string, number, Phase]>([
    ['clear', 'AUTH', 334, 'exchange'],
    ['clear', 'AUTH', 234, 'secured'],
    ['clear', 'AUTH', 504, 'clear'],
    ['exchange', 'ADAT', 335, 'exchange'],
    ['exchange', 'ADAT', 235, 'secured'],
    ['exchange', 'ADAT', 535, 'clear'],
    ['exchange', 'ADAT', 421, 'clear'],
    ['secured', 'ADAT', 503, 'secured'],
    ['secured', 'ADAT', 235, 'secured'],
    ['secured', 'CCC', 200, 'relaxed'],
    ['secured', 'CCC', 534, 'secured'],
    ['clear', 'CCC', 200, 'clear'],
    ['secured', 'AUTH', 334, 'exchange'],
    ['relaxed', 'AUTH', 334, 'exchange'],
    ['secured', 'AUTH', 501, 'secured'],
    ['relaxed', 'REIN', 220, 'clear'],
    ['secured', 'USER', 232, 'secured'],
  ])('%s, %s answered with %i: %s', (phase, verb, code, next) => {
    expect(phaseAfter(phase, verb, code)).toBe(next);
  });

  it('a command must be protected from 235 until CCC, but for AUTH and ADAT', () => {
    for (const phase of PHASES) {
      expect(commandMayBeClear(phase, 'AUTH')).toBe(true);
      expect(commandMayBeClear(phase, 'ADAT')).toBe(true);
      expect(commandMayBeClear(phase, 'USER')).toBe(phase !== 'secured');
    }
  });

  it('a reply owes the level of its command (§7)', () => {
    const clear = (verb: string) => ({ verb, level: 'clear' as const });
    const safe = { verb: 'CWD', level: 'safe' as const };
    expect(replyMayBeClear('clear', undefined)).toBe(true);
    expect(replyMayBeClear('exchange', clear('ADAT'))).toBe(true);
    expect(replyMayBeClear('secured', undefined)).toBe(false);
    expect(replyMayBeClear('secured', clear('NOOP'))).toBe(false);
    expect(replyMayBeClear('secured', clear('AUTH'))).toBe(true);
    expect(replyMayBeClear('secured', safe)).toBe(false);
    expect(replyMayBeClear('relaxed', safe)).toBe(false);
    expect(replyMayBeClear('relaxed', clear('NOOP'))).toBe(true);
    expect(replyMayBeClear('relaxed', undefined)).toBe(true);
  });

  it('a clear command after CCC owes a clear reply (§3)', () => {
    expect(replyMustBeClear('relaxed', { verb: 'NOOP', level: 'clear' })).toBe(true);
    expect(replyMustBeClear('relaxed', { verb: 'NOOP', level: 'safe' })).toBe(false);
    expect(replyMustBeClear('secured', { verb: 'NOOP', level: 'clear' })).toBe(false);
  });
});
