/** The async contexts of requests: what `AsyncLocalStorage` keeps for them (src/README.md, rule 22). */

import { AsyncResource } from 'node:async_hooks';

/**
 * Async contexts for the requests of one gateway, each equal to the one in which this object was made.
 *
 * The context of the event that starts a request would not do. On Node 20 a socket keeps what one request sets with
 * `enterWith`, for all requests that follow. A pipelined request starts when the response before it is closed, in the
 * context of that response.
 */
export class RequestContexts {
  /** The context of the next request. Nothing has run in it yet. */
  next = createContext();

  /** Makes the context after {@link next}. Called in it, before the application may change it. */
  renew(): void {
    this.next = createContext();
  }
}

/** A context equal to the current one. */
function createContext(): AsyncResource {
  return new AsyncResource('PosternRequest');
}
