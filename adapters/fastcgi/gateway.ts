/** What all connections of a FastCGI server share. */

import type { Deadlines } from '../../src/resources/deadlines.ts';
import type { Resources } from '../../src/resources/resources.ts';
import type { RequestContexts } from '../../src/handler/request-contexts.ts';
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
  /** A request counts from BEGIN_REQUEST until both END_REQUEST was sent and its run has ended. */
  readonly resources: Resources;
  readonly unread: UnreadBodies;
  readonly contexts: RequestContexts;
  /**
   * Whether the listening socket is descriptor 0: then it may be mod_fcgid that has started this process. When a connection is
   * closed, that fills up the response with its own error page, to the very Content-Length. After END_REQUEST it does not, and
   * the visitor sees that bytes are missing.
   */
  readonly isManaged: boolean;
  /** Whether a front end multiplexes: it has asked for it, or has sent several requests at once on a connection. */
  isMultiplexed: boolean;
  /** Makes a stop of the server wait for the end of a run. @param onEnd called at that end */
  track(run: PromiseLike<void>, onEnd: () => void): void;
}
