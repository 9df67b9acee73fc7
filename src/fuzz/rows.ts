/** Tables of mutations: a row says what a peer must do, what is changed, and where that differs from the other rows. */
import type { ErrorCode } from '../errors.js';
import type { Deviation } from '../protection/deviations.js';
import type { Change, Expectation, Layer, Mutation, MutationContext } from './mutation.js';

/**
 * What a conforming peer must do, as rows say it: `accept`; `either`; reasons to refuse; codes to answer; or the name of
 * a deviation that it may tolerate.
 */
export type Must = 'accept' | 'either' | Deviation | ErrorCode | readonly ErrorCode[] | readonly number[];

/** The token is made with the right keys, and its checksum covers what it must; only its form is wrong. */
export const BAD_TOKEN = ['security/bad-token', 'security/bad-checksum'] as const;
/** The checksum is missing, or covers other octets than those that were sent, so it proves nothing. */
export const UNVERIFIED = ['security/bad-checksum', 'security/bad-token'] as const;

/** Properties of rows that apply only at one level. */
export const SAFE = { only: 'safe' } as const;
export const PRIVATE = { only: 'private' } as const;
/** Properties of rows of another layer than their table. */
export const SEQUENCE = { layer: 'sequence' } as const;
export const DIRECTION = { layer: 'direction' } as const;

/** Properties of a mutation that a row may set, or that all rows of a table share. */
type Properties = Partial<Omit<Mutation, 'name' | 'source' | 'expected' | 'change'>>;

/** A row of a table: what a peer must do, the change or what the change is made from, and further properties. */
export type Row<M> = readonly [must: Must, make: M, properties?: Properties | undefined];

/** Rows by source, then by name. */
export type Table<M> = Readonly<Record<string, Readonly<Record<string, Row<M>>>>>;

/** What all rows of a table share. The prefix is put before their names, and the layer may follow from a row's `must`. */
type Common = Pick<Mutation, 'at'> &
  Omit<Properties, 'layer'> & { layer: Layer | ((must: Must) => Layer); prefix?: string };

/** Returns a function that makes the mutations of a table. */
export function tableOf<M, C>(
  { prefix = '', layer, ...common }: Common,
  changeOf: (make: M, expected: Expectation) => Change<C>,
): (table: Table<M>) => Mutation<C>[] {
  const mutation = (source: string, name: string, [must, make, properties]: Row<M>) => {
    const expected = expectationOf(must);
    const change = changeOf(make, expected);
    const its = { name: prefix + name, source, expected, layer: typeof layer === 'string' ? layer : layer(must) };
    return { ...common, ...its, ...properties, change };
  };
  return table =>
    Object.entries(table).flatMap(([source, rows]) =>
      Object.entries(rows).map(([name, row]) => mutation(source, name, row)),
    );
}

/** The same for tables whose rows contain the change itself. */
export function mutationsOf<C = MutationContext>(common: Common) {
  return tableOf<Change<C>, C>(common, change => change);
}

/** Rows that differ only in a text, which their names end in. */
export function rowsOf<M>(name: string, must: Must, make: (text: string) => M, ...texts: string[]) {
  const rows = texts.map((text): [string, Row<M>] => [`${name} ${JSON.stringify(text)}`, [must, make(text)]]);
  return Object.fromEntries(rows);
}

function expectationOf(must: Must): Expectation {
  if (must === 'accept' || must === 'either') return { verdict: must };
  if (isCodes(must)) return { verdict: 'answer', codes: must };
  if (typeof must !== 'string') return { verdict: 'refuse', codes: must };
  return isReason(must) ? { verdict: 'refuse', codes: [must] } : { verdict: 'either', deviation: must };
}

const isCodes = (must: Must): must is readonly number[] => typeof must[0] === 'number';
const isReason = (must: Deviation | ErrorCode): must is ErrorCode => must.includes('/');
