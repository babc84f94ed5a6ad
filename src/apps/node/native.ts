/**
 * The seam between {@link fromNode} and the HTTP gateway: there a Node listener runs on Node's own
 * request and response, without the detour through an environ.
 *
 * Only an application as `fromNode` returned it: middleware around it makes another function, and has
 * to see the environ.
 */

import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';

import type { Application, HeaderList } from '../../types.ts';
import { unquotePath } from '../../uri/percent.ts';

const LISTENER = Symbol('postern.listener');

interface Marked {
  [LISTENER]?: RequestListener;
}

/** Remembers the listener that an application was made of. */
export function markListener<T extends Application>(application: T, listener: RequestListener): T {
  return Object.defineProperty(application, LISTENER, { value: listener });
}

/** The listener that an application was made of by `fromNode`, if it was. */
export function listenerOfApplication(application: Application): RequestListener | undefined {
  return (application as Marked)[LISTENER];
}

/** What Express, Connect and Koa look for on a request that was mounted. */
export interface MountedRequest extends IncomingMessage {
  /** The mount. */
  baseUrl?: string;
  /** Path and query from the root. */
  originalUrl?: string;
}

/**
 * Mounts a request as Express does: what lies above the application moves from `url` to `baseUrl`.
 *
 * @param mount `/prefix`; a request that is not below it stays as it is
 */
export function mountRequest(req: MountedRequest, mount: string): void {
  const url = req.url!;
  const end = url.search(/[?#]|$/);
  const path = url.slice(0, end);
  const rest = below(path, mount);
  if (rest === undefined) return;
  req.baseUrl = mount;
  req.originalUrl = url;
  req.url = (rest === '' ? '/' : rest) + url.slice(end);
}

/** The part of a percent-encoded path below a mount, at a border of segments. */
function below(path: string, mount: string): string | undefined {
  if (mount === '' || !unquotePath(path).startsWith(mount)) return undefined;
  const rest = path.split('/').slice(mount.split('/').length);
  const prefix = path.split('/').slice(0, mount.split('/').length).join('/');
  if (unquotePath(prefix) !== mount) return undefined;
  return rest.length === 0 ? '' : `/${rest.join('/')}`;
}

/** What {@link runListener} tells of. */
export interface ListenerOptions {
  /** Mount prefix, as `scriptName` of every gateway. */
  scriptName?: string | undefined;
  /** Called with what the listener threw, or its promise was rejected with. */
  onError(error: unknown): void;
  /** A response that shows the error, if the client may see it. Never rejected. Default: none. */
  errorPage?(error: unknown): Promise<ErrorResponse | undefined> | undefined;
}

/** Headers and body of a response to an error. */
export interface ErrorResponse {
  headers: HeaderList;
  body: string | Uint8Array;
}

/**
 * Runs a listener on Node's own objects. An error that it throws, or rejects with, is told of and ends
 * the response: 500 before its headers have left, a broken connection after.
 */
export function runListener(
  listener: RequestListener,
  req: IncomingMessage,
  res: ServerResponse,
  options: ListenerOptions,
): void {
  const fail = (thrown: unknown): void => {
    options.onError(thrown);
    const page = res.headersSent ? undefined : options.errorPage?.(thrown);
    if (page === undefined) failResponse(res);
    else void page.then((made) => failResponse(res, undefined, made));
  };
  if (options.scriptName) mountRequest(req, options.scriptName);
  try {
    const result: unknown = listener(req, res);
    if (result instanceof Promise) result.catch(fail);
  } catch (error) {
    fail(error);
  }
}

/**
 * Ends a response that will not be completed: with a status of its own while there is time for that.
 *
 * @param answer default: a short text that tells of the status alone
 */
export function failResponse(
  res: ServerResponse,
  status = '500 Internal Server Error',
  answer: ErrorResponse = plainAnswer(status),
): void {
  if (res.writableEnded) return;
  if (res.headersSent) {
    res.destroy();
    return;
  }
  for (const name of res.getHeaderNames()) res.removeHeader(name);
  for (const [name, value] of answer.headers) res.setHeader(name, value);
  res.statusCode = Number(status.slice(0, 3));
  res.statusMessage = status.slice(4);
  res.end(answer.body);
}

/** As everywhere else: it never tells of the error itself. */
function plainAnswer(status: string): ErrorResponse {
  return {
    headers: [['Content-Type', 'text/plain; charset=utf-8']],
    body: status.startsWith('500')
      ? 'A server error occurred. Please contact the administrator.'
      : `${status.slice(4)}\n`,
  };
}
