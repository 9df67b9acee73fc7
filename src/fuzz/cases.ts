/** The cases of every mutation, as plain data. */

import { limitOf } from '../ftp/argument-checks.js';
import type { Peer } from '../protection/mechanism.js';
import { TOKEN_LEVELS, type TokenLevel } from '../protection/protection-level.js';
import { choicesFrom } from './choices.js';
import { gsi } from './mechanisms/gsi.js';
import { krb4 } from './mechanisms/krb4.js';
import { krb5 } from './mechanisms/krb5/index.js';
import type { FuzzMechanism } from './mechanisms/mechanism.js';
import { psk } from './mechanisms/psk.js';
import { type ExchangeTurn, type Expectation, LAYERS, type Layer, type Mutation } from './mutation.js';
import { DATA } from './mutations/data.js';
import { EXCHANGE } from './mutations/exchange.js';
import { OUTSIDE } from './mutations/lines.js';
import { PHASES } from './mutations/phases.js';
import { INNER_TEXTS } from './mutations/texts.js';
import { TOKEN } from './mutations/tokens.js';

export const MECHANISMS: readonly FuzzMechanism[] = [krb5, psk, krb4, gsi];

/** Every mutation of what a session sends: messages, lines out of order, and transfers. */
export const MUTATIONS: readonly Mutation[] = [
  ...OUTSIDE,
  ...INNER_TEXTS,
  ...TOKEN,
  ...MECHANISMS.flatMap(({ tokens }) => tokens),
  ...DATA,
  ...PHASES,
];

export const EXCHANGES: readonly Mutation<ExchangeTurn>[] = [
  ...EXCHANGE,
  ...MECHANISMS.flatMap(({ exchanges }) => exchanges),
];

/** A mutation without its function. */
export type Rule = Omit<Mutation, 'change'>;
const RULES: readonly Rule[] = [...MUTATIONS, ...EXCHANGES];

/** Layers whose cases are messages: `perform` gives their octets. */
export const MESSAGE_LAYERS: readonly Layer[] = LAYERS.filter(it => !['exchange', 'data', 'phases'].includes(it));

/** One mutation for one peer, as plain data for JSON; it always gives the same octets under the same keys. */
export interface FuzzCase {
  layer: Layer;
  /** The rule that it breaks. */
  name: string;
  /** The source of the rule. */
  source: string;
  /** The peer under test. */
  to: Peer;
  /**
   * What the peer must do. With security data, `accept` means that the exchange continues or is complete, `refuse` that
   * it fails and there is no association.
   */
  expected: Expectation;
  /** The token format to which it applies; absent if it applies to any. */
  forges?: string;
  /** Level of the mutated message or transfer; absent in `exchange` and `phases`. */
  level?: TokenLevel;
  /** Only for a message: its inner text, in ASCII, with line ends. */
  text?: string;
  /** Only for a transfer: the buffer size set by PBSZ, in octets. */
  bufferSize?: number;
  choices: readonly number[];
  /** Only for a client: the command after the exchange that gets the mutated reply, from 1. Default: the target's. */
  at?: number;
}

/** A case of a message. */
export type MessageCase = FuzzCase & Required<Pick<FuzzCase, 'level' | 'text'>>;
/** A case of a data connection. */
export type TransferCase = FuzzCase & Required<Pick<FuzzCase, 'level' | 'bufferSize'>>;

export const isMessage = (one: FuzzCase): one is MessageCase => one.text !== undefined;
export const isTransfer = (one: FuzzCase): one is TransferCase => one.bufferSize !== undefined;

/** Options of {@link fuzzCases}. */
export interface CaseOptions {
  /** The same seed gives the same cases. Default 2228. */
  seed?: number;
  /** Number of variants of each mutation, with different texts and choices. Default 4, which uses every text once. */
  variants?: number;
  /** Default: all layers. */
  layers?: readonly Layer[];
  to?: Peer;
  level?: TokenLevel;
}

/** Texts to mutate. Their lengths give every length of base 64 padding. */
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
/** The value of PBSZ in octets. */
export const BUFFER_SIZE = 200;

/** Number of choices in a case; no mutation makes more. */
const CHOICES = 6;

/**
 * Cases of every mutation at each of its levels. Some are not applicable to a mechanism.
 * @throws TypeError, RangeError with the first case, if an option is invalid
 */
