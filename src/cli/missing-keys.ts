/** The missing keys of exchanges that could not be opened, each once, with ways to get them: the closing lines of the table. */
import type { TranscriptRecord } from '../capture/index.js';
import { missingKeyOf } from './mechanisms.js';

/** How many keys are listed. */
const MAX_KEYS = 50;

interface Missing {
  remedy: readonly string[];
  connections: number;
}

export class MissingKeys {
  readonly #byKey = new Map<string, Missing>();

  add(record: TranscriptRecord): void {
    if (record.type !== 'connection' || record.mechanism === null || record.keyed) return;
    // If a key has opened the exchange, the problem is not a missing key.
    if (record.problem?.code === 'internal' || record.facts['openedBy'] !== undefined) return;
    const missing = missingKeyOf(record);
    if (missing === undefined) return;
    const { key, remedy } = missing;
    const connections = (this.#byKey.get(key)?.connections ?? 0) + 1;
    if (connections > 1 || this.#byKey.size < MAX_KEYS) this.#byKey.set(key, { remedy, connections });
  }

  get lines(): string[] {
    return [...this.#byKey].flatMap(([key, { remedy, connections }]) => [
      `missing key: ${key}; ${connections} exchange${connections === 1 ? '' : 's'} could not be opened`,
      ...remedy.map(line => `    ${line}`),
    ]);
  }
}
