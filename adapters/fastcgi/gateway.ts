/** What all connections of a FastCGI server share. */

import type { Deadlines } from '../../src/resources/deadlines.ts';
import type { Resources } from '../../src/resources/resources.ts';
import type { ApplicationFunction, Log } from '../../src/types.ts';
import type { UnreadBodies } from '../../src/resources/unread-bodies.ts';
import type { FastCgiLimits, FastCgiOptions } from './options.ts';
import type { ParamsDecoder } from './params.ts';

export interface Gateway {
  readonly application: ApplicationFunction;
  readonly options: FastCgiOptions;
  readonly limits: FastCgiLimits;
  readonly log: Log;
  readonly decoder: ParamsDecoder;
  readonly deadlines: Deadlines<object>;
  /** A request takes its part of them from BEGIN_REQUEST on, until END_REQUEST and the end of its run. */
  readonly resources: Resources;
  readonly unread: UnreadBodies;
  /** Whether a front end has been seen to send several requests at once on a connection. */
  isMultiplexed: boolean;
  /** The server waits for it when it stops. @param onEnd called at its end */
  track(run: PromiseLike<void>, onEnd: () => void): void;
}