export function* fuzzCases(options: CaseOptions = {}): Generator<FuzzCase> {
  const { seed = 2228, level } = options;
  const variants = limitOf(options.variants, 4, 'variants');
  const levels = level === undefined ? LEVELS : [level];
  const rules = rulesFor(options);
  let made = 0;
  for (let variant = 0; variant < variants; variant++) {
    for (const { rule, peer } of rules) {
      if (variant > 0 && (rule.large || rule.layer === 'phases')) continue;
      const text = TEXTS[peer][variant % TEXTS[peer].length]!;
      // The first variant is always the simplest.
      const choices = variant === 0 ? [] : choicesFrom(seed + made++, CHOICES);
      for (const its of hasLevel(rule) ? levels : LEVELS.slice(0, 1)) {
        yield caseOf(rule, { to: peer, level: its, text, choices });
      }
    }
  }
}

type Drawn = Pick<FuzzCase, 'to' | 'choices'> & Partial<Pick<FuzzCase, 'level' | 'text' | 'bufferSize'>>;

/** A case of a rule, with only those of the drawn fields that its layer has. */
export function caseOf(rule: Rule, { to, choices, level = 'safe', text, bufferSize = BUFFER_SIZE }: Drawn): FuzzCase {
  const { layer, name, source, expected, forges, needs } = rule;
  const hasText = MESSAGE_LAYERS.includes(layer);
  const its = needs?.includes('lines') ? TEXTS[to][0]! : (text ?? TEXTS[to][0]!);
  return {
    layer,
    name,
    source,
    to,
    expected,
    ...(forges !== undefined && { forges }),
    ...(hasLevel(rule) && { level }),
    ...(hasText && { text: its }),
    ...(layer === 'data' && { bufferSize }),
    choices,
  };
}

const hasLevel = ({ layer }: Rule) => layer !== 'exchange' && layer !== 'phases';

/**
 * Every rule of the layers with each peer that can receive it.
 * @throws RangeError for an unknown layer, peer or level: it would have no cases, and look like a test that found nothing
 */
export function rulesFor({ layers = LAYERS, to, level }: CaseOptions): { rule: Rule; peer: Peer }[] {
  for (const layer of layers) assertKnown('layer', layer, LAYERS);
  if (to !== undefined) assertKnown('peer', to, ['client', 'server']);
  if (level !== undefined)
    assertKnown(
      'level',
      level,
      TOKEN_LEVELS.map(it => it.level),
    );
  return RULES.filter(({ layer }) => layers.includes(layer))
    .flatMap(rule => peersOf(rule).map(peer => ({ rule, peer })))
    .filter(({ peer }) => (to ?? peer) === peer);
}

function assertKnown<T>(what: string, name: T, known: readonly T[]): void {
  if (!known.includes(name)) throw new RangeError(`no ${what} is called ${name}: there are ${known.join(', ')}`);
}

/** The peers that can receive a mutation of this rule. */
export function peersOf({ to }: Pick<Rule, 'to'>): readonly Peer[] {
  return to === undefined ? ['client', 'server'] : [to];
}

/** A case as read from a file, before its fields are checked. */
type Unchecked = { readonly [field in 'layer' | 'name' | 'forges' | 'to']?: unknown };

/** The rule of a case; undefined if there is none. */
export function ruleOf(one: Unchecked): Rule | undefined {
  return RULES.find(rule => isOf(rule, one));
}

function isOf(rule: Rule, { layer, name, forges, to }: Unchecked): boolean {
  return (
    rule.name === name && rule.layer === layer && rule.forges === forges && peersOf(rule).some(peer => peer === to)
  );
}

/** The mutation of a case in a table. @throws RangeError if there is none */
export function mutationIn<M extends Rule>(table: readonly M[], one: FuzzCase): M {
  const mutation = table.find(it => isOf(it, one));
  if (mutation === undefined) throw new RangeError(`no mutation is called ${one.layer}: ${one.name}`);
  return mutation;
}

/** @throws RangeError if there is none */
export const ruleIn = (one: FuzzCase): Rule => mutationIn(RULES, one);

/** The same transfer without a mutation. */
export function validTransfer(one: TransferCase): TransferCase {
  return { ...one, ...caseOf(DATA[0]!, { ...one, choices: [] }) };
}
