/** Pipelined requests that wait for their turn (RFC 9112 § 9.3.2). */

import type { IncomingMessage, ServerResponse } from 'node:http';

import { HIGH_WATER_MARK } from '../../src/limits.ts';

/** A request and its response, as node:http hands them out. */
export interface Exchange {
  request: IncomingMessage;
  response: ServerResponse;
  /** Whether the client waits for `100 Continue` before it sends the body. */
  expectsContinue: boolean;
}

/** Requests that may wait. Clients send at most 16 at once (apt 10, load generators 16). */
const MAX_WAITING = 16;

/** Bytes of their heads and bodies together. That is plenty for 16 requests without a body. */
const MAX_WAITING_BYTES = 16 * 1024;

/** Complete responses that may wait for the ones before them to be sent. */
const MAX_UNSENT = 64;

/** The requests of one connection that have come before their turn. */
export class Pipeline {
  readonly #waiting: Exchange[] = [];
  #bytes = 0;
  #unsent = 0; // responses that wait for the one that is being sent
  #unsentBytes = 0; // of these responses

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  /**
   * Whether the next request may be served. It is then counted as served.
   *
   * @param last the response to the request before. It must have been sent, or be complete and one of a few that wait
   */
  mayFollow(last: ServerResponse | undefined): boolean {
    if (last === undefined || last.closed) {
      this.#unsent = 0;
      this.#unsentBytes = 0;
      return true;
    }
    const bytes = this.#unsentBytes + last.writableLength;
    if (!last.writableEnded || this.#unsent === MAX_UNSENT || bytes > HIGH_WATER_MARK) return false;
    this.#unsent++;
    this.#unsentBytes = bytes;
    return true;
  }

  /** @returns false when too many requests wait already */
  add(exchange: Exchange): boolean {
    const bytes = this.#bytes + sizeOf(exchange.request);
    if (this.#waiting.length === MAX_WAITING || bytes > MAX_WAITING_BYTES) return false;
    this.#waiting.push(exchange);
    this.#bytes = bytes;
    return true;
  }

  /** Removes the next request, and returns it. */
  shift(): Exchange | undefined {
    const next = this.#waiting.shift();
    if (next !== undefined) this.#bytes -= sizeOf(next.request);
    return next;
  }

  clear(): void {
    this.#waiting.length = 0;
    this.#bytes = 0;
  }
}

/**
 * Bytes of a request, with its whole body. While few of them wait, node:http goes on reading, so that the end of the
 * connection is seen.
 */
function sizeOf({ url, rawHeaders, headers }: IncomingMessage): number {
  if (headers['transfer-encoding'] !== undefined) return Infinity;
  let bytes = url!.length + Number(headers['content-length'] ?? 0);
  for (const text of rawHeaders) bytes += text.length;
  return bytes;
}
