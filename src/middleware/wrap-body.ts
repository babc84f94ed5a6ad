/** A body around another one, for middleware: its chunks changed, its end noticed. */

import { EMPTY, asBuffer } from '../bytes.ts';
import { BodyReader, endBoth } from '../handler/body-reader.ts';
import type { Step } from '../handler/body-reader.ts';
import { isPromise, toBytes } from '../response/chunk.ts';
import { FileWrapper } from '../response/file-wrapper.ts';
import type { Awaitable, Body } from '../types.ts';

/** What {@link wrapBody} does with a body. */
export interface BodyHooks {
  /**
   * Called with each chunk, for the one that is sent in its place; empty: none. What the application sends with
   * `write()` does not come here. Default: chunks are sent as they are, and a file may be sent by the front end.
   */
  readonly transform?: ((chunk: Uint8Array) => Uint8Array) | undefined;
  /**
   * Called once, after the last chunk, for one more: not if the body fails, or is left before its end, as for HEAD.
   * Default: none.
   */
  readonly flush?: (() => Uint8Array | void) | undefined;
  /**
   * Called once, after the `close()` of the body itself: with the end of the response, an error, or when the client has
   * left. The request is over when a promise that it returns is settled.
   */
  readonly close?: (() => unknown) | undefined;
}

/** A body that {@link wrapBody} has made. */
export type WrappedBody = Body & {
  /** Ends the body as a gateway does it. Later calls do nothing. */
  close(): Awaitable<void>;
};

/**
 * Wraps the body that an application has returned, of whatever kind it is: it is iterated, and ended once, as a gateway
 * would do it. Of an array or a generator it makes a body that needs no promise; of an array of one chunk such an array,
 * so that the response has a Content-Length. Content-Length of the application is a header: if the length changes, it has
 * to be taken out of those. The hooks are called when the body is sent: the application has called `startResponse` then.
 *
 * Middleware that does not return the body has to end it: `await wrapBody(body).close()`.
 *
 * An application that throws has no body. Then none of the hooks is called.
 */
export function wrapBody(body: Body, hooks?: BodyHooks): WrappedBody;
/** The same for what an application returns: a body, or the promise of one. */
export function wrapBody(body: Awaitable<Body>, hooks?: BodyHooks): Awaitable<WrappedBody>;
export function wrapBody(body: Awaitable<Body>, hooks: BodyHooks = {}): Awaitable<WrappedBody> {
  return isPromise(body) ? body.then((made) => wrap(made, hooks)) : wrap(body, hooks);
}

function wrap(body: unknown, hooks: BodyHooks): WrappedBody {
  // One piece of text or bytes is one chunk, as for a gateway.
  const source = typeof body === 'string' || body instanceof Uint8Array ? [body] : body;
  const wrapped = new Wrapper(source, hooks);
  if (Array.isArray(source) && source.length === 1) return arrayOf(wrapped, source);
  const keepsBytes = hooks.transform === undefined && hooks.flush === undefined;
  if (source instanceof FileWrapper && keepsBytes) return new WrappedFile(source, wrapped);
  const close = (): Awaitable<void> => wrapped.close();
  return wrapped.isAsync
    ? { [Symbol.asyncIterator]: () => wrapped.iterator, close }
    : { [Symbol.iterator]: () => wrapped.iterator, close };
}

/**
 * An array with the one chunk of another array. The chunk is made when a gateway takes it, and not here: if this function
 * threw, nobody would have a body to close.
 */
function arrayOf(wrapped: Wrapper, source: readonly unknown[]): WrappedBody {
  const array: Uint8Array[] = [];
  let made: { readonly chunk: unknown } | undefined;
  const get = (): unknown => (made ??= { chunk: wrapped.only(source[0]) }).chunk;
  Object.defineProperty(array, 0, { get, enumerable: true });
  return Object.assign(array, { close: () => wrapped.close() });
}

/** It is a FileWrapper too: the front end may send the file. */
class WrappedFile extends FileWrapper {
  readonly #wrapped: Wrapper;

  constructor(file: FileWrapper, wrapped: Wrapper) {
    super(file.filelike, file.blockSize);
    this.#wrapped = wrapped;
  }

  override [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    return this.#wrapped.iterator;
  }

  override async close(): Promise<void> {
    await this.#wrapped.close();
  }
}

const DONE: Step = { done: true, value: undefined };

/** The iterator of a wrapped body. What it answers with is no promise, unless the body has answered with one. */
class Wrapper {
  readonly #hooks: BodyHooks;
  #reader: BodyReader | undefined;
  #error: unknown; // why there is no reader
  #isOver = false; // nothing is left to be sent
  #isClosed = false;

  constructor(body: unknown, hooks: BodyHooks) {
    this.#hooks = hooks;
    try {
      this.#reader = new BodyReader(body);
    } catch (error) {
      this.#error = error; // it fails as a body: so close() is called
    }
  }

  get isAsync(): boolean {
    return this.#reader?.isAsync === true;
  }

  /** Itself: synchronous if the body is. */
  get iterator(): Iterator<Uint8Array> & AsyncIterator<Uint8Array> {
    return this as unknown as Iterator<Uint8Array> & AsyncIterator<Uint8Array>;
  }

  next(): Awaitable<Step> {
    if (this.#isOver || this.#isClosed) return DONE;
    if (this.#reader === undefined) throw this.#error;
    const step = this.#reader.next();
    // `!`: undefined would mean that the reader was interrupted, which nobody does here.
    return isPromise(step) ? step.then((later) => this.#step(later!)) : this.#step(step!);
  }

  #step(step: Step): Step {
    if (this.#isClosed) return DONE; // the client has left meanwhile
    if (step.done === true) {
      const last = this.#flush();
      return last.length === 0 ? DONE : { done: false, value: last, isLast: true };
    }
    if (step.isLast === true) return { done: false, value: this.only(step.value), isLast: true };
    return { done: false, value: this.#transform(step.value) };
  }

  /** A chunk before which there is none and after which there is none, with what {@link BodyHooks.flush} adds. */
  only(chunk: unknown): unknown {
    const value = this.#transform(chunk);
    const last = this.#flush();
    return last.length === 0 ? value : Buffer.concat([toBytes(value), last]);
  }

  #transform(chunk: unknown): unknown {
    return this.#hooks.transform === undefined ? chunk : this.#hooks.transform(toBytes(chunk));
  }

  #flush(): Uint8Array {
    this.#isOver = true;
    return asBuffer(this.#hooks.flush?.() ?? EMPTY);
  }

  /** Ends the body, if that has not been done. An iterator that was left never goes on. */
  return(): Awaitable<Step> {
    const closing = this.close();
    return isPromise(closing) ? closing.then(() => DONE) : DONE;
  }

  close(): Awaitable<void> {
    if (this.#isClosed) return undefined;
    this.#isClosed = true;
    return endBoth(
      () => this.#reader?.close(),
      () => this.#hooks.close?.(),
    );
  }
}
