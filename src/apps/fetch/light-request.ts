/**
 * A `Request` that does no work before its members are used. Most handlers use only its method, its URL and some headers.
 * The platform's class parses, checks and copies everything first: on Node 20 that takes longer than the rest of a small
 * request.
 */

import type { Environ } from '../../types.ts';
import { checkMethod, createRequest, makeRequest, requestHeaders } from './request.ts';
import { delegateToNative, isPlatformClass, replaceGlobal } from './light.ts';
import { absoluteUrl } from '../request/target.ts';

/** The platform's class. Set by {@link installLightRequest}. */
let Native: typeof Request;

class LightRequest {
  readonly #environ: Environ;
  readonly #url: string;
  #headers: Headers | undefined;
  #native: Request | undefined;

  constructor(environ: Environ) {
    checkMethod(environ.REQUEST_METHOD);
    this.#environ = environ;
    this.#url = absoluteUrl(environ); // here, because it may throw
  }

  /** The platform's object, with the headers as they are now. */
  static nativeOf(request: LightRequest): Request {
    return (request.#native ??= makeRequest(
      request.#environ,
      request.#url,
      request.#headers ?? requestHeaders(request.#environ),
    ));
  }

  /** Replaces a light request by the platform's object, for the platform's functions. Any other value stays. */
  static unwrap(value: unknown): unknown {
    if (typeof value !== 'object' || value === null || !(#environ in value)) return value;
    return value.#withHeaders(LightRequest.nativeOf(value));
  }

  /** Headers may have been changed after the platform's object was made: it does not have these changes. */
  #withHeaders(native: Request): Request {
    return this.#headers === undefined ? native : new Native(native, { headers: this.#headers });
  }

  get method(): string {
    const method = this.#environ.REQUEST_METHOD;
    return NORMALIZED_METHODS.has(method) ? method : LightRequest.nativeOf(this).method;
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

/** Methods that are normalized already. Others may have to be changed to upper case (Fetch § 2.2.1, "normalize"). */
const NORMALIZED_METHODS: ReadonlySet<string> = new Set([
  'DELETE',
  'GET',
  'HEAD',
  'OPTIONS',
  'POST',
  'PUT',
]);

/** Path and query which the URL parser leaves as they are (URL § 4.4): no dot segments, no unusual characters. */
const PLAIN_TARGET =
  /^(?:\/(?:[\w\-~!$&()*+,;=:@][\w\-.~!$&()*+,;=:@%]*)?)+(?:\?[\w\-.~!$&()*+,;=:@%/?]*)?$/;

/** The global `Request`, once it takes light requests. */
let installed: typeof Request | undefined;

/**
 * Makes a light request; the platform's one if the global `Request` is not ours: a library that has replaced it may pass
 * requests to the platform's class, which does not know light ones.
 */
export function createLightRequest(environ: Environ): Request {
  if (globalThis.Request !== installed) return createRequest(environ);
  return new LightRequest(environ) as unknown as Request;
}

/**
 * Makes the platform take light requests where it takes a Request: `new Request(request)`, `fetch(request)`.
 * `instanceof Request` holds for both kinds. If the global `Request` is not the platform's class, it stays.
 */
export function installLightRequest(): void {
  const { Request: current, fetch: native } = globalThis;
  if (current === installed || !isPlatformClass(current)) return;
  if (Native === undefined) {
    Native = current;
    delegateToNative(LightRequest, Native, LightRequest.nativeOf);
  }
  installed = acceptLight(Native);
  Object.defineProperty(LightRequest.prototype, 'constructor', { value: installed });
  replaceGlobal('Request', installed);
  replaceGlobal('fetch', function fetch(input: unknown, init?: RequestInit) {
    return native(LightRequest.unwrap(input) as Request, init);
  });
}

/** The platform's class, but its constructor takes light requests too. */
function acceptLight(native: typeof Request): typeof Request {
  return new Proxy(native, {
    construct: (target, [input, ...rest]: unknown[], newTarget) =>
      Reflect.construct(target, [LightRequest.unwrap(input), ...rest], newTarget) as Request,
  });
}
