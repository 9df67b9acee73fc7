/** The secrets of one TLS connection, which Node reports in the format of key logs. They are never strings, so they can be erased. */
import { fromUtf8, SPACE, toHex } from '../../bytes.js';
import type { KeyLog } from '../../mechanisms/gsi/tls/key-log.js';

/** A key log that grows during a handshake. */
export class LiveKeyLog implements KeyLog {
  readonly #secrets = new Map<string, Uint8Array>();

  get size(): number {
    return this.#secrets.size;
  }

  /** Takes a line `LABEL CLIENT_RANDOM SECRET`, in hex. */
  add(line: Uint8Array): void {
    const randomAt = line.indexOf(SPACE) + 1;
    const secretAt = line.indexOf(SPACE, randomAt) + 1;
    const key = fromUtf8(line.subarray(0, secretAt - 1));
    this.#secrets.set(key, octetsOfHex(line.subarray(secretAt)));
  }

  find(label: string, id: Uint8Array): Uint8Array | undefined {
    return this.#secrets.get(`${label} ${toHex(id)}`);
  }

  /** Erases the secrets. */
  destroy(): void {
    for (const secret of this.#secrets.values()) secret.fill(0);
    this.#secrets.clear();
  }
}

/** Octets from lower-case hex digits; a line end after them is skipped. */
function octetsOfHex(digits: Uint8Array): Uint8Array {
  const octets = new Uint8Array(digits.length >> 1);
  for (let i = 0; i < octets.length; i++)
    octets[i] = (digitValue(digits[2 * i]!) << 4) | digitValue(digits[2 * i + 1]!);
  return octets;
}

/** 0 to 9 are 30 to 39, a to f are 61 to 66. */
function digitValue(digit: number): number {
  return digit < 0x40 ? digit & 15 : digit - 0x57;
}
