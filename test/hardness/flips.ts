/**
 * Every single bit of a protected line flipped: of its token, of its base 64, of the word in front and of its end. Each flip is
 * refused with no text, or it is one of the few kinds that `flipped_bits` in vectors/deviations.json explains.
 */
import { readFileSync } from 'node:fs';
import { concat, toUtf8, viewOf } from '../../src/bytes.js';
import { openFrame } from '../../src/mechanisms/krb5/messages/gss-framing.js';
import type { SecurityContext } from '../../src/protection/mechanism.js';
import type { ProtectionLevel, TokenLevel } from '../../src/protection/protection-level.js';
import { latin1 } from '../capture/helpers.js';
import { onlyRefuses } from '../helpers.js';
import { type Format, lineAround, type Path, plaintextOf, type Row, SECRET, sidesOf } from './paths.js';

/** A kind of flip that is taken, as the ledger has it. */
interface FlipKind {
  name: string;
  what: string;
  reason: string;
}

const LEDGER: { flipped_bits: FlipKind[] } = JSON.parse(
  readFileSync(new URL('../../vectors/deviations.json', import.meta.url), 'utf8'),
);

export const FLIP_KINDS: readonly FlipKind[] = LEDGER.flipped_bits;

/** A flip that was not refused. */
export interface Taken {
  in: 'token' | 'line';
  /** Of the token. */
  format: Format;
  level: ProtectionLevel;
  enctype?: number | undefined;
  /** What is flipped: the octets before, the octet and the bit. */
  octets: Uint8Array;
  octet: number;
  bit: number;
}

function flipped(octets: Uint8Array, bit: number): Uint8Array {
  const changed = Uint8Array.from(octets);
  changed[bit >> 3]! ^= 1 << (bit & 7);
  return changed;
}

const SPACE = 0x20;
const RRC = 6;
const BODY = 16;
/** Octets of the body of a token of RFC 4121 here: a power of two, so that single bits of RRC turn it as a whole. */
const BODY_LENGTH = 128;

/** The kind of a flip that was taken; undefined if it is of none in the ledger. */
export function kindOf(one: Taken): string | undefined {
  const { in: place, octets, octet, bit } = one;
  const altered = flipped(octets, 8 * octet + bit);
  if (place === 'token') return kindOfToken(one, octets, altered);
  const token = octets.indexOf(SPACE) + 1;
  if (octet < token && bit === 5 && octets[octet]! >= 0x41) return 'case-of-verb';
  if (octet === 2 && octets[2] === 0x32 && bit === 0) return 'label-633';
  // A bit of base 64 is one of the token.
  return octet < token ? undefined : kindOfToken(one, decoded(octets, token), decoded(altered, token));
}

function kindOfToken({ format, level, enctype }: Taken, token: Uint8Array, altered: Uint8Array): string | undefined {
  const differing = Array.from(token.keys()).filter(at => token[at] !== altered[at]);
  const isWithin = (start: number, end: number) =>
    token.length === altered.length && differing.every(at => at >= start && at < end);
  if (format === 'rfc4121' && isWithin(RRC, RRC + 2)) {
    const turn = viewOf(altered).getUint16(RRC) - viewOf(token).getUint16(RRC);
    return turn % (token.length - BODY) === 0 ? 'whole-rotation' : undefined;
  }
  if (format === 'psk' && level === 'confidential' && isWithin(1, token.length)) return 'no-integrity';
  if (enctype !== 23 || level !== 'safe') return undefined;
  const number = openFrame(token) + 8;
  return isWithin(number, number + 4) ? 'rc4-number' : undefined;
}

function decoded(line: Uint8Array, start: number): Uint8Array {
  return Uint8Array.from(Buffer.from(latin1(line.subarray(start)), 'base64'));
}

