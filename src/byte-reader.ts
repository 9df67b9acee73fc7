/** The reader for all binary formats: numbers and octets in sequence, never past the end. */
import { copy, viewOf } from './bytes.js';
import { type ErrorCode, FtpSecurityError } from './errors.js';

export interface ByteReaderOptions {
  /** Name of what is read, for error messages, e.g. `keytab`. */
  what: string;
  /** Error code for input that ends too early. */
  code: ErrorCode;
  /** Where reading starts and ends, in octets. Default: the whole input. */
  start?: number;
  end?: number;
  /** Byte order of numbers. Default false: most significant octet first. */
  littleEndian?: boolean;
}

/** Every method throws an FtpSecurityError with the given code, and the offset in `bytes`, if the input ends too early. */
export class ByteReader {
  /** Byte order of the numbers that are read next. */
  littleEndian: boolean;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #what: string;
  readonly #code: ErrorCode;
  readonly #end: number;
  #at: number;

  constructor(
    bytes: Uint8Array,
    { what, code, start = 0, end = bytes.length, littleEndian = false }: ByteReaderOptions,
  ) {
    this.#bytes = bytes;
    this.#view = viewOf(bytes);
    this.#what = what;
    this.#code = code;
    this.#at = start;
    this.#end = end;
    this.littleEndian = littleEndian;
  }

  /** Position of the next octet, counted from the start of `bytes`. */
  get offset(): number {
    return this.#at;
  }

  /** How many octets are left. */
  get left(): number {
    return this.#end - this.#at;
  }

  uint8(): number {
    return this.#view.getUint8(this.#take(1));
  }

  int16(): number {
    return this.#view.getInt16(this.#take(2), this.littleEndian);
  }

  uint16(): number {
    return this.#view.getUint16(this.#take(2), this.littleEndian);
  }

  uint24(): number {
    const start = this.#take(3);
    return this.#view.getUint8(start) * 2 ** 16 + this.#view.getUint16(start + 1);
  }

  int32(): number {
    return this.#view.getInt32(this.#take(4), this.littleEndian);
  }

  uint32(): number {
    return this.#view.getUint32(this.#take(4), this.littleEndian);
  }

  /** The next `length` octets, copied. */
  octets(length: number): Uint8Array {
    const start = this.#take(length);
    return copy(this.#bytes, start, start + length);
  }

  /**
   * The octets up to the next NUL, copied; the NUL is read but not returned.
   * @param maxLength  in octets, with the NUL
   */
  untilNul(maxLength: number): Uint8Array {
    const end = this.#bytes.subarray(this.#at, Math.min(this.#at + maxLength, this.#end)).indexOf(0);
    if (end < 0) throw this.error(`no NUL in the next ${maxLength} octets`);
    const octets = this.octets(end);
    this.#at++;
    return octets;
  }

  /** A reader of the next `length` octets; this one continues after them. */
  part(length: number): ByteReader {
    const start = this.#take(length);
    const { littleEndian } = this;
    return new ByteReader(this.#bytes, {
      what: this.#what,
      code: this.#code,
      start,
      end: start + length,
      littleEndian,
    });
  }

  /** @throws FtpSecurityError if octets are left */
  assertEnd(): void {
    if (this.left > 0) throw this.error(`${this.left} octets after its end`);
  }

  /** An error at the current position. */
  error(message: string): FtpSecurityError {
    return new FtpSecurityError(this.#code, `${this.#what}: ${message}`, { offset: this.#at });
  }

  #take(length: number): number {
    if (length > this.left) throw this.error(`${length} octets expected, ${this.left} left`);
    this.#at += length;
    return this.#at - length;
  }
}
