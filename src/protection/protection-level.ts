/**
 * Protection levels: the one table from level to PROT letter, command and reply code (RFC 2228 §3 and §5.2). Whatever
 * depends on a level looks here; there is no second switch.
 */

export type ProtectionLevel = 'clear' | 'safe' | 'confidential' | 'private';
/** A level that has a token. */
export type TokenLevel = Exclude<ProtectionLevel, 'clear'>;
export type ProtectionVerb = 'MIC' | 'CONF' | 'ENC';
export type ProtectedCode = 631 | 632 | 633;

export interface LevelFacts {
  level: ProtectionLevel;
  /** Argument of PROT. */
  prot: 'C' | 'S' | 'E' | 'P';
  verb?: ProtectionVerb;
  code?: ProtectedCode;
  /** The two bits that a level is made of. */
  integrity: boolean;
  confidentiality: boolean;
}

interface TokenLevelFacts extends LevelFacts {
  level: TokenLevel;
  verb: ProtectionVerb;
  code: ProtectedCode;
}

const CLEAR: LevelFacts = { level: 'clear', prot: 'C', integrity: false, confidentiality: false };
/** Those that have a token. */
export const TOKEN_LEVELS: readonly TokenLevelFacts[] = [
  { level: 'safe', prot: 'S', verb: 'MIC', code: 631, integrity: true, confidentiality: false },
  { level: 'private', prot: 'P', verb: 'ENC', code: 632, integrity: true, confidentiality: true },
  { level: 'confidential', prot: 'E', verb: 'CONF', code: 633, integrity: false, confidentiality: true },
];

/** Every level, clear first. */
export const PROTECTION_LEVELS: readonly LevelFacts[] = [CLEAR, ...TOKEN_LEVELS];

/** @throws RangeError when there is no such level: misuse by the caller. */
export function factsOf(level: TokenLevel): TokenLevelFacts;
export function factsOf(level: ProtectionLevel): LevelFacts;
export function factsOf(level: ProtectionLevel): LevelFacts {
  const facts = PROTECTION_LEVELS.find(entry => entry.level === level);
  if (facts === undefined) throw new RangeError('no such protection level');
  return facts;
}

/** The level of a protected command's verb, in any case; undefined for every other verb. */
export function levelOfVerb(verb: string): TokenLevel | undefined {
  const upper = verb.toUpperCase();
  return TOKEN_LEVELS.find(entry => entry.verb === upper)?.level;
}

/** The level that a reply code names: of 631, 632 and 633; undefined for every other code. */
export function levelOfCode(code: number): TokenLevel | undefined {
  return TOKEN_LEVELS.find(entry => entry.code === code)?.level;
}

/** The level of a PROT argument, one capital letter (§8.1); undefined for every other. */
export function levelOfProt(letter: string): ProtectionLevel | undefined {
  return PROTECTION_LEVELS.find(entry => entry.prot === letter)?.level;
}

/** Whether what a mechanism applied holds what a line claims: each bit of the claim is a bit of what was applied. */
export function covers(applied: ProtectionLevel, claimed: ProtectionLevel): boolean {
  const has = factsOf(applied);
  const wants = factsOf(claimed);
  return (has.integrity || !wants.integrity) && (has.confidentiality || !wants.confidentiality);
}

/** The level whose bits every one of `levels` has; `clear` when they share none. */
export function commonLevel(levels: readonly ProtectionLevel[]): ProtectionLevel {
  const integrity = levels.every(level => factsOf(level).integrity);
  const confidentiality = levels.every(level => factsOf(level).confidentiality);
  return PROTECTION_LEVELS.find(it => it.integrity === integrity && it.confidentiality === confidentiality)!.level;
}
