/** Reads the numbers and counted strings of Kerberos files in sequence, never past the end of its part of the file. */
import { copy, viewOf } from '../../../bytes.js';
import { FtpSecurityError } from '../../../errors.js';
import type { Range } from '../messages/der.js';

/** Every method throws FtpSecurityError `syntax/bad-file`, with the offset in the file, where octets are missing. */
export class FileReader {
  /** What the file is, for errors. */
  readonly #file: string;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #end: number;
  readonly #littleEndian: boolean;
  #at: number;

  constructor(file: string, { bytes, start, end }: Range, littleEndian = false) {
    this.#file = file;
    this.#bytes = bytes;
    this.#view = viewOf(bytes);
    this.#at = start;
    this.#end = end;
    this.#littleEndian = littleEndian;
  }

  get offset(): number {
    return this.#at;
  }

  get left(): number {
    return this.#end - this.#at;
  }

  uint8(): number {
    return this.#view.getUint8(this.#take(1));
  }

  int16(): number {
    return this.#view.getInt16(this.#take(2), this.#littleEndian);
  }

  uint16(): number {
    return this.#view.getUint16(this.#take(2), this.#littleEndian);
  }

  int32(): number {
    return this.#view.getInt32(this.#take(4), this.#littleEndian);
  }

  uint32(): number {
    return this.#view.getUint32(this.#take(4), this.#littleEndian);
  }

  octets(length: number): Uint8Array {
    const start = this.#take(length);
    return copy(this.#bytes, start, start + length);
  }

  /** A reader of the next `length` octets; this one goes on after them. */
  part(length: number): FileReader {
    const start = this.#take(length);
    return new FileReader(this.#file, { bytes: this.#bytes, start, end: start + length }, this.#littleEndian);
  }

  #take(length: number): number {
    const start = this.#at;
    if (length > this.left) {
      throw new FtpSecurityError('syntax/bad-file', `${this.#file}: ${length} octets owed, ${this.left} left`, {
        offset: start,
      });
    }
    this.#at += length;
    return start;
  }
}
