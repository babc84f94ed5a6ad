/** Fetch handlers, `(request: Request) => Response`, as applications. */

import { describe, isPromise } from '../../response/chunk.ts';
import { ApplicationError } from '../../errors.ts';
import { checkNames } from '../../options.ts';
import type { OptionNames } from '../../options.ts';
import { isHopByHop } from '../../response/headers.ts';
import { statusLine } from '../../response/status.ts';
import type {
  ApplicationFunction,
  Awaitable,
  Body,
  Environ,
  Header,
  StartResponse,
} from '../../types.ts';
import { isResponse } from './is-response.ts';
import { createRequest } from './request.ts';
import { createLightRequest, installLightRequest } from './light-request.ts';
import { installLightResponse, lightPartsOf } from './light-response.ts';
import type { LightParts } from './light-response.ts';
import { readAhead } from './read-ahead.ts';

/** The second argument of a fetch handler (Hono's `c.env`). */
export interface FetchContext {
  /** The request as the gateway knows it: `REMOTE_ADDR`, `REMOTE_USER`, … */
  environ: Environ;
}

/** A fetch handler as a function. */
export type FetchFunction = (request: Request, context: FetchContext) => Awaitable<Response>;

/** A fetch handler as an object, as `export default { fetch }` and Hono have it. */
export interface FetchObject {
  /** Serves one request. It is called as a method, so `this` is the object. */
  fetch: FetchFunction;
}

/** How a fetch handler is run. */
export interface FetchOptions {
  /**
   * Whether the global `Request` and `Response` are replaced by ones that cost nothing until they are looked into:
   * without it a small request costs several times as much. They behave as the platform's. Globals that a library has
   * replaced before stay, and so do those that it replaces later. Default false in code, where the process is not ours
   * alone; the command `postern`, whose process it is, does it.
   *
   * A class that has extended the global `Request` before, or a `fetch` that was stored before, does not take the
   * requests of light objects. The command replaces them before it loads a module that names `fetch`, `Request` or
   * `Response`.
   */
  lightObjects?: boolean;
}

const FETCH_OPTIONS: OptionNames<FetchOptions> = { lightObjects: 'boolean' };

/**
 * Makes an application of a fetch handler.
 *
 * The URL of the request is the one that the client used, mount included. `Request.body` streams,
 * `Request.signal` is aborted when the client leaves, and the body of the response is cancelled then.
 * Headers that belong to a connection (RFC 9110 § 7.6.1) are the gateway's and dropped.
 *
 * Errors that the handler throws, or that its response body ends with, are handled as any
 * application's: 500 before the headers have left, a broken response after.
 *
 * @throws {UsageError} for an option that there is not
 */
export function fromFetch(
  handler: FetchFunction | FetchObject,
  options: FetchOptions = {},
): ApplicationFunction {
  checkNames('fromFetch', options, FETCH_OPTIONS);
  if (options.lightObjects !== true) return makeApplication(handler, createRequest, false);
  installLightRequest();
  installLightResponse();
  return makeApplication(handler, createLightRequest, false);
}

/**
 * {@link fromFetch} for the command, which owns the process: with `lightObjects`. Requests are light only if the command has
 * replaced the global `Request` before it has loaded the module: otherwise a class of the module may extend the platform's
 * own. No middleware is around the application, so a body of text is not encoded: the gateway takes text.
 */
export function fromFetchForCommand(handler: FetchFunction | FetchObject): ApplicationFunction {
  installLightResponse();
  return makeApplication(handler, createLightRequest, true);
}

function makeApplication(
  handler: FetchFunction | FetchObject,
  makeRequest: (environ: Environ) => Request,
  keepsText: boolean,
): ApplicationFunction {
  const fetch: FetchFunction =
    typeof handler === 'function' ? handler : (request, context) => handler.fetch(request, context);
  return (environ, startResponse) => {
    const response = fetch(makeRequest(environ), { environ });
    return isPromise(response)
      ? response.then((resolved) => respond(resolved, startResponse, keepsText))
      : respond(response, startResponse, keepsText);
  };
}

// ---- the response

function respond(
  response: Response,
  startResponse: StartResponse,
  keepsText: boolean,
): Awaitable<Body> {
  const parts = lightPartsOf(Object(response));
  if (parts !== undefined) return respondWithParts(parts, startResponse, keepsText);
  if (!isResponse(response)) {
    throw new ApplicationError(`the fetch handler returned ${describe(response)}, not a Response`);
  }
  const { status, statusText } = response;
  startResponse(
    statusText === '' ? statusLine(status) : `${status} ${statusText}`,
    responseHeaders(response),
  );
  const { body } = response;
  if (body === null) return [];
  return response.headers.has('content-length') ? body : readAhead(body);
}

function respondWithParts(
  { status, headers, body }: LightParts,
  startResponse: StartResponse,
  keepsText: boolean,
): Body {
  startResponse(statusLine(status), headers.filter(isPassed));
  if (body === null) return [];
  return [typeof body === 'string' && !keepsText ? Buffer.from(body) : (body as Uint8Array)];
}

/** Whether a header is passed on: not those of the connection, nor `Status`, which in CGI is the status line. */
function isPassed([name]: Header): boolean {
  return !isHopByHop(name) && name !== 'status';
}

function responseHeaders(response: Response): Header[] {
  // Iteration keeps each Set-Cookie separate (Fetch § 5.1, "sort and combine").
  return [...response.headers].filter(isPassed);
}
