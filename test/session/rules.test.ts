import { describe, expect, it } from 'vitest';
import type { ProtectionLevel, TokenLevel } from '../../src/protection/protection-level.js';
import { type Policy, refusalOf } from '../../src/session/command-rules.js';
import {
  type CommandRequest,
  type ConnectionState,
  couldBecomeBlock,
  integrityRequired,
  isNewExchange,
  mayBeOvertaken,
  mayOvertake,
  NO_ASSOCIATION,
  nextState,
  type PendingCommand,
  type Phase,
  phaseAfter,
  replyLevel,
  replyMayBeClear,
  replyMustBeClear,
  replyNeedsIntegrity,
} from '../../src/session/rules.js';

const PHASES: Phase[] = ['clear', 'exchange', 'secured', 'cleared'];

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
    ['secured', 'CCC', 200, 'cleared'],
    ['secured', 'CCC', 534, 'secured'],
    ['clear', 'CCC', 200, 'clear'],
    ['secured', 'AUTH', 334, 'exchange'],
    ['cleared', 'AUTH', 334, 'exchange'],
    ['secured', 'AUTH', 501, 'secured'],
    ['cleared', 'REIN', 220, 'clear'],
    ['secured', 'USER', 232, 'secured'],
  ])('%s, %s answered with %i: %s', (phase, verb, code, next) => {
    expect(phaseAfter(phase, verb, code)).toBe(next);
  });

  it('every line must have integrity from 235 until CCC, if the mechanism has it', () => {
    for (const phase of PHASES) {
      expect(integrityRequired({ ...SECURED, phase })).toBe(phase === 'secured');
      expect(integrityRequired({ ...SEALED_ONLY, phase })).toBe(false);
    }
  });

  it('a reply must have the level of its command (§7)', () => {
    const clear = (verb: string) => ({ verb, level: 'clear' as const });
    const safe = { verb: 'CWD', level: 'safe' as const };
    expect(replyMayBeClear('clear', undefined)).toBe(true);
    expect(replyMayBeClear('exchange', clear('ADAT'))).toBe(true);
    expect(replyMayBeClear('secured', undefined)).toBe(false);
    expect(replyMayBeClear('secured', clear('NOOP'))).toBe(false);
    expect(replyMayBeClear('secured', clear('AUTH'))).toBe(false);
    expect(replyMayBeClear('secured', safe)).toBe(false);
    expect(replyMayBeClear('cleared', safe)).toBe(false);
    expect(replyMayBeClear('cleared', clear('NOOP'))).toBe(true);
    expect(replyMayBeClear('cleared', undefined)).toBe(true);
    const cleared = { ...NO_ASSOCIATION, phase: 'cleared', levels: ['safe'] } as const;
    expect(replyNeedsIntegrity(cleared, safe)).toBe(true);
    expect(replyNeedsIntegrity(cleared, undefined)).toBe(false);
  });

  it('a clear command after CCC requires a clear reply (§3)', () => {
    expect(replyMustBeClear('cleared', { verb: 'NOOP', level: 'clear' })).toBe(true);
    expect(replyMustBeClear('cleared', { verb: 'NOOP', level: 'safe' })).toBe(false);
    expect(replyMustBeClear('secured', { verb: 'NOOP', level: 'clear' })).toBe(false);
  });
});

const BARE: ConnectionState = NO_ASSOCIATION;
const DUE: ConnectionState = { ...BARE, phase: 'exchange' };
const SECURED: ConnectionState = { ...BARE, phase: 'secured', levels: ['safe', 'private'] };
const SIZED: ConnectionState = { ...SECURED, bufferSize: 1000 };
const CLEARED: ConnectionState = { ...SIZED, phase: 'cleared', protection: 'private' };
const SEALED_ONLY: ConnectionState = { ...SECURED, levels: ['confidential'] };

