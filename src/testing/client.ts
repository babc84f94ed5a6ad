/** A client for tests, as Werkzeug's and Plack's. */

import { UsageError } from '../errors.ts';
import { GATEWAY_OPTIONS, checkOptions } from '../options.ts';
import type { OptionNames } from '../options.ts';
import type { Application, HeaderList } from '../types.ts';
import { CookieJar } from './cookies.ts';
import type { TestDriver } from './driver.ts';
import { direct } from './handler.ts';
import type { DirectOptions } from './handler.ts';
import { overHttp } from './http.ts';
import type { Listening } from './http.ts';
import { buildRequest } from './request/request.ts';
import type { RequestOptions } from './request/request.ts';
import { readHeaders } from './request/headers.ts';
import type { RequestHeaders } from './request/headers.ts';
import { TestResponse } from './response.ts';

/** What a test client sends its requests to. */
export type TestTarget = Application | TestDriver | Listening | URL | string;

/** Options of {@link testClient}. All but `headers` and `cookies` count only where the application is called directly. */
export interface TestClientOptions extends DirectOptions {
  /** Sent with every request that does not have its own of the same name. Default: none. */
  headers?: RequestHeaders | undefined;
  /** Whether cookies are kept and sent back. Default false. */
  cookies?: boolean | undefined;
  /**
   * Whether a request is rejected with what the application threw, so that a failing test shows that error and its
   * stack. With false the response is the one that a visitor gets, 500 or broken, and its `error` is what was thrown.
   * Over HTTP the server keeps its errors to itself. Default true.
   */
  throwErrors?: boolean | undefined;
}

const CLIENT_OPTIONS: OptionNames<TestClientOptions> = {
  ...GATEWAY_OPTIONS,
  baseUrl: 'string',
  cookies: 'boolean',
  gateway: 'string',
  headers: 'any',
  role: 'string',
  throwErrors: 'boolean',
};

/**
 * A client for tests.
 *
 *     const response = await testClient(app).get('/hello', { query: { name: 'Ada' } });
 *     expect(response.status).toBe(200);
 *
 * @param target an application, which is called directly, without a socket; or what carries the
 *   request to one: a running HTTP server or an `http:` URL (of a front end before any gateway), or a
 *   driver of the test's own
 * @throws {UsageError} when the target is none of them, a server that does not listen, or a URL with another protocol; and
 *   for headers that no request can carry, and options that there are not
 */
export function testClient(target: TestTarget, options: TestClientOptions = {}): TestClient {
  checkOptions('testClient', options, CLIENT_OPTIONS);
  return new TestClient(driverOf(target, options), options);
}

function driverOf(target: TestTarget, options: TestClientOptions): TestDriver {
  if (typeof target === 'string' || target instanceof URL) return overHttp(target);
  if (typeof target === 'object' && target !== null) {
    if ('send' in target) return target;
    if ('address' in target) return overHttp(target);
  }
  return direct(target, options);
}

/** Options of a request whose method is given and that has no body. */
export type BodilessOptions = Omit<RequestOptions, 'method' | 'body' | 'json' | 'form'>;
/** Options of a request whose method is given. */
export type BodyOptions = Omit<RequestOptions, 'method'>;

/** Sends requests to one target: {@link testClient} makes it. */
export class TestClient {
  /** The cookies that it keeps; undefined without the `cookies` option. */
  readonly cookies: CookieJar | undefined;
  readonly #driver: TestDriver;
  readonly #defaults: HeaderList;
  readonly #isTls: boolean;
  readonly #throwsErrors: boolean;

  /** @param driver carries the requests */
  constructor(driver: TestDriver, options: TestClientOptions = {}) {
    this.#driver = driver;
    this.#defaults = readHeaders(options.headers ?? []);
    this.#throwsErrors = options.throwErrors ?? true;
    this.#isTls = options.baseUrl?.startsWith('https:') ?? false;
    if (options.cookies === true) this.cookies = new CookieJar();
  }

  /**
   * Sends a request. The promise is fulfilled when the response is complete, or broken, or given up,
   * and the application is done with it.
   *
   * @param path begins with `/`, or is `*`, and may have a query. What is no ASCII is percent-encoded, the rest is sent
   *   as it is.
   * @throws {UsageError} for another path, and for what no request can carry. The promise is also rejected when no
   *   connection can be made, with what the test's own body or `onChunk` throws, and, unless `throwErrors` is false, with
   *   what the application throws.
   */
  async request(path: string, options: RequestOptions = {}): Promise<TestResponse> {
    if (typeof path !== 'string' || (!path.startsWith('/') && path !== '*')) {
      throw new UsageError(`path ${JSON.stringify(path)} does not begin with /`);
    }
    const cookie = this.cookies?.header(path, this.#isTls);
    const cookies = cookie === undefined ? [] : readHeaders({ Cookie: cookie });
    const request = await buildRequest(path, options, [...this.#defaults, ...cookies]);
    const raw = await this.#driver.send(request);
    if (this.#throwsErrors && raw.error !== undefined) throw raw.error;
    const response = new TestResponse(raw);
    this.cookies?.store(response.headers.getAll('Set-Cookie'), request.target);
    return response;
  }

  /** Sends a GET request: see {@link request}. */
  get(path: string, options: BodilessOptions = {}): Promise<TestResponse> {
    return this.request(path, { ...options, method: 'GET' });
  }

  /** Sends a HEAD request: see {@link request}. */
  head(path: string, options: BodilessOptions = {}): Promise<TestResponse> {
    return this.request(path, { ...options, method: 'HEAD' });
  }

  /** Sends an OPTIONS request: see {@link request}. */
  options(path: string, options: BodilessOptions = {}): Promise<TestResponse> {
    return this.request(path, { ...options, method: 'OPTIONS' });
  }

  /** Sends a POST request: see {@link request}. */
  post(path: string, options: BodyOptions = {}): Promise<TestResponse> {
    return this.request(path, { ...options, method: 'POST' });
  }

  /** Sends a PUT request: see {@link request}. */
  put(path: string, options: BodyOptions = {}): Promise<TestResponse> {
    return this.request(path, { ...options, method: 'PUT' });
  }

  /** Sends a PATCH request: see {@link request}. */
  patch(path: string, options: BodyOptions = {}): Promise<TestResponse> {
    return this.request(path, { ...options, method: 'PATCH' });
  }

  /** Sends a DELETE request: see {@link request}. */
  delete(path: string, options: BodyOptions = {}): Promise<TestResponse> {
    return this.request(path, { ...options, method: 'DELETE' });
  }
}
