/** Time limits of many connections, watched by one coarse timer. */

/** Accuracy of a server's time limits, in milliseconds. */
export const TICK = 1000;

interface Deadline<T> {
  /** Number of the tick with which it expires. */
  tick: number;
  onExpire: (item: T) => void;
}

/**
 * At most one deadline for each item. It passes after the given time, at the latest two ticks later.
 *
 * A timer of its own for every connection costs more than the rest of a small request. Here setting
 * and lifting a deadline is one operation on a map, and does not look at the clock: ticks are counted.
 * A tick looks at every item, which for ten thousand of them is a fraction of a millisecond.
 * Time in which the event loop stands still does not count, so that nobody is blamed for it.
 */
export class Deadlines<T> {
  readonly #tickMs: number;
  readonly #deadlines = new Map<T, Deadline<T>>();
  #now = 0; // ticks since the beginning
  #timer: NodeJS.Timeout | undefined;

  /** @param tickMs time between two looks at the deadlines, in milliseconds */
  constructor(tickMs = TICK) {
    this.#tickMs = tickMs;
  }

  /** Items that have a deadline. */
  get size(): number {
    return this.#deadlines.size;
  }

  /**
   * Sets the deadline of an item, in place of the one that it may have.
   *
   * @param ms from now, in milliseconds; 0 or Infinity: it gets none
   * @param onExpire called once, when the deadline has passed and is no longer set
   */
  add(item: T, ms: number, onExpire: (item: T) => void): void {
    if (ms <= 0 || ms === Infinity) {
      this.#deadlines.delete(item);
      return;
    }
    // One tick more: the current one has already begun.
    const tick = this.#now + Math.ceil(ms / this.#tickMs) + 1;
    this.#deadlines.set(item, { tick, onExpire });
    // It never keeps the process alive.
    this.#timer ??= setInterval(() => this.#sweep(), this.#tickMs).unref();
  }

  /** Lifts the deadline of an item, if it has one. */
  delete(item: T): void {
    this.#deadlines.delete(item);
  }

  #sweep(): void {
    this.#now++;
    for (const [item, deadline] of this.#deadlines) {
      if (deadline.tick > this.#now) continue;
      this.#deadlines.delete(item);
      deadline.onExpire(item);
    }
    // Not as soon as the last deadline is lifted: the next request would start the timer again.
    if (this.#deadlines.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
