/** The vectors of vectors/gsi: what Globus's library made with itself. */
import { readdirSync, readFileSync } from 'node:fs';
import { fromHex, toUtf8 } from '../../../src/bytes.js';
import { type GsiObserverOptions, gsiObserver, parseKeyLog } from '../../../src/mechanisms/gsi/index.js';
import type { ObservedStep, Peer } from '../../../src/protection/mechanism.js';

type Direction = 'i2a' | 'a2i';

/** In the order in which they were run; of get_mic and of tokens that Globus refused some fields are absent. */
export interface Message {
  op: 'wrap' | 'get_mic' | 'unwrap_only';
  dir?: Direction;
  label?: string;
  what?: string;
  qop?: 0 | 1;
  plain_hex?: string;
  token_hex?: string;
  out_hex?: string;
  conf_state?: number;
  verified?: boolean;
}

export interface Vector {
  name: string;
  delegation: 0 | 1;
  acceptor_sees_name: string;
  context_tokens: { dir: Direction; hex: string }[];
  messages: Message[];
  keylog: string[];
}

const FOLDER = new URL('../../../vectors/gsi/', import.meta.url);

export const file = (name: string): Buffer => readFileSync(new URL(name, FOLDER));

export const VECTORS: readonly Vector[] = readdirSync(FOLDER)
  .filter(name => name.startsWith('gsi-globus-tls'))
  .map(name => JSON.parse(file(name).toString()));

export const peerOf = (dir: Direction): Peer => (dir === 'i2a' ? 'client' : 'server');

export function tokensOf({ context_tokens }: Vector): { from: Peer; token: Uint8Array }[] {
  return context_tokens
    .filter(({ hex }) => hex !== '')
    .map(({ dir, hex }) => ({ from: peerOf(dir), token: fromHex(hex) }));
}

export const keysOf = ({ keylog }: Vector): GsiObserverOptions => ({
  keyLogs: [parseKeyLog(toUtf8(keylog.join('\n')))],
});

/** What an observer knows at the end of the exchange. */
export function observe(vector: Vector, options: GsiObserverOptions = keysOf(vector)): ObservedStep {
  const observer = gsiObserver(options);
  let step: ObservedStep = { facts: {} };
  for (const { from, token } of tokensOf(vector)) step = observer.observe(from, token);
  return step;
}