/** Those that the ledger does not explain, in words. */
export function unexplained(taken: readonly Taken[]): string[] {
  const inWords = ({ in: place, format, level, octets, octet, bit }: Taken) =>
    `bit ${bit} of octet ${octet} (${octets[octet]!.toString(16)}) of a ${level} ${place} of ${octets.length} octets in ${format}`;
  return taken.filter(one => kindOf(one) === undefined).map(inWords);
}

/**
 * Flips every bit of the token and of the line around it, in a session or a recording.
 * @returns the flips that gave a text, and how many were tried
 * @throws Error if an error repeats the text, or if the valid line is refused at the end
 */
export function flipsOfLine(row: Row, path: Path, level: TokenLevel): { taken: Taken[]; count: number } {
  const fresh = () => {
    const contexts = row.contexts();
    const token = tokenOf(row, path, level, sidesOf(contexts, path.from).sender);
    return { contexts, token, line: lineAround(path.from, level, token) };
  };
  const taken: Taken[] = [];
  let made = fresh();
  const places = [
    ...bitsOf(made.token).map(bit => ({ in: 'token', bit }) as const),
    ...bitsOf(made.line).map(bit => ({ in: 'line', bit }) as const),
  ];
  for (const place of places) {
    const octets = made[place.in];
    const altered = flipped(octets, place.bit);
    // A line whose end was flipped goes on in the next one.
    const line = place.in === 'token' ? lineAround(path.from, level, altered) : concat(altered, toUtf8('\r\n'));
    const { texts, error, message } = path.read(made.contexts, line);
    if (message.includes(SECRET)) throw new Error('an error repeats the text');
    if (texts.length > 0) {
      const [octet, bit] = [place.bit >> 3, place.bit & 7];
      taken.push({ in: place.in, format: row.format, level, enctype: row.enctype, octets, octet, bit });
    }
    // A line that claims another level is refused behind its token, and a gap behind its number, which is used then.
    if (texts.length > 0 || error === 'sequence/wrong-level' || error === 'security/out-of-sequence') made = fresh();
  }
  const valid = path.read(made.contexts, made.line);
  if (!valid.texts.join().includes(SECRET)) throw new Error(`the valid line of ${row.name} was refused afterwards`);
  return { taken, count: places.length };
}

function bitsOf(octets: Uint8Array): number[] {
  return Array.from({ length: 8 * octets.length }, (_, bit) => bit);
}

function tokenOf({ format, contexts }: Row, { from }: Path, level: TokenLevel, sender: SecurityContext): Uint8Array {
  if (format !== 'rfc4121') return sender.wrap(plaintextOf(from), level).token;
  const { token } = sidesOf(contexts(), from).sender.wrap(plaintextOf(from), level);
  return sender.wrap(plaintextOf(from, BODY_LENGTH + BODY - token.length), level).token;
}

/** A token of another implementation, and contexts that open it. */
export interface ForeignToken {
  name: string;
  format: Format;
  level: ProtectionLevel;
  enctype?: number;
  token: Uint8Array;
  /** A context that expects this token. */
  context(): SecurityContext;
}

/**
 * Flips every bit of a token of another implementation.
 * @returns the flips that gave a text, which may be another one without integrity alone
 */
export function flipsOfToken({ format, level, enctype, token, context }: ForeignToken): Taken[] {
  const taken: Taken[] = [];
  const { plaintext } = context().unwrap(token);
  let opener = context();
  for (let bit = 0; bit < 8 * token.length; bit++) {
    const opened = onlyRefuses(() => opener.unwrap(flipped(token, bit)));
    if (opened === undefined) continue;
    if (level !== 'confidential' && Buffer.compare(opened.plaintext, plaintext) !== 0) {
      throw new Error(`bit ${bit} gave another text`);
    }
    if (opened.level !== level) throw new Error(`bit ${bit} gave another level`);
    taken.push({ in: 'token', format, level, enctype, octets: token, octet: bit >> 3, bit: bit & 7 });
    opener = context();
  }
  if (Buffer.compare(opener.unwrap(token).plaintext, plaintext) !== 0) throw new Error('the valid token was refused');
  return taken;
}
