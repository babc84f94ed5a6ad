/** Checks both sides of a body: what the application returns, and how the gateway iterates and closes it. */

import { BodyReader } from '../handler/body-reader.ts';
import type { Step } from '../handler/body-reader.ts';
import { isPromise } from '../response/chunk.ts';
import { FileWrapper } from '../response/file-wrapper.ts';
import { WrappedFile } from '../response/wrapped-file.ts';
import type { Awaitable, Body } from '../types.ts';
import { check, violation } from './rules.ts';

type Checked = IteratorResult<Uint8Array, undefined> & { isLast?: boolean };

/** The response to which a body belongs. */
export interface Progress {
  /**
   * Called with each chunk that is not empty.
   *
   * @param isCut whether bytes beyond Content-Length are allowed, because the gateway drops them on purpose
   * @throws {ValidationError} when the response must not have this chunk
   */
  output(chunk: Uint8Array, isCut?: boolean): void;
  /** Called at the end of the body. @throws {ValidationError} when the response must not end here */
  end(): void;
}

/**
 * Wraps a body so that every step is checked. To the gateway it stays of the same kind: synchronous or not, an array of
 * length one, a file wrapper.
 *
 * @throws {ValidationError} for anything that is not a body
 */
export function checkBody(body: unknown, progress: Progress): Body {
  const isBare = typeof body === 'string' || ArrayBuffer.isView(body);
  check(!isBare, 'body.bare', body);
  check(isIterable(body), 'body.iterable', body);
  const checked = new CheckedBody(body, progress);
  const wrapped = wrap(body, checked);
  checked.watch(wrapped);
  return wrapped;
}

function isIterable(body: unknown): body is object {
  if (typeof body !== 'object' || body === null) return false;
  return Symbol.iterator in body || Symbol.asyncIterator in body || 'getReader' in body;
}

function wrap(body: object, checked: CheckedBody): Body {
  if (Array.isArray(body) && body.length === 1) return wrapSingle(body, checked);
  if (body instanceof FileWrapper) return new WrappedFile(body, checked);
  const close = (): Awaitable<void> => checked.close();
  return isAsync(body)
    ? { [Symbol.asyncIterator]: () => checked.iterate(), close }
    : { [Symbol.iterator]: () => checked.iterate(), close };
}

function isAsync(body: object): boolean {
  return Symbol.asyncIterator in body || 'getReader' in body;
}

/**
 * Wraps an array of length one. Gateways take its only chunk without iterating, to know the Content-Length. The chunk is
 * checked when it is taken, and not here: if this function threw, the gateway would have no body to close.
 */
function wrapSingle(body: readonly unknown[], checked: CheckedBody): Body {
  const array: Uint8Array[] = [];
  const get = (): Uint8Array => checked.single(body[0]);
  Object.defineProperty(array, 0, { get, enumerable: true });
  return Object.assign(array, { close: () => checked.close() });
}

/** Warns of bodies that were collected as garbage without close(): no call is left that could throw. */
const unclosed = new FinalizationRegistry<string>((what) => {
  process.emitWarning(violation('body.not-closed', what, 'never called for'));
});

class CheckedBody {
  readonly #body: object;
  readonly #progress: Progress;
  #reader: BodyReader | undefined;
  #closed = false;

  constructor(body: object, progress: Progress) {
    this.#body = body;
    this.#progress = progress;
  }

  /** Warns if `wrapper` is collected as garbage before it was closed. */
  watch(wrapper: object): void {
    unclosed.register(wrapper, this.#body.constructor?.name ?? 'Object', this);
  }

  /** The iterator is synchronous if that of the body is. */
  iterate(): Iterator<Uint8Array> & AsyncIterator<Uint8Array> {
    const iterator = {
      next: () => this.#next(),
      // Nothing is done here: close() has to follow, and ends the iterator of the body too.
      return: () => ({ done: true, value: undefined }),
    };
    return iterator as unknown as Iterator<Uint8Array> & AsyncIterator<Uint8Array>;
  }

  /** The only chunk of an array. */
  single(chunk: unknown): Uint8Array {
    check(!this.#closed, 'body.after-close', this.#body);
    const bytes = this.#chunk(chunk);
    this.#progress.end();
    return bytes;
  }

  close(): Awaitable<void> {
    check(!this.#closed, 'body.closed-twice', this.#body);
    this.#closed = true;
    unclosed.unregister(this);
    return (this.#reader ??= new BodyReader(this.#body)).close();
  }

  #next(): Awaitable<Checked> {
    check(!this.#closed, 'body.after-close', this.#body);
    const step = (this.#reader ??= new BodyReader(this.#body)).next();
    // `!`: undefined would mean that the reader was interrupted, which nobody does here.
    return isPromise(step) ? step.then((later) => this.#step(later!)) : this.#step(step!);
  }

  #step(step: Step): Checked {
    if (step.done === true) {
      this.#progress.end();
      return { done: true, value: undefined };
    }
    const value = this.#chunk(step.value);
    if (step.isLast !== true) return { done: false, value };
    this.#progress.end();
    return { done: false, value, isLast: true };
  }

  #chunk(chunk: unknown): Uint8Array {
    check(chunk instanceof Uint8Array, 'body.chunk', chunk);
    if (chunk.length > 0) this.#progress.output(chunk, this.#body instanceof FileWrapper);
    return chunk;
  }
}
