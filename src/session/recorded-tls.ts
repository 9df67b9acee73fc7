/** TLS on a recorded control connection, behind the 234 reply to AUTH TLS (RFC 4217): its records are counted and skipped. */
import { concat } from '../bytes.js';
import { FtpSecurityError } from '../errors.js';
import type { Peer } from '../protection/mechanism.js';

/** Octets of type, version and length of a record (RFC 8446 §5.1). */
const HEADER = 5;
/** The most octets of a record (RFC 5246 §6.2.3). */
const MAX_RECORD = 2 ** 14 + 2048;

/** The records of one side. */
export class TlsRecords {
  #octets = 0;
  /** Octets that the current record still lacks. */
  #left = 0;
  /** Octets of a header that is not whole. */
  #header: Uint8Array = new Uint8Array(0);
  #over = false;
  #lost = false;

  /** How many octets were TLS. */
  get octets(): number {
    return this.#octets;
  }

  /** Octets are missing. It is not known any more where a record begins, so all that follows counts as TLS. */
  gap(): void {
    this.#lost = true;
  }

  /**
   * Takes octets in the order of the wire.
   * @returns what is not TLS: from the first octet that begins no record. TLS may end, for instance by CCC (RFC 4217 §12.3)
   */
  push(octets: Uint8Array): Uint8Array {
    if (this.#over) return octets;
    let rest = concat(this.#header, octets);
    this.#octets += octets.length;
    while (!this.#lost && rest.length > 0) {
      if (this.#left === 0) {
        const length = recordLength(rest, this.#octets === rest.length);
        if (length === undefined) {
          this.#over = true;
          this.#octets -= rest.length;
          return rest;
        }
        if (rest.length < HEADER) break;
        this.#left = length;
      }
      const skipped = Math.min(this.#left, rest.length);
      this.#left -= skipped;
      rest = rest.subarray(skipped);
    }
    this.#header = this.#lost ? new Uint8Array(0) : rest;
    return new Uint8Array(0);
  }
}

/**
 * The length in octets of the record at the start, with its header; if there are too few octets, any number; undefined if it
 * is not a record.
 */
function recordLength(octets: Uint8Array, first: boolean): number | undefined {
  const [type = 0, major = 3, minor = 0, high = 0, low = 0] = octets;
  if (type >= 20 && type <= 24 && major === 3 && minor <= 4) {
    const length = HEADER + high * 256 + low;
    return length <= HEADER + MAX_RECORD ? length : undefined;
  }
  // Clients that know SSL 2 begin with its ClientHello (RFC 5246 appendix E.2).
  const mayBeHello = first && type >= 0x80 && type < 0xa0;
  return mayBeHello && (octets.length < HEADER || (minor === 1 && high === 3))
    ? 2 + (type & 0x7f) * 256 + major
    : undefined;
}

/** The records of both sides. */
export class RecordedTls {
  readonly #records: Readonly<Record<Peer, TlsRecords>> = { client: new TlsRecords(), server: new TlsRecords() };

  /** Takes octets of one side. @returns what is not TLS */
  push(from: Peer, octets: Uint8Array): Uint8Array {
    return this.#records[from].push(octets);
  }

  /** Octets of one side are missing. @returns whether the connection is within TLS, as far as can be seen */
  gap(from: Peer): boolean {
    if (this.#octets === 0) return false;
    this.#records[from].gap();
    return true;
  }

  /** Why the rest of the recording can't be read; undefined if there was no TLS. */
  get problem(): FtpSecurityError | undefined {
    if (this.#octets === 0) return undefined;
    return new FtpSecurityError('security/no-key', `from here on TLS (RFC 4217): ${this.#octets} octets`);
  }

  /** The error of a line in the clear, if that side has sent no TLS at all. */
  error(from: Peer): FtpSecurityError | undefined {
    if (this.#records[from].octets > 0) return undefined;
    return new FtpSecurityError(
      'sequence/unprotected',
      'a line in the clear behind 234, where TLS is required (RFC 4217)',
    );
  }

  get #octets(): number {
    return this.#records.client.octets + this.#records.server.octets;
  }
}
