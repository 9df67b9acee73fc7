/**
 * `rfc2228/conformance`: the conformance suite, which tests what every mechanism must do (RFC 2228 §2), with any test runner:
 *
 *     for (const { name, run } of conformanceSuite(subject)) test(name, run);
 *
 * A case that fails throws an Error that says what was expected.
 * @module rfc2228/conformance
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
  saysInOrder,
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
  acceptsFirstTokenLate,
  acceptsVeryLateToken,
  countsTogether,
  differsEachTime,
  opensInOrderOnly,
  reportsPlaces,
  reportsReplays,
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
  lengthRevealsNothing,
  limitsSizeExactly,
  opensWhatIsWrapped,
  refusesMissingLevel,
  rejectsWrongArguments,
  sharesNoOctets,
  supportsLevel,
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

const TOKEN_CHECKS: readonly [Applies, string, LevelCheck][] = [
  [lacks, 'wrap refuses the unsupported level, and uses no number', refusesMissingLevel],
  [has, 'supports returns true', supportsLevel],
  [has, 'a token that one side wraps is unwrapped by the other, at any length', opensWhatIsWrapped],
  [has, 'the length of a token depends on the length of its plaintext only', lengthRevealsNothing],
  [has, 'wrapSizeLimit is exact', limitsSizeExactly],
  [has, 'no octets are shared or changed', sharesNoOctets],
  [has, 'a subclass of Uint8Array is accepted, and a plain Uint8Array is returned', givesPlainOctets],
  [has, 'an argument other than a Uint8Array is a TypeError, and changes nothing', rejectsWrongArguments],
  [has, 'random octets throw nothing but FtpSecurityError', survivesAnyOctets],
  [has, 'every method throws after destroy', endsWhenDestroyed],
  [verifies, 'a flipped bit is refused, and changes nothing', refusesFlippedBits],
  [verifies, 'a flipped unprotected bit does not change the plaintext', keepsTextWhereUnprotected],
  [verifies, 'every other length is refused, and changes nothing', refusesOtherLengths],
  [verifies, 'a reflected token is refused, and changes nothing', refusesReflection],
  [verifies, 'a token of another association is refused, and changes nothing', refusesForeignTokens],
  [verifiesBesideNone, 'forged confidential tokens do not affect its sequence numbers', survivesForgedNumbers],
];

const NUMBERING_CHECKS: readonly [Applies, string, LevelCheck][] = [
  [numbers, 'tokens of the same plaintext differ', differsEachTime],
  [numbers, 'lastReceived and lastFollows tell the place of each token', reportsPlaces],
  [inOrder, 'a token that is skipped, late or replayed is refused, and changes nothing', opensInOrderOnly],
  [inWindow, 'a replay is refused; a gap and a late token are reported', reportsReplays],
  [inWindow, 'the first token may arrive late', acceptsFirstTokenLate],
  [inWindow, 'a late token is not taken for a replay, however late it is', acceptsVeryLateToken],
];

const EXCHANGE_CHECKS: readonly [string, ExchangeCheck][] = [
  ['both sides establish matching contexts', givesContexts],
  ['a step after the last throws sequence/closed', endsOnce],
  ['destroy ends an incomplete exchange, and does not affect a complete one', endsWhenGivenUp],
  ['altered security data is refused', refusesAlteredSecurityData],
];

const OBSERVER_CHECKS: readonly [string, ObserverCheck][] = [
  ['its contexts unwrap what both sides send', givesObserver],
  ['altered security data establishes no context', keepsObserverSafe],
];

/**
 * Returns the cases for one mechanism. They are independent of each other, and deterministic if the subject is.
 * @param subject  the mechanism under test; each case asks it for new contexts or exchanges
 */
export function conformanceSuite(subject: ConformanceSubject): ConformanceCase[] {
  const cases: ConformanceCase[] = [
    { name: 'a context has a mechanism name', topic: 'tokens', run: () => hasAName(subject) },
    ...levelCases(subject, 'tokens', TOKEN_CHECKS),
    ...levelCases(subject, 'numbering', NUMBERING_CHECKS),
  ];
  const verified = subject.levels.filter(level => factsOf(level).integrity);
  if (subject.numbering !== 'none' && verified.length > 1) {
    const run = () => countsTogether(subject, verified);
    cases.push({ name: 'levels with integrity share one sequence', topic: 'numbering', run });
  }
  const begin = subject.exchange?.bind(subject);
  if (begin === undefined) return cases;
  for (const [title, check] of EXCHANGE_CHECKS) {
    cases.push({ name: `exchange: ${title}`, topic: 'exchange', run: () => check(subject, begin) });
  }
  if (subject.numbering === 'in-order') {
    const run = () => saysInOrder(subject, begin);
    cases.push({ name: 'exchange: it says that tokens must come in order', topic: 'exchange', run });
  }
  const watch = subject.observer?.bind(subject);
  if (watch === undefined) return cases;
  for (const [title, check] of OBSERVER_CHECKS) {
    cases.push({ name: `observer: ${title}`, topic: 'observer', run: () => check(subject, begin, watch) });
  }
  return cases;
}

/** The checks that apply, at each level. */
function levelCases(
  subject: ConformanceSubject,
  topic: ConformanceCase['topic'],
  checks: readonly [Applies, string, LevelCheck][],
): ConformanceCase[] {
  return PROTECTION_LEVELS.flatMap(({ level }) => {
    if (level === 'clear') return [];
    const applicable = checks.filter(([applies]) => applies(subject, level));
    return applicable.map(([, title, check]) => ({
      name: `${level}: ${title}`,
      topic,
      run: () => check(subject, level),
    }));
  });
}
