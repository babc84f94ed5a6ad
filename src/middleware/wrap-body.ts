/** A body around another one, for middleware: its chunks changed, its end noticed. */

import { EMPTY, asBuffer } from '../bytes.ts';
import { BodyReader, endBoth } from '../handler/body-reader.ts';
import type { Step } from '../handler/body-reader.ts';
import { checkNames } from '../options.ts';
import type { OptionNames } from '../options.ts';
import { isPromise, toBytes } from '../response/chunk.ts';
import { FileWrapper } from '../response/file-wrapper.ts';
import { WrappedFile } from '../response/wrapped-file.ts';
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

const HOOKS: OptionNames<BodyHooks> = {
  close: 'function',
  flush: 'function',
  transform: 'function',
};

/** A body that {@link wrapBody} has made. */
export type WrappedBody = Body & {
  /** Ends the body as a gateway does it. Later calls do nothing. */
  close(): Awaitable<void>;
};

/**
 * Wraps the body that an application has returned, of whatever kind it is: it is iterated, and ended once, as a gateway
 * would do it. Of an array or a generator it makes a body that needs no promise; with an array of one chunk the response
 * has a Content-Length. That of the application is a header: if the length changes, it has to be taken out of those. The
 * hooks are called when the body is sent: the application has called `startResponse` then.
 *
 * Middleware that does not return the body has to end it: `await wrapBody(body).close()`.
 *
 * An application that throws has no body. Then none of the hooks is called.
 *
 * @throws {UsageError} for a hook that there is not, or that is no function
 */
export function wrapBody(body: Body, hooks?: BodyHooks): WrappedBody;
/** The same for what an application returns: a body, or the promise of one. */
export function wrapBody(body: Awaitable<Body>, hooks?: BodyHooks): Awaitable<WrappedBody>;
export function wrapBody(body: Awaitable<Body>, hooks: BodyHooks = {}): Awaitable<WrappedBody> {
  return isPromise(body) ? body.then((made) => wrap(made, hooks)) : wrap(body, hooks);
}

function wrap(body: unknown, hooks: BodyHooks): WrappedBody {
  checkNames('wrapBody', hooks, HOOKS);
  // One piece of text or bytes is one chunk, as for a gateway.
  const source = typeof body === 'string' || body instanceof Uint8Array ? [body] : body;
  const wrapped = new Wrapper(source, hooks);
  const keepsBytes = hooks.transform === undefined && hooks.flush === undefined;
  if (source instanceof FileWrapper && keepsBytes) return new WrappedFile(source, wrapped);
  const close = (): Awaitable<void> => wrapped.close();
  return wrapped.isAsync
    ? { [Symbol.asyncIterator]: () => wrapped.iterate(), close }
    : { [Symbol.iterator]: () => wrapped.iterate(), close };
}

const DONE: Step = { done: true, value: undefined };

/** The iterator of a wrapped body. What it answers with is no promise, unless the body has answered with one. */
class Wrapper {
  readonly #hooks: BodyHooks;
  #reader: BodyReader | undefined;
  #error: unknown; // why there is no reader
  readonly #isSingle: boolean; // its first chunk is the last
  #isOver = false; // nothing is left to be sent
  #isClosed = false;

  constructor(body: unknown, hooks: BodyHooks) {
    this.#hooks = hooks;
    this.#isSingle = Array.isArray(body) && body.length === 1;
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
  iterate(): Iterator<Uint8Array> & AsyncIterator<Uint8Array> {
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
    const value = this.#transform(step.value);
    if (!this.#isSingle && step.isLast !== true) return { done: false, value };
    const last = this.#flush();
    return {
      done: false,
      value: last.length === 0 ? value : Buffer.concat([toBytes(value), last]),
      isLast: true,
    };
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
