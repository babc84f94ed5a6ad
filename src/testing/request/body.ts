/** The body of a test's request, encoded. */

import { UsageError } from '../../errors.ts';
import { describe } from '../../response/chunk.ts';

/** A body as a test gives it. */
export interface BodyParts {
  /** The body: text is sent as UTF-8, a stream in its own chunks and without a Content-Length. Default: none. */
  body?: string | Uint8Array | URLSearchParams | FormData | Blob | AsyncIterable<Uint8Array>;
  /** A body of JSON, instead of `body`. */
  json?: unknown;
  /** A body as HTML forms send it, urlencoded, instead of `body`. */
  form?: Readonly<Record<string, string>>;
}

/** A body as it is sent. */
export interface Content {
  /** Whole, or as a stream of unknown length, or none. */
  body: Uint8Array | AsyncIterable<Uint8Array> | undefined;
  /** Its Content-Type if the kind of body has one, else `''`. */
  type: string;
}

/** @throws {UsageError} for what is no body */
export async function encodeBody({ body, json, form }: BodyParts): Promise<Content> {
  if (json !== undefined) return { body: encodeJson(json), type: 'application/json' };
  if (form !== undefined) return encodeForm(new URLSearchParams(form));
  if (body === undefined) return { body: undefined, type: '' };
  if (typeof body === 'string') return { body: Buffer.from(body), type: '' };
  if (body instanceof Uint8Array) return { body, type: '' };
  if (body instanceof URLSearchParams || body instanceof FormData || body instanceof Blob) {
    return encodeForm(body);
  }
  if (typeof body === 'object' && body !== null && Symbol.asyncIterator in body) {
    return { body: bytesOf(body), type: '' };
  }
  throw new UsageError(
    `the body is ${describe(body)}, not text, bytes, a form or a stream; json sends any value as JSON`,
  );
}

function encodeJson(json: unknown): Buffer {
  let text: string | undefined;
  try {
    text = JSON.stringify(json);
  } catch (error) {
    const [line] = (error as Error).message.split('\n', 1);
    throw new UsageError(`json cannot be sent: ${line}`, { cause: error });
  }
  if (text === undefined) throw new UsageError(`json cannot be sent: it is ${describe(json)}`);
  return Buffer.from(text);
}

/** Encodes a form as a browser does. `Response` knows how. */
async function encodeForm(form: URLSearchParams | FormData | Blob): Promise<Content> {
  const encoded = new Response(form);
  const type = encoded.headers.get('content-type') ?? '';
  return { body: Buffer.from(await encoded.arrayBuffer()), type };
}

async function* bytesOf(chunks: AsyncIterable<unknown>): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    if (typeof chunk === 'string') yield Buffer.from(chunk);
    else if (chunk instanceof Uint8Array) yield chunk;
    else throw new UsageError(`a chunk of the body is ${describe(chunk)}, not bytes`);
  }
}
