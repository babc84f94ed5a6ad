/** Fetch handlers, `(request: Request) => Response`, as applications. */

import { describe, isPromise } from '../body.ts';
import { ApplicationError, RequestError } from '../errors.ts';
import { isHopByHop } from '../headers.ts';
import { HIGH_WATER_MARK } from '../limits.ts';
import { statusLine } from '../status.ts';
import type {
  ApplicationFunction,
  Awaitable,
  Body,
  Environ,
  Header,
  Input,
  StartResponse,
} from '../types.ts';
import { installLightResponse, lightPartsOf } from './light-response.ts';
import type { LightParts } from './light-response.ts';
import { readAhead } from './read-ahead.ts';
import { forEachHeader, hasBody } from './request-headers.ts';
import { absoluteUrl } from './target.ts';

/** What a fetch handler gets as its second argument (Hono's `c.env`). */
export interface FetchContext {
  /** The request as the gateway knows it: `REMOTE_ADDR`, `REMOTE_USER`, … */
  environ: Environ;
}

/** A fetch handler as a function. */
export type FetchFunction = (request: Request, context: FetchContext) => Awaitable<Response>;

/** A fetch handler as an object, as `export default { fetch }` and Hono have it. */
export interface FetchObject {
  fetch: FetchFunction;
}

/** How a fetch handler is run. */
export interface FetchOptions {
  /**
   * Whether the global `Response` is replaced by one that costs nothing until it is looked into: without
   * it a small response costs several times as much. Default false in code, where the process is not ours
   * alone; the command `postern`, whose process it is, does it.
   */
  lightResponse?: boolean;
}

/**
 * Makes an application of a fetch handler.
 *
 * The URL of the request is the one that the client used, mount included. `Request.body` streams,
 * `Request.signal` is aborted when the client leaves, and the body of the response is cancelled then.
 * Headers that belong to a connection (RFC 9110 § 7.6.1) are the gateway's and dropped.
 *
 * Errors that the handler throws, or that its response body ends with, are handled as any
 * application's: 500 before the headers have left, a broken response after.
 */
export function fromFetch(
  handler: FetchFunction | FetchObject,
  options: FetchOptions = {},
): ApplicationFunction {
  if (options.lightResponse === true) installLightResponse();
  const fetch: FetchFunction =
    typeof handler === 'function' ? handler : (request, context) => handler.fetch(request, context);
  return (environ, startResponse) => {
    const response = fetch(createRequest(environ), { environ });
    return isPromise(response)
      ? response.then((settled) => respond(settled, startResponse))
      : respond(response, startResponse);
  };
}

// ---- the request

/** The Fetch standard forbids these to a Request (§ 5.4). */
const FORBIDDEN_METHOD = /^(?:CONNECT|TRACE|TRACK)$/i;

function createRequest(environ: Environ): Request {
  const method = environ.REQUEST_METHOD;
  if (FORBIDDEN_METHOD.test(method)) throw new RequestError('501 Not Implemented', method);
  const init: RequestInit = { method, headers: requestHeaders(environ) };
  // GET and HEAD cannot have a body there (§ 5.4); what came is left unread.
  if (method !== 'GET' && method !== 'HEAD' && hasBody(environ)) {
    init.body = streamOf(environ['wsgi.input']);
    init.duplex = 'half';
  }
  const request = makeRequest(absoluteUrl(environ), init);
  // Not given to the constructor: to follow an AbortSignal makes a Request several times as expensive
  // (Node 20: 24 µs instead of 6), and few handlers ever look at it.
  (request as WithEnviron)[ENVIRON] = environ;
  return Object.defineProperty(request, 'signal', SIGNAL);
}

const ENVIRON = Symbol('environ');
type WithEnviron = Request & { [ENVIRON]?: Environ };

/** One function for all requests: V8 keeps accessors in its old generation, with all that they hold. */
const SIGNAL: PropertyDescriptor & ThisType<WithEnviron> = {
  get() {
    return this[ENVIRON]!['postern.signal'];
  },
};

function makeRequest(url: string, init: RequestInit): Request {
  try {
    return new Request(url, init);
  } catch (error) {
    // An impossible port, or a host that is no name once its %-encoding is undone.
    throw new RequestError('400 Bad Request', (error as Error).message);
  }
}

function requestHeaders(environ: Environ): Record<string, string> {
  const headers: Record<string, string> = Object.create(null);
  forEachHeader(environ, ({ lower }, value) => {
    // A web server lets no line break or NUL through; a bare gateway might.
    if (/[\0\r\n]/.test(value)) throw new RequestError('400 Bad Request', `header ${lower}`);
    headers[lower] = value;
  });
  return headers;
}

/** `wsgi.input` as a web stream: read when it is read, and not before. */
function streamOf(input: Input): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const chunk = await input.read(HIGH_WATER_MARK);
        if (chunk.length === 0) controller.close();
        else controller.enqueue(chunk);
      },
    },
    { highWaterMark: 0 },
  );
}

// ---- the response

function respond(response: Response, startResponse: StartResponse): Awaitable<Body> {
  const parts = lightPartsOf(Object(response));
  if (parts !== undefined) return respondAtOnce(parts, startResponse);
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

function respondAtOnce({ status, headers, body }: LightParts, startResponse: StartResponse): Body {
  startResponse(statusLine(status), headers.filter(isPassed));
  return body === undefined ? [] : [body];
}

/** Whether a header is the response's own, and not the connection's or, in CGI, the status. */
function isPassed([name]: Header): boolean {
  return !isHopByHop(name) && name !== 'status';
}

/** By its members: a Response may come from another realm, or from a library of its own. */
export function isResponse(value: unknown): value is Response {
  const members = value as Partial<Response> | null | undefined;
  return typeof members?.status === 'number' && typeof members.headers?.get === 'function';
}

function responseHeaders(response: Response): Header[] {
  // Iteration gives each Set-Cookie by itself (Fetch § 5.1, "sort and combine").
  return [...response.headers].filter(isPassed);
}
