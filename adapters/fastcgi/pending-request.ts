/** A request whose application has not been started: its PARAMS are incomplete, or it waits in the queue. */

import { ByteQueue, EMPTY } from '../../src/bytes.ts';
import type { InputStream } from '../../src/input/input-stream.ts';
import { HIGH_WATER_MARK } from '../../src/limits.ts';
import type { Role } from '../../src/types.ts';

export class PendingRequest {
  readonly id: number;
  readonly role: Role;
  /**
   * PARAMS so far: `params` from `start` to `end`. Most requests send all of them in one piece. That piece is used
   * where it lies, without a copy, until {@link copyParams}.
   */
  params: Buffer = EMPTY;
  start = 0;
  end = 0;
  /** Whether it waits in the queue: PARAMS are complete, and another request is being served. */
  isQueued = false;
  /** Whether a time limit is set: only if PARAMS did not end in the same read as BEGIN_REQUEST. */
  isWatched = false;
  /** Bytes that this request has added to the server's memory count. */
  held = 0;
  #isCopy = false; // `params` is our own buffer: we may write to it
  readonly #stdin = new ByteQueue(); // what has come while the request waits in the queue
  #stdinEnded = false;

  constructor(id: number, role: Role) {
    this.id = id;
    this.role = role;
  }

  /** Bytes of PARAMS so far. */
  get paramsSize(): number {
    return this.end - this.start;
  }

  /** Bytes of memory that it keeps for itself. */
  get memory(): number {
    return this.#stdin.length + (this.#isCopy ? this.params.length : 0);
  }

  /** Keeps STDIN until the request is started. @returns false when that is too much */
  addStdin(bytes: Buffer): boolean {
    if (this.#stdin.length + bytes.length > HIGH_WATER_MARK) return false;
    this.#stdin.push(Buffer.from(bytes));
    return true;
  }

  /** STDIN has ended before the request is started. */
  endStdin(): void {
    this.#stdinEnded = true;
  }

  /** Moves STDIN so far into `wsgi.input`. */
  moveStdinTo(input: InputStream): void {
    while (this.#stdin.length > 0) input.push(this.#stdin.shift(Infinity));
    if (this.#stdinEnded) input.end();
  }

  /**
   * Adds a piece of PARAMS. Several pieces are collected in a buffer that doubles. So a peer that sends single bytes
   * does not cause a copy of all PARAMS for each of them.
   */
  addParams(bytes: Buffer, start: number, end: number): void {
    const size = this.paramsSize;
    if (size === 0) {
      this.params = bytes;
      this.start = start;
      this.end = end;
      return;
    }
    const total = size + end - start;
    if (!this.#isCopy || this.params.length < total) this.#copyInto(2 * total);
    bytes.copy(this.params, size, start, end);
    this.end = total;
  }

  /** Copies PARAMS: the memory where they lie is about to be overwritten by the next read. */
  copyParams(): void {
    if (!this.#isCopy && this.paramsSize > 0) this.#copyInto(this.paramsSize);
  }

  #copyInto(capacity: number): void {
    const size = this.paramsSize;
    const copy = Buffer.allocUnsafe(capacity);
    this.params.copy(copy, 0, this.start, this.end);
    this.params = copy;
    this.start = 0;
    this.end = size;
    this.#isCopy = true;
  }
}
