/** Time limits of many connections, on one coarse timer. */

/** Accuracy of a server's time limits, in milliseconds. */
export const TICK = 1000;

interface Deadline<T> {
  /** The tick at which it expires. */
  tick: number;
  onExpire: (item: T) => void;
}

/**
 * At most one deadline for each item. It expires after the given time, at most two ticks later.
 *
 * A timer for each connection costs more than the rest of a small request. Here, to set or to lift a deadline is one
 * operation on a map. Ticks are counted, so the clock is not read. A tick looks at every item: for ten thousand items it
 * takes a fraction of a millisecond. Time in which the event loop is blocked does not count, because no peer can help it.
 */
export class Deadlines<T> {
  readonly #tickMs: number;
  readonly #deadlines = new Map<T, Deadline<T>>();
  #now = 0; // ticks so far
  #timer: NodeJS.Timeout | undefined;

  /** @param tickMs length of a tick, in milliseconds */
  constructor(tickMs = TICK) {
    this.#tickMs = tickMs;
  }

  /** How many items have a deadline. */
  get size(): number {
    return this.#deadlines.size;
  }

  /**
   * Sets the deadline of an item. It replaces an earlier one.
   *
   * @param ms from now, in milliseconds. With 0 or Infinity there is no deadline.
   * @param onExpire called once, after the deadline was removed
   */
  add(item: T, ms: number, onExpire: (item: T) => void): void {
    if (ms <= 0 || ms === Infinity) {
      this.#deadlines.delete(item);
      return;
    }
    // One tick more: the current one has already begun.
    const tick = this.#now + Math.ceil(ms / this.#tickMs) + 1;
    this.#deadlines.set(item, { tick, onExpire });
    // unref: the timer must not keep the process alive.
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
    // The timer stops here, and not when the last deadline is lifted: the next request would start it again.
    if (this.#deadlines.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
