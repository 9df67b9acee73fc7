/** Cases: every mutation by its layer, told as plain data, and the octets that a case comes to in a live session. */
import { copy, toUtf8 } from '../bytes.js';
import type { TokenLevel } from '../secure/protection-level.js';
import type { Peer } from '../secure/security-context.js';
import { Choices, choicesFrom } from './choices.js';
import { BASE64 } from './layers/base64.js';
import { FRAGMENTS } from './layers/fragments.js';
import { GRAMMAR } from './layers/grammar.js';
import { INNER } from './layers/inner.js';
import { DIRECTION, LEVEL, TOKEN } from './layers/levels.js';
import { LINES } from './layers/lines.js';
import { ENCODINGS, OCTETS } from './layers/octets.js';
import { OUTER } from './layers/outer.js';
import { SEQUENCE } from './layers/sequence.js';
import type { Layered } from './mechanisms/forgery.js';
import { KRB4_FORGERIES } from './mechanisms/krb4.js';
import { PSK_FORGERIES } from './mechanisms/psk.js';
import { RFC1964_FORGERIES } from './mechanisms/rfc1964.js';
import { RFC4121_FORGERIES } from './mechanisms/rfc4121.js';
import { mutatedMessage, validMessage } from './message.js';
import {
  type Expectation,
  type FuzzSession,
  LAYERS,
  type Layer,
  type Mutation,
  type MutationContext,
} from './mutation.js';

const BY_LAYER: readonly (readonly [Layer, readonly Mutation[]])[] = [
  ['octets', [...OCTETS, ...ENCODINGS]],
  ['lines', LINES],
  ['grammar', GRAMMAR],
  ['outer', OUTER],
  ['base64', BASE64],
  ['fragments', FRAGMENTS],
  ['inner', INNER],
  ['token', TOKEN],
  ['sequence', SEQUENCE],
  ['direction', DIRECTION],
  ['level', LEVEL],
];

/** Every mutation of a message, those of single mechanisms last. */
export const MUTATIONS: readonly Layered[] = [
  ...BY_LAYER.flatMap(([layer, mutations]) => mutations.map(mutation => ({ ...mutation, layer }))),
  ...RFC4121_FORGERIES,
  ...RFC1964_FORGERIES,
  ...PSK_FORGERIES,
  ...KRB4_FORGERIES,
];

/** One mutated message, as plain data: it survives JSON, and gives the same again. */
export interface MessageCase {
  layer: Layer;
  /** The rule that it breaks. */
  name: string;
  /** Where that is laid down. */
  source: string;
  /** Who must stand it. */
  to: Peer;
  expected: Expectation;
  /** The format of tokens that it is about; absent when it is about any. */
  forges?: string;
  /** Level of the message that is mutated. */
  level: TokenLevel;
  /** Its inner text, in ASCII, with line ends. */
  text: string;
  choices: readonly number[];
}

export interface CaseOptions {
  /** The same seed gives the same cases. Default 2228. */
  seed?: number;
  /** How many variants of each mutation, with other texts and other choices. Default 4, once every text. */
  variants?: number;
  layers?: readonly Layer[];
  to?: Peer;
  level?: TokenLevel;
}

/** Texts to mutate, of lengths that leave each kind of padding. */
export const TEXTS: Record<Peer, readonly string[]> = {
  client: [
    '211-Status of things\r\n all is well\r\n211-still\r\n211 End\r\n',
    '200 Ok\r\n',
    '230 User anna in\r\n',
    '257 "/home/anna" is here\r\n',
  ],
  server: ['USER anna\r\n', 'RETR a file\r\n', 'NOOP\r\n', 'CWD /home/anna/x\r\n'],
};

const LEVELS: readonly TokenLevel[] = ['safe', 'private'];

/** How many choices a case has; no mutation makes more. */
const CHOICES = 6;

