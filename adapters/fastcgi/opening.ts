/** A request that has not been started: its PARAMS are not complete, or it waits for its turn. */

import { ByteQueue, EMPTY } from '../../src/bytes.ts';
import type { InputStream } from '../../src/handler/input.ts';
import { HIGH_WATER_MARK } from '../../src/limits.ts';
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
  /** Bytes that are counted as its part of the server's memory. */
  held = 0;
  /** Whether PARAMS are complete. */
  isComplete = false;
  #isOwn = false; // whether `bytes` is a buffer of ours that may be written to
  readonly #body = new ByteQueue(); // STDIN that has come before the request's turn
  #bodyEnded = false;

  constructor(id: number, role: Role) {
    this.id = id;
    this.role = role;
  }

  /** Bytes of PARAMS so far. */
  get size(): number {
    return this.end - this.start;
  }

  /** Bytes of memory that are its own. */
  get ownSize(): number {
    return this.#body.length + (this.#isOwn ? this.bytes.length : 0);
  }

  /** Keeps STDIN until the request's turn. @returns false when that is too much */
  addBody(bytes: Buffer): boolean {
    if (this.#body.length + bytes.length > HIGH_WATER_MARK) return false;
    this.#body.push(Buffer.from(bytes));
    return true;
  }

  /** STDIN has ended before the request's turn. */
  endBody(): void {
    this.#bodyEnded = true;
  }

  /** Hands over what has come of STDIN. */
  moveBody(input: InputStream): void {
    while (this.#body.length > 0) input.push(this.#body.shift(Infinity));
    if (this.#bodyEnded) input.end();
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
