/** Requests that wait because another one is being served: only with multiplexing off. */

import type { PendingRequest } from './pending-request.ts';

export class RequestQueue {
  readonly #requests: PendingRequest[] = [];
  readonly #startWaiting: () => void;

  /**
   * @param isFree whether no request is being served
   * @param start starts a request; it may end at once
   * @param onIdle called when the queue is empty and no request is being served
   */
  constructor(isFree: () => boolean, start: (request: PendingRequest) => void, onIdle: () => void) {
    this.#startWaiting = (): void => {
      while (isFree() && !this.isEmpty) start(this.#requests.shift()!);
      if (isFree()) onIdle();
    };
  }

  get isEmpty(): boolean {
    return this.#requests.length === 0;
  }

  push(request: PendingRequest): void {
    this.#requests.push(request);
  }

  /** Removes a request that was aborted or refused. */
  delete(request: PendingRequest): void {
    const index = this.#requests.indexOf(request);
    if (index >= 0) this.#requests.splice(index, 1);
  }

  /** Starts the next request, in the next turn of the event loop. @returns whether there is one */
  startNext(): boolean {
    if (this.isEmpty) return false;
    setImmediate(this.#startWaiting);
    return true;
  }
}
