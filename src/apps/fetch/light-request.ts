/**
 * A `Request` that costs nothing until somebody looks into it: most handlers look at its method, its URL and some of
 * its headers. The platform's class parses, checks and copies all of it first: on Node 20 more than all the rest of a
 * small request.
 */

import type { Environ } from '../../types.ts';
import { checkMethod, makeRequest, requestHeaders } from './request.ts';
import { replaceGlobal, delegateToNative } from './light.ts';
import { absoluteUrl } from '../request/target.ts';

/** The platform's class, from {@link installLightRequest} on. */
let Native: typeof Request;

class LightRequest {
  readonly #environ: Environ;
  readonly #url: string;
  #headers: Headers | undefined;
  #native: Request | undefined;

  constructor(environ: Environ) {
    checkMethod(environ.REQUEST_METHOD);
    this.#environ = environ;
    this.#url = absoluteUrl(environ); // here, for it may be refused
  }

  /** The platform's own, with the headers as they are now. */
  static nativeOf(request: LightRequest): Request {
    return (request.#native ??= makeRequest(
      request.#environ,
      request.#url,
      request.#headers ?? requestHeaders(request.#environ),
    ));
  }

  /** What the platform's own functions are to be given for a value: a Request of theirs, or the value itself. */
  static unwrap(value: unknown): unknown {
    if (typeof value !== 'object' || value === null || !(#environ in value)) return value;
    return value.#withHeaders(LightRequest.nativeOf(value));
  }

  /** Headers that were changed since the platform's own was made are only here. */
  #withHeaders(native: Request): Request {
    return this.#headers === undefined ? native : new Native(native, { headers: this.#headers });
  }

  get method(): string {
    const method = this.#environ.REQUEST_METHOD;
    return AS_IT_IS.has(method) ? method : LightRequest.nativeOf(this).method;
  }

  get url(): string {
    const url = this.#url;
    return PLAIN_TARGET.test(url.slice(url.indexOf('/', 8))) ? url : new URL(url).href;
  }

  get headers(): Headers {
    return (this.#headers ??= this.#native?.headers ?? new Headers(requestHeaders(this.#environ)));
  }

  get signal(): AbortSignal {
    return this.#environ['postern.signal'];
  }

  clone(): Request {
    return this.#withHeaders(LightRequest.nativeOf(this).clone());
  }
}

/** Others may have to be written in capitals (Fetch § 2.2.1, "normalize"). */
const AS_IT_IS: ReadonlySet<string> = new Set(['DELETE', 'GET', 'HEAD', 'OPTIONS', 'POST', 'PUT']);

/** Path and query in which nothing is resolved or encoded (URL § 4.4): no dot segments, no unusual characters. */
const PLAIN_TARGET =
  /^(?:\/(?:[\w\-~!$&()*+,;=:@][\w\-.~!$&()*+,;=:@%]*)?)+(?:\?[\w\-.~!$&()*+,;=:@%/?]*)?$/;

/** A Request that is light; {@link installLightRequest} has to be called before. */
export function createLightRequest(environ: Environ): Request {
  return new LightRequest(environ) as unknown as Request;
}

/**
 * Makes the platform take light requests where it takes a Request: `new Request(request)`, `fetch(request)`.
 * `instanceof Request` holds for both kinds.
 */
export function installLightRequest(): void {
  if (Native !== undefined) return;
  Native = globalThis.Request;
  delegateToNative(LightRequest, Native, LightRequest.nativeOf);
  replaceGlobal('Request', acceptLight(Native));
  const native = globalThis.fetch;
  replaceGlobal('fetch', function fetch(input: unknown, init?: RequestInit) {
    return native(LightRequest.unwrap(input) as Request, init);
  });
}

/** The platform's class under its own name, which takes light requests. */
function acceptLight(native: typeof Request): typeof Request {
  return new Proxy(native, {
    construct: (target, [input, ...rest]: unknown[], newTarget) =>
      Reflect.construct(target, [LightRequest.unwrap(input), ...rest], newTarget) as Request,
  });
}
