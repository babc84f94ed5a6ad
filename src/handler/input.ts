/** `wsgi.input`: the request body as the application reads it. */

import { ByteQueue, EMPTY, asBuffer } from '../bytes.ts';
import { InputError } from '../errors.ts';
import type { LimitError } from '../errors.ts';
import { HIGH_WATER_MARK } from '../limits.ts';
import { Overflow } from '../resources/overflow.ts';
import type { Resources } from '../resources/resources.ts';
import type { Input } from '../types.ts';

/** Where the body comes from: the gateway's side of an {@link InputStream}. */
export interface InputSource {
  /**
   * Bytes are wanted. The first call means that the application reads at all (`Expect: 100-continue`
   * is answered then); later ones follow a {@link pause}.
   */
  resume(): void;
  /**
   * Enough is waiting: stop delivering as soon as possible. What still comes is kept, not lost. May be called more than
   * once before {@link resume}.
   */
  pause(): void;
}

/** Bytes that a body holds in memory when nobody reads it: up to the mark, and what one more read of a socket brings. */
export const BODY_SHARE = 2 * HIGH_WATER_MARK;

const NO_SOURCE: InputSource = { resume() {}, pause() {} };

interface Waiter {
  /** Tries again after something has changed. @returns whether it is settled */
  attempt(): boolean;
}

const DONE: IteratorReturnResult<undefined> = { done: true, value: undefined };

/**
 * A body of known length, filled by a gateway through `push`, `end` and `destroy`.
 *
 *     push → overflow, once it is spilled → queue → read
 *
 * It ends at its length whatever the transport holds; the rest of the transport is not its own.
 */
export class InputStream implements Input {
  readonly #source: InputSource;
  readonly #queue = new ByteQueue();
  #remaining: number; // bytes of the body that have not been pushed; Infinity when only the end tells
  #started = false;
  #paused = false;
  #ended: boolean;
  #error: Error | undefined;
  #waiter: Waiter | undefined;
  #discarded = -1; // bytes thrown away, once the request is over
  readonly #resources: Resources | undefined;
  #held = 0; // what of their memory is counted as this body's
  #overflow: Overflow | undefined; // what lies behind the queue
  #taken = 0;

  /**
   * @param length of the body in bytes (CONTENT_LENGTH); -1 when it ends with the stream
   * @param source is told when to deliver; default: nobody is
   */
  constructor(length: number, source?: InputSource);
  /**
   * @param resources of the server, of which the body takes its part; default: without limits, and without a spool
   * @internal
   */
  constructor(length: number, source?: InputSource, resources?: Resources);
  constructor(length: number, source: InputSource = NO_SOURCE, resources?: Resources) {
    this.#source = source;
    this.#remaining = length < 0 ? Infinity : length;
    this.#ended = length === 0;
    this.#resources = resources;
    if (!this.#ended) this.#account();
  }

  // ---- the application's side

  read(size?: number): Promise<Buffer> {
    if (size === undefined || size < 0) return this.#wait(() => this.#takeAll());
    return this.#wait(() => this.#takeSome(size));
  }

  readline(limit = -1): Promise<Buffer> {
    let searched = 0;
    return this.#wait(() => {
      const max = limit < 0 ? Infinity : limit;
      const newline = this.#queue.indexOf(0x0a, searched);
      searched = this.#queue.length;
      if (newline >= 0) return this.#take(Math.min(newline + 1, max));
      if (searched >= max || this.#isHere) return this.#take(max);
      return undefined;
    });
  }

  async readlines(hint = -1): Promise<Buffer[]> {
    const lines: Buffer[] = [];
    let total = 0;
    for await (const line of this.lines()) {
      lines.push(line);
      total += line.length;
      if (hint > 0 && total >= hint) break;
    }
    return lines;
  }

  async *lines(): AsyncIterableIterator<Buffer> {
    for (let line = await this.readline(); line.length > 0; line = await this.readline()) {
      yield line;
    }
  }

