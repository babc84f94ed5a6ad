/** A body that is there already, told from one that is still being made. */

import type { Body } from '../../types.ts';

type Reader = ReadableStreamDefaultReader<Uint8Array>;
type Read = ReturnType<Reader['read']>;

/**
 * A web stream as a body. When it has but one chunk, and ends with it, without waiting for anything, the
 * body is an array of that chunk: so the response gets its length, and leaves in one piece. Most
 * Responses are made of text or bytes, and only their stream tells.
 *
 * It is not waited for a stream that waits: the client may leave meanwhile.
 */
export async function readAhead(stream: ReadableStream<Uint8Array>): Promise<Body> {
  const reader = stream.getReader();
  const first = reader.read();
  const chunk = await soon(first);
  if (chunk === undefined) return new StreamBody(reader, [first]);
  if (chunk.done) return [];
  const second = reader.read();
  const end = await soon(second);
  return end?.done === true ? [chunk.value] : new StreamBody(reader, [first, second]);
}

/** What a read gives in this turn of the event loop, or undefined. */
async function soon(read: Read): Promise<Awaited<Read> | undefined> {
  let late: NodeJS.Immediate | undefined;
  const turn = new Promise<undefined>((resolve) => (late = setImmediate(resolve, undefined)));
  try {
    return await Promise.race([read, turn]);
  } finally {
    clearImmediate(late);
  }
}

/** The rest of a stream of which some reads are under way. */
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
