/** Pipelined requests that wait for their turn (RFC 9112 § 9.3.2). */

import type { IncomingMessage, ServerResponse } from 'node:http';

import { HIGH_WATER_MARK } from '../../src/limits.ts';

/** A request and its response, as node:http hands them out. */
export interface Exchange {
  request: IncomingMessage;
  response: ServerResponse;
  /** Whether the client waits for `100 Continue` before it sends the body. */
  expects: boolean;
}

/** As many as clients are known to send at once (apt 10, load generators 16). */
const MAX_WAITING = 16;

/** Bytes of their heads and bodies together: plenty for that many requests without a body. */
const MAX_WAITING_BYTES = 16 * 1024;

/** Responses that are complete and may wait for those before them to be sent. */
const MAX_UNSENT = 64;

/** The requests of one connection that have come before their turn: few, and small. */
export class Pipeline {
  readonly #waiting: Exchange[] = [];
  #bytes = 0;
  #unsent = 0; // responses behind the one that is being sent
  #unsentBytes = 0; // of them

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  /**
   * Whether a request may be served after those that were; it counts as served then.
   *
   * @param last the response to the last of them: it is sent, or complete and one of a few that are not sent yet
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

  /** @returns false when there is no room for it */
  add(exchange: Exchange): boolean {
    const bytes = this.#bytes + sizeOf(exchange.request);
    if (this.#waiting.length === MAX_WAITING || bytes > MAX_WAITING_BYTES) return false;
    this.#waiting.push(exchange);
    this.#bytes = bytes;
    return true;
  }

  /** Takes out the next. */
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
 * Bytes that a request holds, or will when its body has come. Less than that never makes node:http stop reading, so
 * that the end of the connection is seen.
 */
function sizeOf({ url, rawHeaders, headers }: IncomingMessage): number {
  if (headers['transfer-encoding'] !== undefined) return Infinity;
  let bytes = url!.length + Number(headers['content-length'] ?? 0);
  for (const text of rawHeaders) bytes += text.length;
  return bytes;
}
