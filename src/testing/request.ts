/** A request of the test client: as a test gives it, and as it is sent. */

import type { Awaitable, Header, HeaderList } from '../types.ts';

/** A request as a test gives it; every part has a default. */
export interface RequestOptions {
  /** The method. Default: POST where there is a body, else GET. */
  method?: string;
  /** Added to the query that the path may have; text is added as it is. Default: none. */
  query?: string | URLSearchParams | Readonly<Record<string, string | number | boolean>>;
  /**
   * Headers, byte strings, in place of the client's own of the same name. Content-Length, and Content-Type where it is
   * known, are added for a body. Default: none.
   */
  headers?: Iterable<Header> | Readonly<Record<string, string>>;
  /** The body: text is sent as UTF-8, a stream in its own chunks and without a Content-Length. Default: none. */
  body?: string | Uint8Array | URLSearchParams | FormData | Blob | AsyncIterable<Uint8Array>;
  /** A body of JSON, instead of `body`. */
  json?: unknown;
  /** A body as HTML forms send it, urlencoded, instead of `body`. */
  form?: Readonly<Record<string, string>>;
  /**
   * Replaces variables of the environ when it is complete; `undefined` deletes one. Only where the
   * application is called directly.
   */
  environ?: Readonly<Record<string, unknown>>;
  /** When it is aborted, the client leaves. Default: it stays to the end. */
  signal?: AbortSignal;
  /** Called with each chunk of the body as it comes; the next is taken when its promise is fulfilled. */
  onChunk?: (chunk: Buffer) => Awaitable<void>;
}

/** A request as it is sent: what a {@link TestDriver} gets. */
export interface TestRequest {
  /** The method. */
  method: string;
  /** Path and query, percent-encoded: the request target in origin form. */
  target: string;
  /** In order; Host only if the test gave one. */
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
 * @param path begins with a slash; what is no ASCII is encoded, the rest left as it is
 * @param defaults headers that are sent unless the request has its own
 */
export async function buildRequest(
  path: string,
  options: RequestOptions,
  defaults: HeaderList,
): Promise<TestRequest> {
  const headers = listOf(options.headers ?? []);
  for (const header of defaults) setDefault(headers, ...header);
  const content = await contentOf(options);
  const { body } = content;
  if (content.type !== '') setDefault(headers, 'Content-Type', content.type);
  if (body instanceof Uint8Array) setDefault(headers, 'Content-Length', String(body.length));
  return {
    method: options.method ?? (body === undefined ? 'GET' : 'POST'),
    target: targetOf(path, options.query),
    headers,
    body,
    environ: options.environ ?? {},
    signal: options.signal,
    onChunk: options.onChunk,
  };
}

function listOf(headers: NonNullable<RequestOptions['headers']>): Header[] {
  return Symbol.iterator in headers ? [...headers] : Object.entries(headers);
}

function setDefault(headers: Header[], name: string, value: string): void {
  const lower = name.toLowerCase();
  if (!headers.some((header) => header[0].toLowerCase() === lower)) headers.push([name, value]);
}

function targetOf(path: string, query: RequestOptions['query']): string {
  const encoded = path.replace(/[^!-~]+/g, encodeURIComponent);
  if (query === undefined) return encoded;
  // URLSearchParams makes text of numbers by itself.
  const text = String(
    typeof query === 'string' ? query : new URLSearchParams(query as Record<string, string>),
  );
  if (text === '') return encoded;
  return encoded + (encoded.includes('?') ? '&' : '?') + text;
}

interface Content {
  body: TestRequest['body'];
  /** Its Content-Type if the kind of body has one, else `''`. */
  type: string;
}

async function contentOf({ body, json, form }: RequestOptions): Promise<Content> {
  if (json !== undefined) {
    return { body: Buffer.from(JSON.stringify(json)), type: 'application/json' };
  }
  if (form !== undefined) return encode(new URLSearchParams(form));
  if (body === undefined) return { body: undefined, type: '' };
  if (typeof body === 'string') return { body: Buffer.from(body), type: '' };
  if (body instanceof Uint8Array || Symbol.asyncIterator in body) return { body, type: '' };
  return encode(body);
}

/** Encodes a form as a browser does. `Response` knows how. */
async function encode(form: URLSearchParams | FormData | Blob): Promise<Content> {
  const encoded = new Response(form);
  const type = encoded.headers.get('content-type') ?? '';
  return { body: Buffer.from(await encoded.arrayBuffer()), type };
}
