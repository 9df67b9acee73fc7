/**
 * What every mechanism owes (security-context.ts; RFC 2228 §2), as cases for any test runner:
 *
 *     for (const { name, run } of mechanismContract(subject)) test(name, run);
 *
 * A case that fails throws an Error that says what is owed.
 */
import { factsOf, PROTECTION_LEVELS, type TokenLevel } from '../secure/protection-level.js';
import {
  endsOnce,
  endsWhenGivenUp,
  establish,
  givesContexts,
  givesWitness,
  keepsWitnessSafe,
  refusesAlteredSecurityData,
} from './contract/exchange.js';
import {
  keepsTextWhereUnprotected,
  refusesFlippedBits,
  refusesForeignTokens,
  refusesOtherLengths,
  refusesReflection,
  survivesAnyOctets,
  survivesForgedNumbers,
} from './contract/hostile.js';
import { countsTogether, differsEachTime, takesFirstLate, takesVeryLate, tellsReplays } from './contract/sequence.js';
import type {
  Clause,
  ContractCase,
  ContractExchange,
  ContractPair,
  ContractSubject,
  ExchangeClause,
  OctetRange,
  WitnessClause,
} from './contract/subject.js';
import {
  endsWhenDestroyed,
  givesPlainOctets,
  hasAName,
  knowsWhatFits,
  lengthTellsNothing,
  opensWhatIsWrapped,
  refusesMissingLevel,
  sharesNoOctets,
  supportsLevel,
  toldFromMisuse,
} from './contract/tokens.js';

export type { ContractCase, ContractExchange, ContractPair, ContractSubject, OctetRange };
export { establish };

type Applies = (subject: ContractSubject, level: TokenLevel) => boolean;

const has: Applies = ({ levels }, level) => levels.includes(level);
const lacks: Applies = (subject, level) => !has(subject, level);
const numbers: Applies = (subject, level) => subject.numbered && has(subject, level);
const verifies: Applies = (subject, level) => factsOf(level).integrity && has(subject, level);
const verifiesBesideNone: Applies = (subject, level) => verifies(subject, level) && has(subject, 'confidential');

const LEVEL_CLAUSES: readonly [Applies, string, Clause][] = [
  [lacks, 'it is refused, and uses no number', refusesMissingLevel],
  [has, 'supports tells of it', supportsLevel],
  [has, 'what one side wraps the other opens, at any length', opensWhatIsWrapped],
  [has, 'the length of a token tells the length of its plaintext alone', lengthTellsNothing],
  [has, 'wrapSizeLimit is exact', knowsWhatFits],
  [has, 'no octets are shared or changed', sharesNoOctets],
  [has, 'a subclass of Uint8Array goes in, a plain one comes out', givesPlainOctets],
  [has, 'what is no Uint8Array is a TypeError, and changes nothing', toldFromMisuse],
  [has, 'octets at random give an FtpSecurityError at most', survivesAnyOctets],
  [has, 'nothing works after destroy', endsWhenDestroyed],
  [numbers, 'tokens of one plaintext differ', differsEachTime],
  [numbers, 'a replay is refused; a gap and a late token are told', tellsReplays],
  [numbers, 'the first token may come late', takesFirstLate],
  [numbers, 'a late token is no replay, however late', takesVeryLate],
  [verifies, 'a flipped bit is refused, and changes nothing', refusesFlippedBits],
  [verifies, 'no flip of an unprotected bit changes the plaintext', keepsTextWhereUnprotected],
  [verifies, 'every other length is refused, and changes nothing', refusesOtherLengths],
  [verifies, 'a reflected token is refused, and changes nothing', refusesReflection],
  [verifies, 'a token of another association is refused, and changes nothing', refusesForeignTokens],
  [verifiesBesideNone, 'forged confidential tokens do it no harm', survivesForgedNumbers],
];

const EXCHANGE_CLAUSES: readonly [string, ExchangeClause][] = [
  ['both sides come to contexts that fit', givesContexts],
  ['no step comes after the last', endsOnce],
  ['one that is given up is over, and a complete one stays', endsWhenGivenUp],
  ['altered security data is refused', refusesAlteredSecurityData],
];

const WITNESS_CLAUSES: readonly [string, WitnessClause][] = [
  ['it opens what both sides send', givesWitness],
  ['altered security data gives it no context', keepsWitnessSafe],
];

/**
 * The cases for one mechanism. None depends on another, and each runs the same way every time if the subject does.
 * @param subject  see {@link ContractSubject}; it is asked for new contexts and exchanges in every case
 */
export function mechanismContract(subject: ContractSubject): ContractCase[] {
  const cases: ContractCase[] = [{ name: 'a context has a name', run: () => hasAName(subject) }];
  for (const { level } of PROTECTION_LEVELS) {
    if (level === 'clear') continue;
    for (const [applies, owed, clause] of LEVEL_CLAUSES) {
      if (applies(subject, level)) cases.push({ name: `${level}: ${owed}`, run: () => clause(subject, level) });
    }
  }
  const verified = subject.levels.filter(level => factsOf(level).integrity);
  if (subject.numbered && verified.length > 1) {
    cases.push({ name: 'levels with integrity share one sequence', run: () => countsTogether(subject, verified) });
  }
  const begin = subject.exchange?.bind(subject);
  if (begin === undefined) return cases;
  for (const [owed, clause] of EXCHANGE_CLAUSES) {
    cases.push({ name: `exchange: ${owed}`, run: () => clause(subject, begin) });
  }
  const watch = subject.witness?.bind(subject);
  if (watch === undefined) return cases;
  for (const [owed, clause] of WITNESS_CLAUSES) {
    cases.push({ name: `witness: ${owed}`, run: () => clause(subject, begin, watch) });
  }
  return cases;
}
