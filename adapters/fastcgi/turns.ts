/** With multiplexing off: requests that have come while another one is served wait for their turn. */

import { AsyncResource } from 'node:async_hooks';

import type { Opening } from './opening.ts';

export class Turns {
  readonly #waiting: Opening[] = [];
  readonly #takeNext: () => void;

  /**
   * @param isFree whether no request is being served
   * @param take starts a request that has waited; it may be over at once
   * @param onNone called when nobody waits any more
   */
  constructor(isFree: () => boolean, take: (opening: Opening) => void, onNone: () => void) {
    const takeNext = (): void => {
      while (isFree() && !this.isEmpty) take(this.#waiting.shift()!);
      if (isFree()) onNone();
    };
    // Not in the async context of the request that has just ended.
    this.#takeNext = AsyncResource.bind(takeNext);
  }

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  add(opening: Opening): void {
    opening.isComplete = true;
    this.#waiting.push(opening);
  }

  /** One is not to have its turn: it was aborted, or refused. */
  delete(opening: Opening): void {
    const at = this.#waiting.indexOf(opening);
    if (at >= 0) this.#waiting.splice(at, 1);
  }

  /** A request is over. @returns whether somebody waits, and is taken in a moment */
  next(): boolean {
    if (this.isEmpty) return false;
    setImmediate(this.#takeNext);
    return true;
  }
}
