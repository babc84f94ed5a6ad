/** What the connections of a server share: the protocol, the application, the limits. */

import type { Deadlines } from '../resources/deadlines.ts';
import type { Resources } from '../resources/resources.ts';
import type { UnreadBodies } from '../resources/unread-bodies.ts';
import type { RequestContexts } from '../handler/request-contexts.ts';
import type { ApplicationFunction, GatewayName, Log } from '../types.ts';
import type { RequestHandler, RequestTransport } from './handler.ts';
import type { RequestLimits } from './options.ts';

/** The codec of a protocol, for everything before the body. */
export interface VariablesReader {
  /** Name, value, name, value …, as byte strings. Empty until they are complete. */
  readonly variables: readonly string[];
  /**
   * Takes bytes as they come, split anywhere.
   *
   * @returns undefined while more is needed; then the part of `chunk` behind the variables
   * @throws {ProtocolError} for a violation of the protocol
   * @throws {LimitError} for more than the limits allow
   */
  push(chunk: Buffer): Buffer | undefined;
}

/** A gateway of SCGI or uwsgi, as its connections need it. */
export interface Gateway {
  readonly name: GatewayName;
  readonly application: ApplicationFunction;
  readonly limits: RequestLimits;
  readonly log: Log;
  readonly deadlines: Deadlines<object>;
  readonly resources: Resources;
  readonly unread: UnreadBodies;
  readonly contexts: RequestContexts;
  createReader(): VariablesReader;
  createHandler(transport: RequestTransport, variables: readonly string[]): RequestHandler;
  /** Lets a stop of the server wait for a run. @param onEnd called at its end */
  track(run: PromiseLike<void>, onEnd: () => void): void;
}
