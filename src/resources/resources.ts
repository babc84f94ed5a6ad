/** What all requests of a server use together, and its limits: their number, memory, disk. */

import type { Deadlines } from './deadlines.ts';
import { LimitError } from '../errors.ts';
import {
  MAX_BUFFERED_SIZE,
  MAX_CONCURRENT_REQUESTS,
  MAX_SPOOL_SIZE,
  MAX_SPOOL_TOTAL_SIZE,
  RESPONSE_TIMEOUT,
  UNREAD_TIMEOUT,
} from '../limits.ts';
import type { OptionNames } from '../options.ts';
import { Spool } from '../files/spool.ts';
import type { Log } from '../types.ts';

/** Limits that all servers have, most of them for all of their requests together. Sizes are in bytes, times in milliseconds. */
export interface ResourceLimits {
  /**
   * Milliseconds in which the application reads nothing of a body that waits for it; then reading it fails with a
   * {@link LimitError}. 0: no limit. Default 60,000.
   */
  unreadTimeout: number;
  /**
   * Milliseconds from the start of the application to the headers of its response; then the request is answered 503.
   * 0: no limit. Default 300,000.
   */
  responseTimeout: number;
  /**
   * Requests in flight, on all connections. A further one is answered 503. A request counts until the application is
   * through with it, even if the client has left. Default 4,096.
   */
  maxConcurrentRequests: number;
  /**
   * Bytes that all connections together hold in memory of variables, heads and bodies. With more, new requests are
   * answered 503. Over HTTP, where each open connection counts with its `maxHeaderSize`, new connections are closed.
   * Default 268,435,456 (256 MiB).
   */
  maxBufferedSize: number;
  /**
   * Bytes of one body that are stored in a temporary file, because the application does not read them. With more, the
   * connection is not read; a request that shares it with others is answered 413. Default 268,435,456 (256 MiB).
   */
  maxSpoolSize: number;
  /**
   * Bytes in all of these files together. With more, the connection is not read; a request that shares it with others
   * is answered 503. Default 1,073,741,824 (1 GiB).
   */
  maxSpoolTotalSize: number;
}

/** Options of a server that stores what applications do not read. */
export interface SpoolOptions {
  /**
   * Folder for temporary files: what of a request body is not read, and does not fit in memory. Default `/var/tmp`,
   * which unlike `/tmp` is never memory (systemd's file-hierarchy(7)); where there is none, the system's own.
   */
  spoolDir?: string | undefined;
}

/** Names of {@link SpoolOptions}. */
export const SPOOL_OPTIONS: OptionNames<SpoolOptions> = { spoolDir: 'string' };

export const RESOURCE_DEFAULTS: ResourceLimits = {
  responseTimeout: RESPONSE_TIMEOUT,
  unreadTimeout: UNREAD_TIMEOUT,
  maxConcurrentRequests: MAX_CONCURRENT_REQUESTS,
  maxBufferedSize: MAX_BUFFERED_SIZE,
  maxSpoolSize: MAX_SPOOL_SIZE,
  maxSpoolTotalSize: MAX_SPOOL_TOTAL_SIZE,
};

/** Bytes of memory for a variable beside its text: two strings, and their places in the environ. Measured. */
const VARIABLE_OVERHEAD = 128;

/** Bytes of memory for the variables of a request. @param length of all names and values together */
export function sizeOfVariables(count: number, length: number): number {
  return length + count * VARIABLE_OVERHEAD;
}

/** The same. @param variables name, value, name, value … */
export function sizeOfVariableList(variables: readonly string[]): number {
  let length = 0;
  for (const text of variables) length += text.length;
  return sizeOfVariables(variables.length / 2, length);
}

/** What is in use now. */
export class Resources {
  readonly limits: ResourceLimits;
  readonly spool: Spool;
  /** Requests in flight. */
  requests = 0;
  /** Bytes in memory, without those that wait to be written to spool files. */
  held = 0;

  readonly #deadlines: Deadlines<object>;
  readonly #log: Log;

  constructor(
    limits: ResourceLimits,
    { spoolDir }: SpoolOptions,
    deadlines: Deadlines<object>,
    log: Log,
  ) {
    this.limits = limits;
    this.spool = new Spool(spoolDir, limits, log);
    this.#deadlines = deadlines;
    this.#log = log;
  }

  /** The limit on memory, if it is reached. */
  get shortage(): LimitError | undefined {
    const { maxBufferedSize } = this.limits;
    if (this.held + this.spool.pending < maxBufferedSize) return undefined;
    return new LimitError('maxBufferedSize', `more than maxBufferedSize (${maxBufferedSize})`);
  }

  /** Counts a request that is about to run. */
  begin(): Claim {
    return new Claim(this, this.#deadlines, this.#log);
  }

  /** The limit for which another request has to be refused; undefined if it can be taken. */
  get refusal(): LimitError | undefined {
    const { maxConcurrentRequests } = this.limits;
    if (this.requests < maxConcurrentRequests) return this.shortage;
    return new LimitError(
      'maxConcurrentRequests',
      `more than maxConcurrentRequests (${maxConcurrentRequests})`,
    );
  }
}

const noop = (): void => {};

/**
 * One request in flight, as {@link Resources} counts it. It counts until both its response and its run have ended.
 * It does not refer to the request itself: an application in which many requests hang must not fill memory.
 */
export class Claim {
  readonly #resources: Resources;
  readonly #deadlines: Deadlines<object>;
  readonly #log: Log;
  #size = 0;
  #ends = 1; // of the two; the run has ended already, unless untilRunEnds() is called

  /** Use {@link Resources.begin}. */
  constructor(resources: Resources, deadlines: Deadlines<object>, log: Log) {
    this.#resources = resources;
    this.#deadlines = deadlines;
    this.#log = log;
    resources.requests++;
  }

  /**
   * Counts the request until its run ends, which was asynchronous.
   *
   * @param size bytes of memory that the request holds until then, without its body
   * @returns a function to be called when the run ends
   */
  untilRunEnds(size: number): () => void {
    if (this.#ends === 2) return noop; // the response has ended: only its body is still being closed
    this.#ends--;
    this.#size = size;
    this.#resources.held += size;
    return () => {
      this.#deadlines.delete(this);
      this.#end();
    };
  }

  /**
   * The response has ended, or nobody waits for it any more. A run that goes on counts for another `responseTimeout`.
   * After that it is taken for one that never ends: such runs must not use up `maxConcurrentRequests`.
   */
  responseOver(): void {
    this.#end();
    if (this.#ends < 2) {
      this.#deadlines.add(this, this.#resources.limits.responseTimeout, () => this.#giveUp());
    }
  }

  #giveUp(): void {
    this.#log.warn('the application still runs, responseTimeout after its response or its client');
    this.#end();
  }

  #end(): void {
    if (++this.#ends !== 2) return;
    this.#resources.requests--;
    this.#resources.held -= this.#size;
  }
}

/** The memory that one connection holds for one purpose, as its share of the whole. */
export class Share {
  readonly #resources: Resources;
  #held = 0;

  constructor(resources: Resources) {
    this.#resources = resources;
  }

  /** @param bytes that are held now. They replace those of the last call. */
  set(bytes: number): void {
    this.#resources.held += bytes - this.#held;
    this.#held = bytes;
  }
}