  /** Iterates over chunks of at most 65,536 bytes. */
  // By hand: a generator would hold on to its last chunk, and take more promises for each.
  [Symbol.asyncIterator](): AsyncIterableIterator<Buffer> {
    let isOver = false;
    const iterator: AsyncIterableIterator<Buffer> = {
      [Symbol.asyncIterator]: () => iterator,
      next: () => (isOver ? Promise.resolve(DONE) : this.read(HIGH_WATER_MARK).then(step, fail)),
      return() {
        isOver = true;
        return Promise.resolve(DONE);
      },
    };
    function step(chunk: Buffer): IteratorResult<Buffer> {
      if (chunk.length > 0) return { done: false, value: chunk };
      isOver = true;
      return DONE;
    }
    function fail(error: unknown): never {
      isOver = true;
      throw error;
    }
    return iterator;
  }

  // ---- the gateway's side

  /** Whether the whole body has come in (it may not have been read yet). */
  get complete(): boolean {
    return this.#ended;
  }

  /** Bytes that are waiting to be read, in memory. */
  get buffered(): number {
    return this.#queue.length;
  }

  /** Bytes that the application has taken. */
  get taken(): number {
    return this.#taken;
  }

  /** Whether reads fail, and what still comes is thrown away. */
  get failed(): boolean {
    return this.#error !== undefined || this.#discarded >= 0;
  }

