/** What all connections of a FastCGI server share. */

import type { Deadlines } from '../../src/deadlines.ts';
import type { ApplicationFunction, Log } from '../../src/types.ts';
import type { FastCgiLimits, FastCgiOptions } from './options.ts';
import type { ParamsDecoder } from './params.ts';

export interface Gateway {
  readonly application: ApplicationFunction;
  readonly options: FastCgiOptions;
  readonly limits: FastCgiLimits;
  readonly log: Log;
  readonly decoder: ParamsDecoder;
  readonly deadlines: Deadlines<object>;
  /** Requests in flight on all connections: from BEGIN_REQUEST to END_REQUEST. */
  requests: number;
  /** The server waits for it when it stops. */
  track(run: PromiseLike<void>): void;
}