describe('which command breaks which rule (RFC 2228 §3, §6, §7)', () => {
  const safe = (verb: string, more: Partial<CommandRequest> = {}): CommandRequest => ({ verb, level: 'safe', ...more });
  const clear = (verb: string, more: Partial<CommandRequest> = {}): CommandRequest => ({
    verb,
    level: 'clear',
    ...more,
  });

  it.each<[string, CommandRequest, ConnectionState, Policy, number | undefined]>([
    ['MIC before an exchange', safe('PWD'), BARE, {}, 503],
    ['MIC in the exchange', safe('PWD'), DUE, {}, 503],
    ['USER in the clear before it', clear('USER'), BARE, {}, undefined],
    ['USER in the clear, security required', clear('USER'), BARE, { requireSecurity: true }, 533],
    ['USER in the clear, privacy required', clear('USER'), BARE, { require: 'private' }, 533],
    ['FEAT in the clear, security required', clear('FEAT'), BARE, { requireSecurity: true }, undefined],
    ['AUTH with a name', clear('AUTH', { mechanism: 'A' }), BARE, { mechanisms: ['A'] }, undefined],
    ['AUTH with another name', clear('AUTH', { mechanism: 'B' }), BARE, { mechanisms: ['A'] }, 504],
    ['AUTH where there is no mechanism', clear('AUTH', { mechanism: 'A' }), BARE, { mechanisms: [] }, 502],
    ['ADAT before AUTH', clear('ADAT'), BARE, {}, 503],
    ['ADAT behind AUTH', clear('ADAT'), DUE, {}, undefined],
    ['ADAT behind the exchange', safe('ADAT'), SECURED, {}, 503],
    ['PBSZ before the exchange', clear('PBSZ', { bufferSize: 1 }), BARE, {}, 503],
    ['PBSZ in the exchange', clear('PBSZ', { bufferSize: 1 }), DUE, {}, 503],
    ['CCC before the exchange', clear('CCC'), BARE, {}, 503],
    ['a clear command behind it', clear('NOOP'), SECURED, {}, 533],
    ['a clear AUTH behind it', clear('AUTH', { mechanism: 'A' }), SECURED, {}, 533],
    ['a clear command, and no integrity', clear('NOOP'), SEALED_ONLY, {}, undefined],
    ['CONF before CCC', { verb: 'PWD', level: 'confidential' }, SECURED, {}, 533],
    ['CONF after CCC, and no such level', { verb: 'PWD', level: 'confidential' }, CLEARED, {}, 537],
    ['MIC where privacy is required', safe('PWD'), SECURED, { require: 'private' }, 533],
    ['MIC after CCC, where privacy was required', safe('PWD'), CLEARED, { require: 'private' }, undefined],
    ['a clear command after CCC', clear('PWD'), CLEARED, {}, undefined],
    ['CCC in the clear after CCC', clear('CCC'), CLEARED, {}, 533],
    ['CCC by CONF after CCC', { verb: 'CCC', level: 'confidential' }, CLEARED, {}, 533],
    ['CCC by MIC after CCC', safe('CCC'), CLEARED, {}, undefined],
    ['CCC in the clear, and no integrity', clear('CCC'), SEALED_ONLY, {}, 533],
    ['a command before CCC, which is required', safe('PWD'), SECURED, { ccc: 'required' }, 503],
    ['a command where CCC is required, and no integrity', clear('PWD'), SEALED_ONLY, { ccc: 'required' }, undefined],
    ['CCC, which is required', safe('CCC'), SECURED, { ccc: 'required' }, undefined],
    ['AUTH before CCC, which is required', safe('AUTH', { mechanism: 'A' }), SECURED, { ccc: 'required' }, 534],
    ['AUTH after CCC, which is required', safe('AUTH', { mechanism: 'A' }), CLEARED, { ccc: 'required' }, undefined],
    ['NOOP where there is no mechanism', clear('NOOP'), BARE, { mechanisms: [] }, undefined],
    ['CCC, which is refused', safe('CCC'), SECURED, { ccc: 'refused' }, 534],
    ['PROT before PBSZ', safe('PROT', { protection: 'private' }), SECURED, {}, 503],
    ['PROT P', safe('PROT', { protection: 'private' }), SIZED, {}, undefined],
    ['PROT E without such a level', safe('PROT', { protection: 'confidential' }), SIZED, {}, 536],
    ['PROT C where policy requires P', safe('PROT', { protection: 'clear' }), SIZED, { transfers: ['private'] }, 534],
    ['RETR at PROT C where policy requires P', safe('RETR'), SIZED, { transfers: ['private'] }, 534],
    ['RETR at PROT P where policy requires P', safe('RETR'), CLEARED, { transfers: ['private'] }, undefined],
    ['CWD where policy requires P for data', safe('CWD'), SIZED, { transfers: ['private'] }, undefined],
  ])('%s', (_, request, state, policy, reply) => {
    expect(refusalOf(request, state, policy)?.reply).toBe(reply);
  });

  it('names the side that broke it', () => {
    expect(refusalOf(clear('CCC'), BARE)?.side).toBe('peer');
    expect(refusalOf(clear('CCC'), BARE, {}, 'local')?.side).toBe('local');
  });
});

