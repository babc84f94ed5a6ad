/** `wsgi.input` as the application sees it: the methods of Python's files, over bytes that come in. */

import { EMPTY } from '../bytes.ts';
import type { ByteQueue } from '../bytes.ts';
import { HIGH_WATER_MARK } from '../limits.ts';
import type { Input } from '../types.ts';

const DONE: IteratorReturnResult<undefined> = { done: true, value: undefined };

/** The methods that read. Where the bytes come from is the subclass's part. */
export abstract class InputReader implements Input {
  /** Bytes that have come and were not read. @internal */
  protected abstract readonly queue: ByteQueue;

  /** Whether what is left of the body is in the queue, all of it. @internal */
  protected abstract get isWhole(): boolean;

  /**
   * Calls `attempt` now, and again whenever more has come, until it gives bytes.
   *
   * @throws {InputError} (rejects) when the body cannot be read, or another read is pending
   * @internal
   */
  protected abstract whenAvailable(attempt: () => Buffer | undefined): Promise<Buffer>;

  /** Bytes were taken off the queue. @internal */
  protected abstract noteTaken(length: number): void;

  read(size?: number): Promise<Buffer> {
    const wanted = countOf(size);
    return this.whenAvailable(() =>
      this.queue.length >= wanted || this.isWhole ? this.#take(wanted) : undefined,
    );
  }

  read1(size?: number): Promise<Buffer> {
    const most = countOf(size);
    return this.whenAvailable(() => {
      if (most > 0 && this.queue.length === 0 && !this.isWhole) return undefined;
      const piece = this.queue.shift(most);
      this.noteTaken(piece.length);
      return piece;
    });
  }

  readline(limit?: number): Promise<Buffer> {
    const most = countOf(limit);
    let searched = 0;
    return this.whenAvailable(() => {
      const newline = this.queue.indexOf(0x0a, searched);
      searched = this.queue.length;
      if (newline >= 0) return this.#take(Math.min(newline + 1, most));
      return searched >= most || this.isWhole ? this.#take(most) : undefined;
    });
  }

  async readlines(hint = -1): Promise<Buffer[]> {
    const lines: Buffer[] = [];
    let total = 0;
    for await (const line of this.lines()) {
      lines.push(line);
      total += line.length;
      if (hint > 0 && total >= hint) break;
    }
    return lines;
  }

  async *lines(): AsyncIterableIterator<Buffer> {
    for (let line = await this.readline(); line.length > 0; line = await this.readline()) {
      yield line;
    }
  }

  /** Iterates over chunks of at most 65,536 bytes. */
  // By hand: a generator would hold on to its last chunk, and take more promises for each.
  [Symbol.asyncIterator](): AsyncIterableIterator<Buffer> {
    let isOver = false;
    const iterator: AsyncIterableIterator<Buffer> = {
      [Symbol.asyncIterator]: () => iterator,
      next: () => (isOver ? Promise.resolve(DONE) : this.read1(HIGH_WATER_MARK).then(step, fail)),
      return() {
        isOver = true;
        return Promise.resolve(DONE);
      },
    };
    function step(chunk: Buffer): IteratorResult<Buffer> {
      if (chunk.length > 0) return { done: false, value: chunk };
      isOver = true;
      return DONE;
    }
    function fail(error: unknown): never {
      isOver = true;
      throw error;
    }
    return iterator;
  }

  #take(size: number): Buffer {
    const bytes = size === 0 ? EMPTY : this.queue.take(size);
    this.noteTaken(bytes.length);
    return bytes;
  }
}

/**
 * A number of bytes as an application gives it. As in Python none and a negative one mean all; so does
 * NaN, which is what `Number(environ.CONTENT_LENGTH)` is for a body without a declared length.
 */
function countOf(size: number | undefined): number {
  const count = Math.trunc(Number(size ?? -1));
  return count >= 0 ? count : Infinity;
}
