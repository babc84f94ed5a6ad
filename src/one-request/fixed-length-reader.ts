/** Collects a known number of bytes from chunks as they come. No I/O, no clock. */

import { EMPTY } from '../bytes.ts';

/** Smallest size of the buffer, in bytes. */
const FIRST_SIZE = 1024;

/**
 * Reads a known number of bytes into a byte string. Nearly always they lie within one chunk, and then no buffer is
 * needed. Otherwise the buffer grows with the bytes that have come, never with the number that was announced.
 */
export class FixedLengthReader {
  readonly #size: number;
  #buffer: Buffer = EMPTY;
  #length = 0;
  /** All bytes as a byte string, once they have come. */
  text = '';

  /** @param size number of bytes to read */
  constructor(size: number) {
    this.#size = size;
  }

  /**
   * Takes bytes from a chunk.
   *
   * @param start index of the first byte to take
   * @returns index behind the last byte; -1 while more are needed
   */
  push(chunk: Buffer, start: number): number {
    const end = start + this.#size - this.#length;
    if (end > chunk.length) {
      this.#keep(chunk, start, chunk.length);
      return -1;
    }
    if (this.#length === 0) {
      this.text = chunk.toString('latin1', start, end);
    } else {
      this.#keep(chunk, start, end);
      this.text = this.#buffer.toString('latin1', 0, this.#size);
      this.#buffer = EMPTY;
    }
    return end;
  }

  #keep(chunk: Buffer, start: number, end: number): void {
    const length = this.#length + end - start;
    if (length > this.#buffer.length) {
      const grown = Buffer.allocUnsafe(Math.min(this.#size, Math.max(FIRST_SIZE, 2 * length)));
      this.#buffer.copy(grown, 0, 0, this.#length);
      this.#buffer = grown;
    }
    chunk.copy(this.#buffer, this.#length, start, end);
    this.#length = length;
  }
}
