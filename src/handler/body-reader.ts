/** The many shapes of a response body, as one: an iterator that can be asked, left and closed. */

import { ApplicationError } from '../errors.ts';
import { describe, isPromise } from '../response/chunk.ts';
import type { RawChunk } from '../response/chunk.ts';
import type { Awaitable } from '../types.ts';

/** A step of an iterator. Where it says so, nothing follows its chunk: the response can leave in one piece. */
export type Step = IteratorResult<RawChunk> & { isLast?: boolean };

/** Who has asked for a step. One of the two is called, once; neither throws. */
export interface PullCallbacks {
  onStep(step: Step): void;
  onError(error: unknown): void;
}

/** As {@link PullCallbacks}; `undefined` in place of a step after {@link BodyReader.interrupt}. */
interface Pending {
  onStep(step: Step | undefined): void;
  onError(error: unknown): void;
}

/**
 * Method of our own iterators: `next()` with callbacks. For a small response the promises would cost more than all else of
 * its body.
 */
export const PULL = Symbol('postern.pull');

type AnyIterator = {
  next(): Awaitable<Step>;
  return?(): unknown;
  [PULL]?(callbacks: PullCallbacks): void;
};

/** Members by which a body can be iterated; it has one of them. */
interface Iterables {
  getReader?(): ReadableStreamDefaultReader<RawChunk>;
  [Symbol.asyncIterator]?(): AnyIterator;
  [Symbol.iterator]?(): AnyIterator;
}

/** Members by which a body can be ended, each of them optional. */
interface Closable {
  close?: unknown;
  destroy?: unknown;
}

/**
 * A body while it is being sent.
 *
 * It is ended exactly once, in the way its kind knows: `return()` of an iterator that was left,
 * `destroy()` of a Node stream, `cancel()` of a web stream; and then its own `close()`.
 */
export class BodyReader implements PullCallbacks {
  readonly #body: object;
  readonly #iterator: AnyIterator;
  /** Whether `next` may answer with a promise. */
  readonly isAsync: boolean;
  #exhausted = false;
  #pending: Pending | undefined;
  #closed = false;

  /** @throws {ApplicationError} when `body` is nothing that can be iterated */
  constructor(body: unknown) {
    if (body === null || typeof body !== 'object') throw notIterable(body);
    this.#body = body;
    const source = body as Iterables;
    this.isAsync = source.getReader !== undefined || source[Symbol.asyncIterator] !== undefined;
    if (!this.isAsync && source[Symbol.iterator] === undefined) throw notIterable(body);
    this.#iterator = iterate(source);
  }

  /**
   * The next chunk. For a body that {@link isAsync}, a promise of it, or of `undefined` after {@link interrupt}.
   *
   * @throws what the body throws
   */
  next(): Awaitable<Step | undefined> {
    if (this.isAsync) return new Promise((resolve, reject) => this.pull(resolve, reject));
    try {
      const step = this.#iterator.next() as Step;
      if (!isStep(step)) throw noStep(step);
      return this.#note(step);
    } catch (error) {
      this.#exhausted = true;
      throw error;
    }
  }

  /**
   * {@link next} of a body that {@link isAsync}: calls one of the two, once.
   *
   * @param onStep must not throw, and neither must `onError`
   */
  pull(onStep: (step: Step | undefined) => void, onError: (error: unknown) => void): void {
    this.#pending = { onStep, onError };
    const iterator = this.#iterator;
    try {
      if (iterator[PULL] !== undefined) {
        iterator[PULL](this);
        return;
      }
      const next = iterator.next();
      if (isPromise(next)) {
        next.then(
          (step) => this.onStep(step),
          (error: unknown) => this.onError(error),
        );
      } else this.onStep(next);
    } catch (error) {
      this.onError(error);
    }
  }

