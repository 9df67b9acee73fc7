/**
 * Protection levels: the one table from level to PROT letter, command and reply code (RFC 2228 §3 and §5.2). Code that
 * depends on a level uses this table.
 */

/** A protection level: `clear`, `safe` (integrity), `confidential`, or `private` (both) (RFC 2228 §3, PROT). */
export type ProtectionLevel = 'clear' | 'safe' | 'confidential' | 'private';
/** A level that has a token. */
export type TokenLevel = Exclude<ProtectionLevel, 'clear'>;
/** The command that contains a token (RFC 2228 §3). */
export type ProtectionVerb = 'MIC' | 'CONF' | 'ENC';
/** The reply code of a reply that contains tokens (RFC 2228 §5.2). */
export type ProtectedCode = 631 | 632 | 633;

/** A row of {@link PROTECTION_LEVELS}. */
export interface LevelFacts {
  level: ProtectionLevel;
  /** Argument of PROT. */
  prot: 'C' | 'S' | 'E' | 'P';
  /** Command with a token of this level; absent for `clear`. */
  verb?: ProtectionVerb;
  /** Code of a reply with tokens of this level; absent for `clear`. */
  code?: ProtectedCode;
  /** Whether the token has an integrity check. */
  integrity: boolean;
  /** Whether the token is encrypted. */
  confidentiality: boolean;
}

interface TokenLevelFacts extends LevelFacts {
  level: TokenLevel;
  verb: ProtectionVerb;
  code: ProtectedCode;
}

const CLEAR: LevelFacts = { level: 'clear', prot: 'C', integrity: false, confidentiality: false };
/** The levels that have a token. */
export const TOKEN_LEVELS: readonly TokenLevelFacts[] = [
  { level: 'safe', prot: 'S', verb: 'MIC', code: 631, integrity: true, confidentiality: false },
  { level: 'private', prot: 'P', verb: 'ENC', code: 632, integrity: true, confidentiality: true },
  { level: 'confidential', prot: 'E', verb: 'CONF', code: 633, integrity: false, confidentiality: true },
];

/** Every level with its PROT letter, verb and reply code (RFC 2228 §3 and §5.2); `clear` is the first. */
export const PROTECTION_LEVELS: readonly LevelFacts[] = [CLEAR, ...TOKEN_LEVELS];

/** The row of a level. @throws RangeError for an unknown level: misuse by the caller */
export function factsOf(level: TokenLevel): TokenLevelFacts;
export function factsOf(level: ProtectionLevel): LevelFacts;
export function factsOf(level: ProtectionLevel): LevelFacts {
  const facts = PROTECTION_LEVELS.find(entry => entry.level === level);
  if (facts === undefined) throw new RangeError('the protection level must be clear, safe, confidential or private');
  return facts;
}

/** The level of MIC, CONF or ENC, in any case; undefined for every other verb. */
export function levelOfVerb(verb: string): TokenLevel | undefined {
  const upper = verb.toUpperCase();
  return TOKEN_LEVELS.find(entry => entry.verb === upper)?.level;
}

/** The level of 631, 632 or 633; undefined for every other code. */
export function levelOfCode(code: number): TokenLevel | undefined {
  return TOKEN_LEVELS.find(entry => entry.code === code)?.level;
}

/** The level of a PROT argument, one letter (§8.1) of any case (RFC 959 §5.3); undefined for every other argument. */
export function levelOfProt(letter: string): ProtectionLevel | undefined {
  return PROTECTION_LEVELS.find(entry => entry.prot === letter.toUpperCase())?.level;
}

/** Whether the applied level has everything that the claimed level promises: integrity, confidentiality or both. */
export function covers(applied: ProtectionLevel, claimed: ProtectionLevel): boolean {
  const has = factsOf(applied);
  const wants = factsOf(claimed);
  return (has.integrity || !wants.integrity) && (has.confidentiality || !wants.confidentiality);
}

/** The level with the properties that all `levels` have in common; `clear` if they have none. */
export function commonLevel(levels: readonly ProtectionLevel[]): ProtectionLevel {
  const integrity = levels.every(level => factsOf(level).integrity);
  const confidentiality = levels.every(level => factsOf(level).confidentiality);
  return PROTECTION_LEVELS.find(it => it.integrity === integrity && it.confidentiality === confidentiality)!.level;
}
