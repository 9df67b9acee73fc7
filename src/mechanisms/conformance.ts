/**
 * The conformance suite: what every mechanism must do (mechanism.ts; RFC 2228 §2), as cases for any test runner:
 *
 *     for (const { name, run } of conformanceSuite(subject)) test(name, run);
 *
 * A case that fails throws an Error that says what was expected.
 */
import { factsOf, PROTECTION_LEVELS, type TokenLevel } from '../protection/protection-level.js';
import {
  endsOnce,
  endsWhenGivenUp,
  establish,
  givesContexts,
  givesObserver,
  keepsObserverSafe,
  refusesAlteredSecurityData,
} from './conformance/exchange.js';
import {
  keepsTextWhereUnprotected,
  refusesFlippedBits,
  refusesForeignTokens,
  refusesOtherLengths,
  refusesReflection,
  survivesAnyOctets,
  survivesForgedNumbers,
} from './conformance/hostile.js';
import {
  countsTogether,
  differsEachTime,
  opensInOrderOnly,
  takesFirstLate,
  takesVeryLate,
  tellsReplays,
} from './conformance/sequence.js';
import type {
  ConformanceCase,
  ConformanceExchange,
  ConformancePair,
  ConformanceSubject,
  ExchangeCheck,
  LevelCheck,
  Numbering,
  ObserverCheck,
  OctetRange,
} from './conformance/subject.js';
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
} from './conformance/tokens.js';

export type { ConformanceCase, ConformanceExchange, ConformancePair, ConformanceSubject, Numbering, OctetRange };
export { establish };

type Applies = (subject: ConformanceSubject, level: TokenLevel) => boolean;

const has: Applies = ({ levels }, level) => levels.includes(level);
const lacks: Applies = (subject, level) => !has(subject, level);
const numbers: Applies = (subject, level) => subject.numbering !== 'none' && has(subject, level);
const inOrder: Applies = (subject, level) => subject.numbering === 'in-order' && has(subject, level);
const inWindow: Applies = (subject, level) => subject.numbering === 'window' && has(subject, level);
const verifies: Applies = (subject, level) => factsOf(level).integrity && has(subject, level);
const verifiesBesideNone: Applies = (subject, level) => verifies(subject, level) && has(subject, 'confidential');

const LEVEL_CHECKS: readonly [Applies, string, LevelCheck][] = [
  [lacks, 'it is refused, and uses no number', refusesMissingLevel],
  [has, 'supports says so', supportsLevel],
  [has, 'what one side wraps the other opens, at any length', opensWhatIsWrapped],
  [has, 'the length of a token depends on the length of its plaintext alone', lengthTellsNothing],
  [has, 'wrapSizeLimit is exact', knowsWhatFits],
  [has, 'no octets are shared or changed', sharesNoOctets],
  [has, 'a subclass of Uint8Array goes in, a plain one comes out', givesPlainOctets],
  [has, 'what is no Uint8Array is a TypeError, and changes nothing', toldFromMisuse],
  [has, 'octets at random give an FtpSecurityError at most', survivesAnyOctets],
  [has, 'nothing works after destroy', endsWhenDestroyed],
  [numbers, 'tokens of one plaintext differ', differsEachTime],
  [inOrder, 'a token that is skipped, late or replayed is refused, and changes nothing', opensInOrderOnly],
  [inWindow, 'a replay is refused; a gap and a late token are reported', tellsReplays],
  [inWindow, 'the first token may come late', takesFirstLate],
  [inWindow, 'a late token is no replay, however late', takesVeryLate],
  [verifies, 'a flipped bit is refused, and changes nothing', refusesFlippedBits],
  [verifies, 'no flip of an unprotected bit changes the plaintext', keepsTextWhereUnprotected],
  [verifies, 'every other length is refused, and changes nothing', refusesOtherLengths],
  [verifies, 'a reflected token is refused, and changes nothing', refusesReflection],
  [verifies, 'a token of another association is refused, and changes nothing', refusesForeignTokens],
  [verifiesBesideNone, 'forged confidential tokens do it no harm', survivesForgedNumbers],
];

const EXCHANGE_CHECKS: readonly [string, ExchangeCheck][] = [
  ['both sides come to contexts that fit', givesContexts],
  ['no step comes after the last', endsOnce],
  ['one that is given up is over, and a complete one stays', endsWhenGivenUp],
  ['altered security data is refused', refusesAlteredSecurityData],
];

const OBSERVER_CHECKS: readonly [string, ObserverCheck][] = [
  ['it opens what both sides send', givesObserver],
  ['altered security data gives it no context', keepsObserverSafe],
];

/**
 * The cases for one mechanism. None depends on another, and each runs the same way every time if the subject does.
 * @param subject  see {@link ConformanceSubject}; it is asked for new contexts and exchanges in every case
 */
export function conformanceSuite(subject: ConformanceSubject): ConformanceCase[] {
  const cases: ConformanceCase[] = [{ name: 'a context has a name', run: () => hasAName(subject) }];
  for (const { level } of PROTECTION_LEVELS) {
    if (level === 'clear') continue;
    for (const [applies, title, check] of LEVEL_CHECKS) {
      if (applies(subject, level)) cases.push({ name: `${level}: ${title}`, run: () => check(subject, level) });
    }
  }
  const verified = subject.levels.filter(level => factsOf(level).integrity);
  if (subject.numbering !== 'none' && verified.length > 1) {
    cases.push({ name: 'levels with integrity share one sequence', run: () => countsTogether(subject, verified) });
  }
  const begin = subject.exchange?.bind(subject);
  if (begin === undefined) return cases;
  for (const [title, check] of EXCHANGE_CHECKS) {
    cases.push({ name: `exchange: ${title}`, run: () => check(subject, begin) });
  }
  const watch = subject.observer?.bind(subject);
  if (watch === undefined) return cases;
  for (const [title, check] of OBSERVER_CHECKS) {
    cases.push({ name: `observer: ${title}`, run: () => check(subject, begin, watch) });
  }
  return cases;
}