/** Cases of every mutation, at each level; `perform` leaves out those where it changes nothing. */
export function* messageCases(options: CaseOptions = {}): Generator<MessageCase> {
  const { seed = 2228, variants = TEXTS.client.length, layers = LAYERS, level: onlyLevel, to: onlyTo } = options;
  let made = 0;
  for (let variant = 0; variant < variants; variant++) {
    for (const mutation of MUTATIONS) {
      if (!layers.includes(mutation.layer) || (mutation.large && variant > 0)) continue;
      for (const to of peersOf(mutation)) {
        // The first variant is always the simplest.
        const choices = variant === 0 ? [] : choicesFrom(seed + made++, CHOICES);
        const text = TEXTS[to][mutation.needs?.includes('lines') ? 0 : variant % TEXTS[to].length]!;
        for (const level of LEVELS) {
          if ((onlyTo ?? to) === to && (onlyLevel ?? level) === level) {
            yield caseOf(mutation, { to, level, text, choices });
          }
        }
      }
    }
  }
}

export function caseOf(
  mutation: Layered,
  { to, level, text, choices }: Pick<MessageCase, 'to' | 'level' | 'text' | 'choices'>,
): MessageCase {
  const { layer, name, source, forges } = mutation;
  const expected = expectedFrom(to, mutation);
  return { layer, name, source, to, expected, ...(forges !== undefined && { forges }), level, text, choices };
}

/** Who can be sent it. */
export function peersOf({ to }: Mutation): readonly Peer[] {
  return to === undefined ? ['client', 'server'] : [to];
}

/** The mutation that a case is of. */
export function mutationOf({
  layer,
  name,
  forges,
  to,
}: Unchecked<'layer' | 'name' | 'forges' | 'to'>): Layered | undefined {
  return MUTATIONS.find(
    its => its.layer === layer && its.name === name && its.forges === forges && peersOf(its).some(peer => peer === to),
  );
}

/** As it may stand in a file. */
type Unchecked<K extends keyof MessageCase> = { readonly [field in K]?: unknown };

/** What is to be sent, in turn. */
export interface Rendered {
  /** Valid messages that must be accepted; the octets of each. */
  before: readonly Uint8Array[];
  /** The mutated message, in the chunks that it is to be sent in. */
  chunks: readonly Uint8Array[];
  /** It has no end: nothing can follow, and the connection is to be closed. */
  open: boolean;
}

/**
 * The octets of a case in a session that stands.
 * @returns undefined where the case says nothing: a mechanism without numbers, a text without padding, no token yet. The
 *   session's next number may have moved on all the same
 * @throws RangeError when there is no such mutation
 */
export function perform(one: MessageCase, session: FuzzSession): Rendered | undefined {
  const mutation = mutationOf(one);
  if (mutation === undefined) throw new RangeError(`no mutation is called ${one.layer}: ${one.name}`);
  const base = { ...session, to: one.to, level: one.level, text: toUtf8(one.text) };
  if (!(mutation.needs ?? []).every(need => NEEDS[need](base))) return undefined;
  const before = Array.from({ length: mutation.after ?? 0 }, () => validMessage(base));
  const carrier: MutationContext = { ...base, sent: before, valid: () => validMessage(base) };
  const chunks = mutatedMessage(mutation, carrier, new Choices(one.choices));
  return chunks && { before, chunks: chunks.map(chunk => copy(chunk)), open: mutation.open ?? false };
}

const NEEDS: Record<
  NonNullable<Mutation['needs']>[number],
  (carrier: Omit<MutationContext, 'sent' | 'valid'>) => boolean
> = {
  lines: ({ text }) => text.indexOf(0x0a) < text.length - 1,
  numbers: ({ numbered }) => numbered,
  integrity: ({ integrity, level }) => integrity.includes(level),
  received: ({ received }) => received !== undefined,
};

/** One verdict for either side: a client never gives the code for a bad command, nor a server that for a bad reply. */
function expectedFrom(to: Peer, { expected }: Mutation): Expectation {
  if (expected.verdict !== 'refuse') return expected;
  const never = to === 'client' ? 'syntax/bad-command' : 'syntax/bad-reply';
  return { verdict: 'refuse', codes: expected.codes.filter(code => code !== never) };
}
