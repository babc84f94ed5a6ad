/**
 * Lets the HTTP gateway run a Node listener on Node's own request and response, without an environ.
 *
 * This is done only for an application that {@link fromNode} has returned. Middleware around it is another function, and
 * needs the environ.
 */

import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';

import type { Application, HeaderList } from '../../types.ts';
import { unquotePath } from '../../uri/percent.ts';

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

/**
 * Mounts a request as Express does: the prefix moves from `url` to `baseUrl`.
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

/** The part of a percent-encoded path below a mount; undefined if the mount is not a prefix of whole segments. */
function below(path: string, mount: string): string | undefined {
  if (mount === '' || !unquotePath(path).startsWith(mount)) return undefined;
  const rest = path.split('/').slice(mount.split('/').length);
  const prefix = path.split('/').slice(0, mount.split('/').length).join('/');
  if (unquotePath(prefix) !== mount) return undefined;
  return rest.length === 0 ? '' : `/${rest.join('/')}`;
}

/** Options of {@link runListener}. */
export interface ListenerOptions {
  /** Mount prefix, as `scriptName` of every gateway. */
  scriptName?: string | undefined;
  /** Called with the error that the listener threw, or with which its promise was rejected. */
  onError(error: unknown): void;
  /** Makes a response that shows the error, if the client may see it. It never rejects. Default: none. */
  errorPage?(error: unknown): Promise<ErrorResponse | undefined> | undefined;
}

/** Headers and body of a response to an error. */
export interface ErrorResponse {
  headers: HeaderList;
  body: string | Uint8Array;
}

/**
 * Runs a listener on Node's own objects. If it throws or rejects, `onError` is called and the response ends: with 500
 * before its headers were sent, with a broken connection after.
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
 * Ends a response that failed: with `status` if its headers have not been sent, otherwise by breaking the connection.
 *
 * @param answer default: a short text for the status
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

/** It never shows the error itself. */
function plainAnswer(status: string): ErrorResponse {
  return {
    headers: [['Content-Type', 'text/plain; charset=utf-8']],
    body: status.startsWith('500')
      ? 'A server error occurred. Please contact the administrator.'
      : `${status.slice(4)}\n`,
  };
}
