/** Makes the Request of a fetch handler. */

import { RequestError } from '../../errors.ts';
import { HIGH_WATER_MARK } from '../../limits.ts';
import type { Environ, Input } from '../../types.ts';
import { forEachHeader, hasBody } from '../request/headers.ts';
import { absoluteUrl } from '../request/target.ts';

/** Methods that a Request must not have (Fetch § 5.4). */
const FORBIDDEN_METHOD = /^(?:CONNECT|TRACE|TRACK)$/i;

/** @throws {RequestError} 501 for a method that a Request must not have */
export function checkMethod(method: string): void {
  if (FORBIDDEN_METHOD.test(method)) throw new RequestError('501 Not Implemented', method);
}

/** Makes the platform's Request. @throws {RequestError} for a method, host or header that it cannot have */
export function createRequest(environ: Environ): Request {
  checkMethod(environ.REQUEST_METHOD);
  return makeRequest(environ, absoluteUrl(environ), requestHeaders(environ));
}

/** {@link createRequest} with given URL and headers. The method must have been checked. */
export function makeRequest(
  environ: Environ,
  url: string,
  headers: Headers | Record<string, string>,
): Request {
  const method = environ.REQUEST_METHOD;
  const init: RequestInit = { method, headers };
  // A Request with GET or HEAD cannot have a body (§ 5.4): it is left unread.
  if (method !== 'GET' && method !== 'HEAD' && hasBody(environ)) {
    init.body = streamOf(environ['wsgi.input']);
    init.duplex = 'half';
  }
  const request = new Request(url, init);
  // The signal is not passed to the constructor, which would follow it: then a Request takes several times as long
  // (Node 20: 24 µs instead of 6), and few handlers use the signal.
  (request as WithEnviron)[ENVIRON] = environ;
  return Object.defineProperty(request, 'signal', SIGNAL);
}

const ENVIRON = Symbol('environ');
type WithEnviron = Request & { [ENVIRON]?: Environ };

/** All requests share this function: V8 keeps accessors in its old generation, with everything to which they refer. */
const SIGNAL: PropertyDescriptor & ThisType<WithEnviron> = {
  get() {
    return this[ENVIRON]!['postern.signal'];
  },
};

/** Headers of the request, names in lower case. @throws {RequestError} for one with a line break or NUL */
export function requestHeaders(environ: Environ): Record<string, string> {
  const headers: Record<string, string> = Object.create(null);
  forEachHeader(environ, ({ lower }, value) => {
    // A web server refuses line breaks and NUL in a header. A gateway without a web server may let them through.
    if (/[\0\r\n]/.test(value)) throw new RequestError('400 Bad Request', `header ${lower}`);
    headers[lower] = value;
  });
  return headers;
}

/** `wsgi.input` as a web stream. It is read only when the stream is read. */
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