describe('the state after a reply', () => {
  const left = (state: ConnectionState, request: CommandRequest, code: number) => nextState(state, request, code);

  it('PBSZ and PROT take effect only with a 2yz reply', () => {
    const pbsz: CommandRequest = { verb: 'PBSZ', level: 'safe', bufferSize: 7 };
    const prot: CommandRequest = { verb: 'PROT', level: 'safe', protection: 'safe' };
    expect(left(SECURED, pbsz, 200)).toEqual({ ...SECURED, bufferSize: 7 });
    expect(left(SECURED, pbsz, 501)).toEqual(SECURED);
    expect(left(SIZED, prot, 200)).toEqual({ ...SIZED, protection: 'safe' });
    expect(left(SIZED, prot, 534)).toEqual(SIZED);
  });

  it('AUTH and REIN reset the state when they are accepted', () => {
    expect(left(CLEARED, { verb: 'AUTH', level: 'safe' }, 334)).toEqual(DUE);
    expect(left(CLEARED, { verb: 'AUTH', level: 'safe' }, 234)).toEqual({ ...BARE, phase: 'secured' });
    for (const code of [200, 300, 534]) expect(left(CLEARED, { verb: 'AUTH', level: 'safe' }, code)).toEqual(CLEARED);
    expect(left(CLEARED, { verb: 'REIN', level: 'safe' }, 220)).toEqual(BARE);
    expect(left(CLEARED, { verb: 'REIN', level: 'safe' }, 502)).toEqual(CLEARED);
    expect(left(DUE, { verb: 'ADAT', level: 'clear' }, 535)).toEqual(BARE);
  });

  it.each<[ConnectionState, ProtectionLevel | undefined, TokenLevel | undefined, ProtectionLevel]>([
    [BARE, 'clear', undefined, 'clear'],
    [BARE, 'safe', undefined, 'clear'],
    [DUE, 'clear', undefined, 'clear'],
    [SECURED, 'safe', 'private', 'safe'],
    [SECURED, 'private', 'safe', 'private'],
    [SECURED, 'clear', 'private', 'private'],
    [SECURED, 'clear', undefined, 'safe'],
    [SECURED, undefined, undefined, 'safe'],
    [SECURED, 'confidential', 'private', 'private'],
    [CLEARED, 'clear', 'private', 'clear'],
    [CLEARED, undefined, 'private', 'clear'],
    [CLEARED, 'safe', 'private', 'safe'],
    [CLEARED, 'confidential', undefined, 'safe'],
    [SEALED_ONLY, 'clear', undefined, 'clear'],
    [SEALED_ONLY, 'confidential', undefined, 'confidential'],
  ])('%o: a reply to %s, behind %s, goes at %s', (state, answered, last, level) => {
    expect(replyLevel(state, answered, last)).toBe(level);
  });

  it('is not weaker than policy requires, if no command decides', () => {
    expect(replyLevel(SECURED, 'clear', undefined, 'private')).toBe('private');
    expect(replyLevel(SECURED, 'clear', 'safe', 'private')).toBe('private');
    expect(replyLevel(SECURED, undefined, 'safe', 'private')).toBe('private');
    expect(replyLevel(SECURED, 'safe', undefined, 'private')).toBe('safe');
  });
});

describe('which reply may come before that to an older command', () => {
  const of = (verb: string, begun?: boolean): PendingCommand => ({
    verb,
    level: 'safe',
    ...(begun !== undefined && { begun }),
  });

  it('that to STAT, during a transfer that has begun', () => {
    expect(mayOvertake(of('STAT'), of('RETR', true))).toBe(true);
    expect(mayOvertake(of('STAT'), of('RETR', false))).toBe(false);
    expect(mayOvertake(of('STAT'), of('RETR'))).toBe(false);
    expect(mayOvertake(of('STAT'), of('NOOP', true))).toBe(false);
    expect(mayOvertake(of('STAT'), undefined)).toBe(false);
    expect(mayOvertake(of('NOOP'), of('RETR', true))).toBe(false);
    expect([mayBeOvertaken(of('STOR', true)), mayBeOvertaken(of('STOR')), mayBeOvertaken(of('CWD', true))]).toEqual([
      ...[true, false, false],
    ]);
  });

  it('a line could become a block unless it is clear, or of ABOR', () => {
    expect(couldBecomeBlock(of('NOOP'))).toBe(true);
    expect(couldBecomeBlock(of('ABOR'))).toBe(false);
    expect(couldBecomeBlock({ verb: 'NOOP', level: 'clear' })).toBe(false);
  });

  it('AUTH alone begins a new exchange, by 334 or 234', () => {
    expect([334, 234, 504, 235].map(code => isNewExchange('AUTH', code))).toEqual([true, true, false, false]);
    expect(isNewExchange('ADAT', 334)).toBe(false);
  });

  it('2yz grants, and neither 1yz nor 3yz does', () => {
    const pbsz: CommandRequest = { verb: 'PBSZ', level: 'safe', bufferSize: 7 };
    for (const [code, size] of [
      [199, undefined],
      [200, 7],
      [299, 7],
      [300, undefined],
    ] as const)
      expect(nextState(SECURED, pbsz, code).bufferSize).toBe(size);
  });

  it('a phase of exchange has no association', () => {
    const left = nextState({ ...CLEARED, phase: 'exchange' }, { verb: 'ADAT', level: 'clear' }, 335);
    expect(left).toEqual({ ...NO_ASSOCIATION, phase: 'exchange' });
  });
});
