/** A block of known length, gathered from chunks as they come. No I/O, no clock. */

import { EMPTY } from '../bytes.ts';

/** What a block's first buffer holds at least, when it comes in pieces. */
const FIRST_SIZE = 1024;

/**
 * Gathers a block. One that lies within a single chunk, as it nearly always does, is not copied; for
 * another one memory grows with what has come, never with what was announced.
 */
export class Block {
  readonly #size: number;
  #buffer: Buffer = EMPTY;
  #length = 0;
  /** The whole block as a byte string, once it is complete. */
  text = '';

  /** @param size of the block in bytes */
  constructor(size: number) {
    this.#size = size;
  }

  /**
   * Takes from a chunk what belongs to the block.
   *
   * @param start where the block begins, or goes on
   * @returns where it ends in this chunk; -1 while it is not complete
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
