/** X-PSK: any letter, number and level under the right keys. */
import { concat, u64be } from '../../bytes.js';
import { deriveKey, PROTECTIONS, PskContext, type PskContextOptions, type Role } from '../../mechanisms/psk/context.js';
import type { TokenLevel } from '../../protection/protection-level.js';
import { ACCEPT, EITHER, type FuzzSession, refuse } from '../mutation.js';
import { flipped } from '../pieces.js';
import {
  BAD_TOKEN,
  counterFrom,
  type ForgingContext,
  forgeries,
  forgeriesOf,
  UNVERIFIED,
  wrappingWith,
} from './forgery.js';

interface PskFields {
  /** First octet; default that of `from` and `level`. */
  letter?: number;
  number?: bigint;
  /** Whose keys, default our own; and of which level. */
  from?: Role;
  level?: TokenLevel;
}

interface PskForger extends ForgingContext<PskFields> {
  readonly forges: 'psk';
  readonly role: Role;
}

/** Our side of a session whose keys are known. */
export function pskFuzzSession({ role, key, nonces }: Omit<PskContextOptions, 'limit'>): FuzzSession {
  const numbers = counterFrom(0n, 64);
  const unverified = counterFrom(0n, 64);

  function token(plaintext: Uint8Array, level: TokenLevel, fields: PskFields = {}): Uint8Array {
    const { from = role, number = numbers.next } = fields;
    const protection = PROTECTIONS.find(one => one.level === level)!;
    const letter = fields.letter ?? (from === 'acceptor' ? protection.letter | 0x20 : protection.letter);
    const header = concat(Uint8Array.of(letter), u64be(number));
    return concat(header, protection.seal(deriveKey(key, nonces, `${from} ${level}`), header, plaintext));
  }

  const valid = wrappingWith(new PskContext({ role, key, nonces }), (plaintext, level) => {
    const series = level === 'confidential' ? unverified : numbers;
    const made = token(plaintext, level, { number: series.next });
    series.skip();
    return { token: made, level };
  });
  const context: PskForger = Object.assign(valid, {
    forges: 'psk' as const,
    role,
    numbers,
    token: (plaintext: Uint8Array, sealed: boolean, fields: PskFields = {}) =>
      token(plaintext, fields.level ?? (sealed ? 'private' : 'safe'), fields),
  });
  return { context, numbered: true, integrity: ['safe', 'private'] };
}

const SOURCE = 'X-PSK';
const REPLAYED = refuse('security/replayed');
const other = (role: Role): Role => (role === 'initiator' ? 'acceptor' : 'initiator');

const forge = forgeriesOf<PskForger>();

const TABLE = [
  forge('a letter that X-PSK does not have', SOURCE, BAD_TOKEN, ({ draw }) => ({
    letter: draw.of([0, 0x43, 0x58, 0x63, 0xff]),
  })),
  forge('the letter of another level', SOURCE, BAD_TOKEN, ({ context, sealed }) => ({
    letter: (sealed ? 0x53 : 0x50) | (context.role === 'acceptor' ? 0x20 : 0),
  })),
  forge('a header alone', SOURCE, UNVERIFIED, ({ context, text, sealed }) =>
    context.token(text, sealed).subarray(0, 9),
  ),
  forge('an octet less than an empty token', SOURCE, UNVERIFIED, ({ context, sealed }) =>
    context.token(new Uint8Array(), sealed).subarray(0, -1),
  ),
  forge('a tag with a bit flipped', SOURCE, refuse('security/bad-checksum'), ({ context, text, sealed, draw }) => {
    const token = context.token(text, sealed);
    return flipped(token, token.length - 1 - draw.below(16), draw.below(8));
  }),
  forge('the next number', SOURCE, ACCEPT, {}),
  forge('a used number around a new text', SOURCE, REPLAYED, { layer: 'sequence', after: 1 }, ({ context }) => ({
    number: context.numbers.next - 1n,
  })),
  forge(
    'the first number again, at the other level',
    SOURCE,
    REPLAYED,
    { layer: 'sequence', after: 2 },
    ({ sealed }) => ({
      number: 0n,
      level: sealed ? 'safe' : 'private',
    }),
  ),
  forge('the highest number', SOURCE, EITHER, { layer: 'sequence' }, { number: (1n << 64n) - 1n }),
  forge(
    "the other side's letter and keys",
    SOURCE,
    refuse('security/wrong-direction'),
    { layer: 'direction' },
    ({ context }) => ({ from: other(context.role) }),
  ),
  forge(
    "the other side's letter, our keys",
    SOURCE,
    refuse('security/wrong-direction'),
    { layer: 'direction' },
    ({ context, sealed }) => ({ letter: (sealed ? 0x50 : 0x53) ^ (context.role === 'acceptor' ? 0 : 0x20) }),
  ),
];

export const PSK_FORGERIES = forgeries('psk', TABLE);
