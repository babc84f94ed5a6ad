/** A request of the test client: as a test gives it, and as it is sent. */

import { UsageError } from '../../errors.ts';
import { checkNames } from '../../options.ts';
import type { OptionNames } from '../../options.ts';
import { describe } from '../../response/chunk.ts';
import { isToken } from '../../response/headers.ts';
import type { Awaitable, Header, HeaderList } from '../../types.ts';
import { encodeBody } from './body.ts';
import type { BodyParts, Content } from './body.ts';
import { addDefaults, hasHeader, readHeaders } from './headers.ts';
import type { RequestHeaders } from './headers.ts';

/** A request as a test gives it; every part has a default. */
export interface RequestOptions extends BodyParts {
  /** The method, in any case. Default: POST where there is a body, else GET. CONNECT, which opens a tunnel, is refused. */
  method?: string;
  /** Added to the query that the path may have; text is added as it is. Default: none. */
  query?: string | URLSearchParams | Readonly<Record<string, string | number | boolean>>;
  /**
   * Headers, in place of the client's own of the same name. Content-Length, and Content-Type where it is known, are
   * added for a body. What no request can carry is refused. Default: none.
   */
  headers?: RequestHeaders;
  /**
   * Replaces variables of the environ when it is complete; `undefined` deletes one. Refused over HTTP, where the
   * environ is out of reach.
   */
  environ?: Readonly<Record<string, unknown>>;
  /** When it is aborted, the client leaves. Default: it stays to the end. */
  signal?: AbortSignal;
  /** Called with each chunk of the body as it comes; the next is taken when its promise is fulfilled. */
  onChunk?: (chunk: Buffer) => Awaitable<void>;
}

const REQUEST_OPTIONS: OptionNames<RequestOptions> = {
  body: 'any',
  environ: 'object',
  form: 'any',
  headers: 'any',
  json: 'any',
  method: 'any',
  onChunk: 'function',
  query: 'any',
  signal: 'object',
};

/** A request as it is sent: what a {@link TestDriver} gets. */
export interface TestRequest {
  /** The method, in upper case. */
  method: string;
  /** Path and query, percent-encoded: the request target in origin form. */
  target: string;
  /** In order, checked; Host only if the test gave one. */
  headers: HeaderList;
  /** Whole, or as a stream of unknown length, or none. */
  body: Uint8Array | AsyncIterable<Uint8Array> | undefined;
  /** As in {@link RequestOptions}; empty when the test gave none. */
  environ: Readonly<Record<string, unknown>>;
  /** As in {@link RequestOptions}. */
  signal: AbortSignal | undefined;
  /** As in {@link RequestOptions}. */
  onChunk: ((chunk: Buffer) => Awaitable<void>) | undefined;
}

/**
 * @param path begins with a slash, or is `*`; what is no visible ASCII is encoded, the rest left as it is
 * @param defaults headers that are sent unless the request has its own
 * @throws {UsageError} for what cannot be sent
 */
export async function buildRequest(
  path: string,
  options: RequestOptions,
  defaults: HeaderList,
): Promise<TestRequest> {
  checkNames('the request', options, REQUEST_OPTIONS);
  const headers = readHeaders(options.headers ?? []);
  addDefaults(headers, defaults);
  const content = await encodeBody(options);
  const method = methodOf(options.method ?? (content.body === undefined ? 'GET' : 'POST'));
  addContentHeaders(headers, method, content);
  return {
    method,
    target: targetOf(path, options.query),
    headers,
    body: content.body,
    environ: options.environ ?? {},
    signal: options.signal,
    onChunk: options.onChunk,
  };
}

function methodOf(method: unknown): string {
  if (typeof method !== 'string') throw new UsageError(`the method is ${describe(method)}`);
  if (!isToken(method)) throw new UsageError(`the method ${JSON.stringify(method)} is not a token`);
  const upper = method.toUpperCase();
  if (upper === 'CONNECT') throw new UsageError('the test client opens no tunnels (CONNECT)');
  return upper;
}

/** Methods that mean nothing by a body: without one they have no Content-Length (RFC 9110 § 8.6). */
const BODILESS = new Set(['GET', 'HEAD', 'DELETE', 'OPTIONS', 'TRACE']);

function addContentHeaders(headers: Header[], method: string, { body, type }: Content): void {
  if (type !== '') addDefaults(headers, [['Content-Type', type]]);
  if (hasHeader(headers, 'transfer-encoding')) return;
  if (body instanceof Uint8Array) {
    addDefaults(headers, [['Content-Length', String(body.length)]]);
  } else if (body === undefined && !BODILESS.has(method)) {
    addDefaults(headers, [['Content-Length', '0']]);
  }
}

function targetOf(path: string, query: RequestOptions['query']): string {
  const encoded = encode(path);
  if (query === undefined) return encoded;
  // URLSearchParams makes text of numbers by itself.
  const text = encode(
    String(
      typeof query === 'string' ? query : new URLSearchParams(query as Record<string, string>),
    ),
  );
  if (text === '') return encoded;
  return encoded + (encoded.includes('?') ? '&' : '?') + text;
}

/** Percent-encodes what is no visible ASCII. A Buffer makes U+FFFD of half a surrogate, as every URL does. */
function encode(text: string): string {
  return text.replace(/[^!-~]+/g, (run) => encodeURIComponent(Buffer.from(run).toString()));
}
