/** The missing keys of exchanges that could not be opened, each once, with ways to get them: the closing lines of the table. */
import type { TranscriptRecord } from '../capture/index.js';
import { missingKeyOf } from './mechanisms.js';

interface Missing {
  remedy: readonly string[];
  connections: number;
}

export class MissingKeys {
  readonly #byKey = new Map<string, Missing>();

  add(records: readonly TranscriptRecord[]): void {
    for (const record of records) {
      if (record.type !== 'connection' || record.mechanism === null || record.keyed) continue;
      // If a key has opened the exchange, the problem is not a missing key.
      if (record.problem?.code === 'internal' || record.facts['openedBy'] !== undefined) continue;
      const missing = missingKeyOf(record);
      if (missing === undefined) continue;
      const { key, remedy } = missing;
      this.#byKey.set(key, { remedy, connections: (this.#byKey.get(key)?.connections ?? 0) + 1 });
    }
  }

  get lines(): string[] {
    return [...this.#byKey].flatMap(([key, { remedy, connections }]) => [
      `missing key: ${key}; ${connections} exchange${connections === 1 ? '' : 's'} stayed closed`,
      ...remedy.map(line => `    ${line}`),
    ]);
  }
}
