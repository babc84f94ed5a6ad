/**
 * Lets the HTTP gateway run a Node listener on Node's own request and response.
 *
 * This is done only for an application that {@link fromNode} has returned. Middleware around it is another function, and
 * needs the environ.
 */

import type { IncomingMessage, RequestListener } from 'node:http';

import type { Application, Environ } from '../../types.ts';
import { localTarget } from '../request/target.ts';

const LISTENER = Symbol('postern.listener');

interface Marked {
  [LISTENER]?: RequestListener;
}

/** Marks an application with the listener that it was made from. */
export function markListener<T extends Application>(application: T, listener: RequestListener): T {
  return Object.defineProperty(application, LISTENER, { value: listener });
}

/** The listener that an application was made from, if `fromNode` has made it. */
export function listenerOfApplication(application: Application): RequestListener | undefined {
  return (application as Marked)[LISTENER];
}

/** Properties of a mounted request that Express, Connect and Koa use. */
export interface MountedRequest extends IncomingMessage {
  /** The mount prefix. */
  baseUrl?: string;
  /** Path and query from the root. */
  originalUrl?: string;
}

/** Sets the target of a request. Under a mount, it is split as Express does it. */
export function setTarget(req: MountedRequest, environ: Environ): void {
  req.url = localTarget(environ);
  if (environ.SCRIPT_NAME === '') return;
  req.baseUrl = environ.SCRIPT_NAME;
  req.originalUrl = environ.REQUEST_URI;
}
