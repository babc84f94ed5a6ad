/** A request whose PARAMS are not complete. */

import { EMPTY } from '../../src/bytes.ts';
import type { Role } from '../../src/types.ts';

export class Opening {
  readonly id: number;
  readonly role: Role;
  /** PARAMS so far: `bytes` from `start` to `end`. They mostly come all at once: no copy is made then, see {@link keep}. */
  bytes: Buffer = EMPTY;
  start = 0;
  end = 0;
  /** Whether there is a time limit for it: only if PARAMS did not come in one piece with BEGIN_REQUEST. */
  isWatched = false;
  #isOwn = false; // whether `bytes` is a buffer of ours that may be written to

  constructor(id: number, role: Role) {
    this.id = id;
    this.role = role;
  }

  /** Bytes of PARAMS so far. */
  get size(): number {
    return this.end - this.start;
  }

  /**
   * Adds to PARAMS. Where they come in many records they are kept in a buffer that doubles, so that a peer
   * that sends them byte by byte does not make for a copy of all of them each time.
   */
  add(bytes: Buffer, start: number, end: number): void {
    const { size } = this;
    if (size === 0) {
      this.bytes = bytes;
      this.start = start;
      this.end = end;
      return;
    }
    const total = size + end - start;
    if (!this.#isOwn || this.bytes.length < total) this.#move(2 * total);
    bytes.copy(this.bytes, size, start, end);
    this.end = total;
  }

  /** What was added is about to be overwritten. */
  keep(): void {
    if (!this.#isOwn && this.size > 0) this.#move(this.size);
  }

  #move(capacity: number): void {
    const { size } = this;
    const larger = Buffer.allocUnsafe(capacity);
    this.bytes.copy(larger, 0, this.start, this.end);
    this.bytes = larger;
    this.start = 0;
    this.end = size;
    this.#isOwn = true;
  }
}
