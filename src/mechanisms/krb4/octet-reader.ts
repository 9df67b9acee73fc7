/** Names and numbers of Kerberos V4: read in sequence, in a file or a message, never past the end; and written. */
import { concatAll, copy, fromUtf8, toUtf8, viewOf } from '../../bytes.js';
import { type ErrorCode, FtpSecurityError } from '../../errors.js';
import { BLOCK } from './pcbc.js';

/** Of a name, an instance and a realm (ANAME_SZ, INST_SZ, REALM_SZ), with the NUL. */
const MAX_NAME = 40;

/** Every method throws FtpSecurityError with the code given, and the offset, where octets are missing. */
export class OctetReader {
  readonly #bytes: Uint8Array;
  readonly #what: string;
  readonly #code: ErrorCode;
  #at = 0;

  /** @param what  what is read, for errors */
  constructor(bytes: Uint8Array, what: string, code: ErrorCode) {
    this.#bytes = bytes;
    this.#what = what;
    this.#code = code;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  uint8(): number {
    return this.octets(1)[0]!;
  }

  uint32(littleEndian: boolean): number {
    return viewOf(this.octets(4)).getUint32(0, littleEndian);
  }

  octets(length: number): Uint8Array {
    if (length > this.left) throw this.error(`${length} octets owed, ${this.left} left`);
    this.#at += length;
    return copy(this.#bytes, this.#at - length, this.#at);
  }

  /** Octets up to a NUL, as text. */
  name(): string {
    const end = this.#bytes.subarray(this.#at, this.#at + MAX_NAME).indexOf(0);
    if (end < 0) throw this.error('a name without an end');
    const name = this.octets(end);
    this.#at++;
    return fromUtf8(name);
  }

  /** Only what fills up a block may be left; gives its length. MIT's library leaves there what its memory held. */
  padding(): number {
    if (this.left >= BLOCK) throw this.error(`${this.left} octets behind its end`);
    return this.left;
  }

  error(why: string): FtpSecurityError {
    return new FtpSecurityError(this.#code, `${this.#what}: ${why}`, { offset: this.#at });
  }
}

/** Texts, each with a NUL behind it. */
export function namesOf(...texts: readonly string[]): Uint8Array {
  return concatAll(texts.map(text => toUtf8(`${text}\0`)));
}

/** 4 octets. */
export function numberOf(value: number, littleEndian: boolean): Uint8Array {
  const octets = new Uint8Array(4);
  viewOf(octets).setUint32(0, value, littleEndian);
  return octets;
}
