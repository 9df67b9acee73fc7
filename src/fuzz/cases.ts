/** Cases of every mutation, as plain data. */

import type { Peer } from '../protection/mechanism.js';
import type { TokenLevel } from '../protection/protection-level.js';
import { choicesFrom } from './choices.js';
import { EXCHANGES } from './exchange/table.js';
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
import { type Expectation, LAYERS, type Layer, type Mutation, type Rule } from './mutation.js';
import { SCRIPTS } from './phases.js';
import { TRANSFERS } from './transfer-mutations.js';

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

/** The rules of all layers: what a case needs to know of its mutation. */
export type LayeredRule = Rule & { layer: Layer; needs?: unknown };
const RULES: readonly LayeredRule[] = [
  ...MUTATIONS,
  ...EXCHANGES.map(rule => ({ ...rule, layer: 'exchange' }) as const),
  ...TRANSFERS.map(rule => ({ ...rule, layer: 'data' }) as const),
  ...SCRIPTS.map(rule => ({ ...rule, layer: 'phases' }) as const),
];

/** Layers whose cases are messages: `perform` gives their octets. */
export const MESSAGE_LAYERS: readonly Layer[] = LAYERS.filter(it => !['exchange', 'data', 'phases'].includes(it));

/** One mutation put to one peer, as plain data: it survives JSON, and comes to the same octets again under the same keys. */
export interface FuzzCase {
  layer: Layer;
  /** The rule that it breaks. */
  name: string;
  /** Where that is laid down. */
  source: string;
  /** The peer under test. */
  to: Peer;
  /** What it must do. Of security data: `accept` the exchange goes on, or is complete; `refuse` it fails, and there is no association. */
  expected: Expectation;
  /** The format of tokens that it is about; absent when it is about any. */
  forges?: string;
  /** Of the message or the transfer that is mutated; absent in `exchange` and `phases`. */
  level?: TokenLevel;
  /** Of a message: its inner text, in ASCII, with line ends. */
  text?: string;
  /** Of a transfer: what PBSZ has set, in octets. */
  bufferSize?: number;
  choices: readonly number[];
  /** To a client: which command behind the exchange gets the mutated reply, from 1. Default: what the driver's target says. */
  at?: number;
}

/** Those of messages, and those of transfers. */
export type MessageCase = FuzzCase & Required<Pick<FuzzCase, 'level' | 'text'>>;
/** A case of a data connection. */
export type TransferCase = FuzzCase & Required<Pick<FuzzCase, 'level' | 'bufferSize'>>;

export function isMessage(one: FuzzCase): one is MessageCase {
  return one.text !== undefined;
}

export function isTransfer(one: FuzzCase): one is TransferCase {
  return one.bufferSize !== undefined;
}

/** Which cases {@link fuzzCases} makes. */
export interface CaseOptions {
  /** The same seed gives the same cases. Default 2228. */
  seed?: number;
  /** How many variants of each mutation, with other texts and other choices. Default 4, once every text. */
  variants?: number;
  /** Default all. */
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
/** Octets, for PBSZ. */
export const BUFFER_SIZE = 200;

/** How many choices a case has; no mutation makes more. */
const CHOICES = 6;

/** Cases of every mutation, at each level that it has; some are not applicable to a mechanism. */
export function* fuzzCases(options: CaseOptions = {}): Generator<FuzzCase> {
  const { seed = 2228, variants = TEXTS.client.length, layers = LAYERS, level: onlyLevel, to: onlyTo } = options;
  let made = 0;
  for (let variant = 0; variant < variants; variant++) {
    for (const rule of RULES) {
      const isOnce = rule.large || rule.layer === 'phases';
      if (!layers.includes(rule.layer) || (isOnce && variant > 0)) continue;
      for (const to of peersOf(rule)) {
        // The first variant is always the simplest.
        const choices = variant === 0 ? [] : choicesFrom(seed + made++, CHOICES);
        for (const level of LEVELS) {
          const isMeant = (onlyTo ?? to) === to && (onlyLevel ?? level) === level;
          if (isMeant) yield caseOf(rule, { to, level, text: TEXTS[to][variant % TEXTS[to].length]!, choices });
          if (!hasLevel(rule.layer)) break;
        }
      }
    }
  }
}

type Drawn = Pick<FuzzCase, 'to' | 'choices'> & Partial<Pick<FuzzCase, 'level' | 'text' | 'bufferSize'>>;

/** A case of a rule; of what is drawn it takes what its layer has. */
export function caseOf(
  rule: LayeredRule,
  { to, choices, level = 'safe', text, bufferSize = BUFFER_SIZE }: Drawn,
): FuzzCase {
  const { layer, name, source, forges, needs } = rule;
  const hasText = MESSAGE_LAYERS.includes(layer);
  const its = Array.isArray(needs) && needs.includes('lines') ? TEXTS[to][0]! : (text ?? TEXTS[to][0]!);
  return {
    layer,
    name,
    source,
    to,
    expected: expectedFrom(to, rule),
    ...(forges !== undefined && { forges }),
    ...(hasLevel(layer) && { level }),
    ...(hasText && { text: its }),
    ...(layer === 'data' && { bufferSize }),
    choices,
  };
}

function hasLevel(layer: Layer): boolean {
  return layer !== 'exchange' && layer !== 'phases';
}

/** Each rule of these layers with each peer that can be sent it. */
export function rulesFor({ layers = LAYERS, to }: CaseOptions): { rule: LayeredRule; peer: Peer }[] {
  return RULES.filter(({ layer }) => layers.includes(layer))
    .flatMap(rule => peersOf(rule).map(peer => ({ rule, peer })))
    .filter(({ peer }) => (to ?? peer) === peer);
}

/** Who can be sent it. */
export function peersOf({ to }: Rule): readonly Peer[] {
  return to === undefined ? ['client', 'server'] : [to];
}

/** As it may be in a file. */
type Unchecked = { readonly [field in 'layer' | 'name' | 'forges' | 'to']?: unknown };

/** The rule of a case, if there is one. */
export function ruleOf(one: Unchecked): LayeredRule | undefined {
  return RULES.find(rule => rule.layer === one.layer && isOf(rule, one));
}

function isOf(rule: Rule, { name, forges, to }: Unchecked): boolean {
  return rule.name === name && rule.forges === forges && peersOf(rule).some(peer => peer === to);
}

/** The mutation of a case in the table of its kind. @throws RangeError when there is none */
export function mutationIn<M extends Rule & { layer?: Layer }>(table: readonly M[], one: FuzzCase): M {
  const mutation = table.find(it => (it.layer ?? one.layer) === one.layer && isOf(it, one));
  if (mutation === undefined) throw new RangeError(`no mutation is called ${one.layer}: ${one.name}`);
  return mutation;
}

/** One verdict for either side: a client never gives the code for a bad command, nor a server that for a bad reply. */
function expectedFrom(to: Peer, { expected, ofClient }: Rule): Expectation {
  if (to === 'client' && ofClient !== undefined) return ofClient;
  if (expected.verdict !== 'refuse') return expected;
  const never = to === 'client' ? 'syntax/bad-command' : 'syntax/bad-reply';
  return { verdict: 'refuse', codes: expected.codes.filter(code => code !== never) };
}
