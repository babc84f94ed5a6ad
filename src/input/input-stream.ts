/** `wsgi.input` as the gateway fills it: flow control, limits, and the ends that a body can have. */

import { ByteQueue, asBuffer } from '../bytes.ts';
import { InputError } from '../errors.ts';
import type { LimitError } from '../errors.ts';
import { HIGH_WATER_MARK } from '../limits.ts';
import { Overflow } from '../resources/overflow.ts';
import type { Resources } from '../resources/resources.ts';
import { InputReader } from './input-reader.ts';
import type { InputSource } from './input-source.ts';

/** Bytes that a body holds in memory when nobody reads it: up to the mark, and what one more read of a socket brings. */
export const BODY_SHARE = 2 * HIGH_WATER_MARK;

const NO_SOURCE: InputSource = { resume() {}, pause() {} };

/**
 * A body of known length, filled by a gateway through `push`, `end` and `destroy`.
 *
 *     push → overflow, once it is spilled → queue → read
 *
 * It ends at its length whatever the transport holds; the rest of the transport is not its own.
 */
export class InputStream extends InputReader {
  readonly #source: InputSource;
  /** @internal */
  protected override readonly queue = new ByteQueue();
  #remaining: number; // bytes of the body that have not been pushed; Infinity when only the end tells
  #started = false;
  #paused = false;
  #ended: boolean;
  #error: Error | undefined;
  #retry: (() => boolean) | undefined; // of the read that is pending: tells whether it is settled now
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
    super();
    this.#source = source;
    this.#remaining = length < 0 ? Infinity : length;
    this.#ended = length === 0;
    this.#resources = resources;
    if (!this.#ended) this.#account();
  }

  // ---- the gateway's side

  /** Whether the whole body has come in (it may not have been read yet). */
  get complete(): boolean {
    return this.#ended;
  }

  /** Bytes that are waiting to be read, in memory. */
  get buffered(): number {
    return this.queue.length;
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
    else this.queue.push(asBuffer(own));
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
    this.#discarded = this.queue.length + (this.#overflow?.length ?? 0);
    this.#empty();
    const retry = this.#retry;
    this.#retry = undefined;
    this.#release();
    retry?.();
  }

  /** Nothing that waits will be read. */
  #empty(): void {
    this.queue.clear();
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

  /** @internal */
  protected override whenAvailable(take: () => Buffer | undefined): Promise<Buffer> {
    if (this.#retry !== undefined) {
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
      this.#retry = attempt;
      this.#demand();
    });
  }

  #wake(): void {
    if (this.#retry?.() === true) this.#retry = undefined;
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
    if (this.#paused || this.#retry !== undefined || this.#ended || this.failed) return;
    if (this.queue.length < HIGH_WATER_MARK) return;
    this.#paused = true;
    this.#source.pause();
  }

  /** @internal */
  protected override get isWhole(): boolean {
    return this.#ended && this.#overflow?.isOpen !== true;
  }

  /** @internal */
  protected override noteTaken(length: number): void {
    this.#taken += length;
    this.#account();
    // Half a mark of hysteresis: the source is not stopped and started for every chunk.
    if (!this.#paused || this.queue.length > HIGH_WATER_MARK / 2) return;
    this.#demand();
  }

  // ---- what lies behind the queue

  #store(bytes: Buffer, overflow: Overflow): void {
    const takesMore = overflow.append(bytes);
    if (this.#retry !== undefined) this.#load(overflow);
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
      this.queue.push(bytes);
      this.#account();
      this.#checkMemory();
      this.#wake();
      if (this.#retry !== undefined || this.queue.length <= HIGH_WATER_MARK / 2) this.#demand();
    });
  }

  // ---- memory

  /** Counts what the body holds, or may hold before anybody is asked again. */
  #account(): void {
    const resources = this.#resources;
    if (resources === undefined) return;
    const waiting = this.queue.length;
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
