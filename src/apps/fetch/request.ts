/** The Request of a fetch handler. */

import { RequestError } from '../../errors.ts';
import { HIGH_WATER_MARK } from '../../limits.ts';
import type { Environ, Input } from '../../types.ts';
import { forEachHeader, hasBody } from '../request/headers.ts';
import { absoluteUrl } from '../request/target.ts';

/** The Fetch standard forbids these to a Request (§ 5.4). */
const FORBIDDEN_METHOD = /^(?:CONNECT|TRACE|TRACK)$/i;

/** @throws {RequestError} 501 for a method that no Request can have */
export function checkMethod(method: string): void {
  if (FORBIDDEN_METHOD.test(method)) throw new RequestError('501 Not Implemented', method);
}

/** The platform's own Request. @throws {RequestError} for what no Request can hold */
export function createRequest(environ: Environ): Request {
  checkMethod(environ.REQUEST_METHOD);
  return makeRequest(environ, absoluteUrl(environ), requestHeaders(environ));
}

/** The same of parts that are there already; its method has been checked. */
export function makeRequest(
  environ: Environ,
  url: string,
  headers: Headers | Record<string, string>,
): Request {
  const method = environ.REQUEST_METHOD;
  const init: RequestInit = { method, headers };
  // GET and HEAD cannot have a body there (§ 5.4); what came is left unread.
  if (method !== 'GET' && method !== 'HEAD' && hasBody(environ)) {
    init.body = streamOf(environ['wsgi.input']);
    init.duplex = 'half';
  }
  const request = new Request(url, init);
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

/** Headers of the request, names in lower case. @throws {RequestError} for one with a line break or NUL */
export function requestHeaders(environ: Environ): Record<string, string> {
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
        const chunk = await input.read1(HIGH_WATER_MARK);
        if (chunk.length === 0) controller.close();
        else controller.enqueue(chunk);
      },
    },
    { highWaterMark: 0 },
  );
}
