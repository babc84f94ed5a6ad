/** Tells whether a web stream has its whole body already. */

import type { Body } from '../../types.ts';

type Reader = ReadableStreamDefaultReader<Uint8Array>;
type Read = ReturnType<Reader['read']>;

/**
 * Makes a body from a web stream. If the stream gives one chunk and ends in this turn of the event loop, the body is an
 * array of that chunk: then the response has a Content-Length and is sent with one write. Most Responses are made from
 * text or bytes, but one can see it only by reading their stream.
 *
 * It does not wait for a slower stream, because the client may leave meanwhile.
 */
export async function readAhead(stream: ReadableStream<Uint8Array>): Promise<Body> {
  const reader = stream.getReader();
  const first = reader.read();
  const chunk = await withinThisTurn(first);
  if (chunk === undefined) return new StreamBody(reader, [first]);
  if (chunk.done) return [];
  const second = reader.read();
  const end = await withinThisTurn(second);
  return end?.done === true ? [chunk.value] : new StreamBody(reader, [first, second]);
}

/** The result of a read; undefined if it is still pending at the end of this turn of the event loop. */
async function withinThisTurn(read: Read): Promise<Awaited<Read> | undefined> {
  let late: NodeJS.Immediate | undefined;
  const turn = new Promise<undefined>((resolve) => (late = setImmediate(resolve, undefined)));
  try {
    return await Promise.race([read, turn]);
  } finally {
    clearImmediate(late);
  }
}

/** A stream of which some reads have been started. */
class StreamBody implements AsyncIterableIterator<Uint8Array> {
  readonly #reader: Reader;
  readonly #reads: Read[];

  constructor(reader: Reader, reads: Read[]) {
    this.#reader = reader;
    this.#reads = reads;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<Uint8Array>> {
    return (this.#reads.shift() ?? this.#reader.read()) as Promise<IteratorResult<Uint8Array>>;
  }

  async return(): Promise<IteratorResult<Uint8Array>> {
    await this.#reader.cancel();
    return { done: true, value: undefined };
  }
}