  onStep(step: Step): void {
    if (!isStep(step)) {
      this.onError(noStep(step));
      return;
    }
    try {
      this.#note(step);
    } catch (error) {
      this.onError(error); // a getter of the step has thrown
      return;
    }
    this.#release()?.onStep(step);
  }

  onError(error: unknown): void {
    this.#exhausted = true;
    this.#release()?.onError(error);
  }

  /** Drops the waiter before it is called: it holds the whole request alive. */
  #release(): Pending | undefined {
    const pending = this.#pending;
    this.#pending = undefined;
    return pending;
  }

  /** Lets a pending {@link next} or {@link pull} answer at once: nobody waits for the chunk any more. */
  interrupt(): void {
    this.#release()?.onStep(undefined);
  }

  /** An iterator that has said that it is done, or has thrown, is not to be told to `return()`. */
  #note(step: Step): Step {
    if (step.done === true || step.isLast === true) this.#exhausted = true;
    return step;
  }

  /**
   * Ends the body; later calls do nothing.
   *
   * @returns a promise when there is something to wait for; rejected with what leaving or closing throws
   */
  close(): Awaitable<void> {
    if (this.#closed) return undefined;
    this.#closed = true;
    const body = this.#body as Closable & { close(): unknown };
    return endBoth(
      this.#exhausted ? undefined : () => leaveEarly(body, this.#iterator),
      typeof body.close === 'function' ? () => body.close() : undefined,
    );
  }
}

/**
 * Does both parts of an end. The second is done also if the first fails, and does not wait for it.
 *
 * @returns a promise when there is something to wait for; rejected with what one of the two throws
 */
export function endBoth(
  first: (() => unknown) | undefined,
  second: (() => unknown) | undefined,
): Awaitable<void> {
  const one = first && promised(first);
  const other = second && promised(second);
  if (!isPromise(one) && !isPromise(other)) return undefined;
  return Promise.all([one, other]).then(() => undefined);
}

function notIterable(body: unknown): ApplicationError {
  const what = describe(body);
  return new ApplicationError(
    `the application returned ${what}, which is no body${remedyFor(what)}`,
  );
}

/** What makes an application of a function that returns such a thing. */
function remedyFor(what: string): string {
  if (what === 'undefined') return '; fromNode() makes an application of a Node listener';
  return what.endsWith(' Response') ? '; fromFetch() makes an application of a fetch handler' : '';
}

function isStep(value: unknown): boolean {
  return value !== null && typeof value === 'object';
}

function noStep(value: unknown): ApplicationError {
  return new ApplicationError(
    `the iterator of the body gave ${describe(value)}, not { done, value }`,
  );
}

/** A body whose iterator cannot be made fails at its first chunk: it is closed like any other. */
function iterate(source: Iterables): AnyIterator {
  try {
    // Not the async iterator of a web stream: that one cannot be left while a read is pending.
    if (source.getReader !== undefined) return readerIterator(source.getReader());
    if (source[Symbol.asyncIterator] !== undefined) return source[Symbol.asyncIterator]!();
    return source[Symbol.iterator]!();
  } catch (error) {
    return {
      next() {
        throw error;
      },
    };
  }
}

function readerIterator(reader: ReadableStreamDefaultReader<RawChunk>): AnyIterator {
  return {
    next: () => reader.read() as Promise<IteratorResult<RawChunk>>,
    return: () => reader.cancel(),
  };
}

/** The result of one part of the end. An error becomes a rejection, so that the other part is still done. */
function promised(part: () => unknown): unknown {
  try {
    return part();
  } catch (error) {
    return Promise.reject(error);
  }
}

function leaveEarly(body: Closable, iterator: AnyIterator): unknown {
  // A Node stream's iterator returns only after a pending read; destroy() does not wait. The iterator
  // then rejects, which is expected.
  if (typeof body.destroy === 'function') {
    body.destroy();
    const returned = iterator.return?.();
    return isPromise(returned) ? returned.then(undefined, () => undefined) : undefined;
  }
  return iterator.return?.();
}