  /**
   * Delivers bytes. They are not copied: the caller must not use the memory again.
   *
   * @returns how many of them belong to the body; the rest lies behind its end
   */
  push(bytes: Uint8Array): number {
    if (this.#ended || this.#error !== undefined) return 0;
    const own = bytes.length > this.#remaining ? bytes.subarray(0, this.#remaining) : bytes;
    this.#remaining -= own.length;
    if (this.#remaining === 0) this.#ended = true;
    if (this.#discarded >= 0) this.#discarded += own.length;
    else if (this.#overflow?.isOpen === true) this.#store(asBuffer(own), this.#overflow);
    else this.#queue.push(asBuffer(own));
    this.#wake();
    this.#account();
    this.#checkMemory();
    this.#throttle();
    return own.length;
  }

  /**
   * Lets what comes from now on wait in a file, so that the connection can be read although the application does not
   * read: until it has taken all that is stored.
   *
   * @returns undefined when more may be delivered; `'later'` while the disk is behind; or why nothing more can be stored
   * @internal
   */
  spill(): LimitError | 'later' | undefined {
    if (this.failed || this.#ended || this.#resources === undefined) return undefined;
    this.#overflow ??= new Overflow(this.#resources.spool);
    return this.#overflow.open();
  }

  /**
   * The transport has ended. Short of the announced length, that is an error.
   *
   * @returns whether the body is complete
   */
  end(): boolean {
    if (this.#ended) return true;
    if (this.#error !== undefined) return false;
    if (this.#remaining !== Infinity) {
      this.destroy(
        new InputError(
          'ERR_POSTERN_INPUT_SHORT',
          `the request body ended ${this.#remaining} bytes before CONTENT_LENGTH`,
        ),
      );
      return false;
    }
    this.#ended = true;
    this.#remaining = 0;
    this.#account();
    this.#wake();
    return true;
  }

  /** Nothing more will come: pending and later reads reject with `error`. */
  destroy(error: Error): void {
    if (this.failed) return;
    this.#error = error;
    this.#empty();
    this.#wake();
    this.#release();
  }

  /**
   * The request is over: what is unread is thrown away, and what still comes is counted.
   * Reads fail from now on.
   */
  discard(): void {
    if (this.#discarded >= 0) return;
    this.#discarded = this.#queue.length + (this.#overflow?.length ?? 0);
    this.#empty();
    const waiter = this.#waiter;
    this.#waiter = undefined;
    this.#release();
    waiter?.attempt();
  }

  /** Nothing that waits will be read. */
  #empty(): void {
    this.#queue.clear();
    this.#overflow?.close();
    this.#account();
  }

  /** What still comes is only to be out of the way. */
  #release(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#source.resume();
  }

  /** Bytes thrown away since {@link discard}. */
  get discarded(): number {
    return Math.max(0, this.#discarded);
  }

  // ---- between the two

  #wait(take: () => Buffer | undefined): Promise<Buffer> {
    if (this.#waiter !== undefined) {
      return Promise.reject(
        new InputError('ERR_POSTERN_INPUT_STATE', 'another read of wsgi.input is still pending'),
      );
    }
    return new Promise((resolve, reject) => {
      const attempt = (): boolean => {
        if (this.#discarded >= 0) {
          reject(
            new InputError('ERR_POSTERN_INPUT_STATE', 'wsgi.input was read after the request'),
          );
          return true;
        }
        if (this.#error !== undefined) {
          reject(this.#error);
          return true;
        }
        const bytes = take();
        if (bytes === undefined) return false;
        resolve(bytes);
        return true;
      };
      if (attempt()) return;
      this.#waiter = { attempt };
      this.#demand();
    });
  }

  #wake(): void {
    const waiter = this.#waiter;
    if (waiter === undefined) return;
    if (waiter.attempt()) this.#waiter = undefined;
  }

  #demand(): void {
    if (this.#overflow?.isOpen === true) {
      this.#load(this.#overflow);
      return;
    }
    if (this.#started && !this.#paused) return;
    this.#started = true;
    this.#paused = false;
    this.#source.resume();
  }

  #throttle(): void {
    // A reader that waits for more than the mark (readline, read to the end) gets it: memory is then
    // what the application asked for.
    if (this.#paused || this.#waiter !== undefined || this.#ended || this.failed) return;
    if (this.#queue.length < HIGH_WATER_MARK) return;
    this.#paused = true;
    this.#source.pause();
  }

  /** Whether all of the body is in memory. */
  get #isHere(): boolean {
    return this.#ended && this.#overflow?.isOpen !== true;
  }

  #takeAll(): Buffer | undefined {
    return this.#isHere ? this.#take(Infinity) : undefined;
  }

  #takeSome(size: number): Buffer | undefined {
    if (size === 0) return EMPTY;
    if (this.#queue.length === 0) return this.#isHere ? EMPTY : undefined;
    const piece = this.#queue.shift(size);
    this.#noteTaken(piece.length);
    return piece;
  }

  #take(size: number): Buffer {
    const bytes = this.#queue.take(size);
    this.#noteTaken(bytes.length);
    return bytes;
  }

  #noteTaken(length: number): void {
    this.#taken += length;
    this.#account();
    // Half a mark of hysteresis: the source is not stopped and started for every chunk.
    if (!this.#paused || this.#queue.length > HIGH_WATER_MARK / 2) return;
    this.#demand();
  }

  // ---- what lies behind the queue

  #store(bytes: Buffer, overflow: Overflow): void {
    const takesMore = overflow.append(bytes);
    if (this.#waiter !== undefined) this.#load(overflow);
    if (!takesMore && !this.#ended) this.#source.pause();
  }

  /** Moves bytes to the queue, while somebody waits for them or there is room. */
  #load(overflow: Overflow): void {
    if (overflow.length === 0) {
      overflow.close(); // nothing has come since it was opened
      this.#wake();
      if (this.#paused && !this.#ended) this.#demand();
      return;
    }
    overflow.load((error, bytes) => {
      if (error !== undefined) {
        this.destroy(new InputError('ERR_POSTERN_INPUT_SPOOL', error.message));
        return;
      }
      this.#queue.push(bytes);
      this.#account();
      this.#checkMemory();
      this.#wake();
      if (this.#waiter !== undefined || this.#queue.length <= HIGH_WATER_MARK / 2) this.#demand();
    });
  }

  // ---- memory

  /** Counts what the body holds, or may hold before anybody is asked again. */
  #account(): void {
    const resources = this.#resources;
    if (resources === undefined) return;
    const waiting = this.#queue.length;
    const expected = waiting + this.#remaining + (this.#overflow?.length ?? 0);
    const held = this.failed ? 0 : Math.max(waiting, Math.min(expected, BODY_SHARE));
    resources.held += held - this.#held;
    this.#held = held;
  }

  /** A reader that wants all of a long body at once may not get it. */
  #checkMemory(): void {
    if (this.#held <= BODY_SHARE) return;
    const shortage = this.#resources!.shortage;
    if (shortage !== undefined) this.destroy(shortage);
  }
}
