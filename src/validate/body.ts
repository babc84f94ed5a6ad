/** Both sides of a body: what the application returns, and how the gateway iterates and closes it. */

import { BodyReader } from '../handler/body.ts';
import { isPromise } from '../response/chunk.ts';
import { FileWrapper } from '../response/file-wrapper.ts';
import type { Awaitable, Body } from '../types.ts';
import { check, violation } from './rules.ts';

type Step = IteratorResult<Uint8Array, undefined>;

/** What is known of the response while its body is sent. */
export interface Progress {
  /**
   * A chunk that is not empty comes.
   *
   * @param isCut whether what lies behind the Content-Length is left out on purpose
   * @throws {ValidationError} when it must not
   */
  output(chunk: Uint8Array, isCut?: boolean): void;
  /** The body has ended. @throws {ValidationError} when it must not */
  end(): void;
}

/**
 * Wraps a body so that every step is checked. A body stays what it was to a gateway: synchronous or
 * not, an array of length one, a file wrapper.
 *
 * @throws {ValidationError} when it is no body
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
  if (body instanceof FileWrapper) return new CheckedFileWrapper(body, checked);
  const close = (): Awaitable<void> => checked.close();
  return isAsync(body)
    ? { [Symbol.asyncIterator]: () => checked.iterate(), close }
    : { [Symbol.iterator]: () => checked.iterate(), close };
}

function isAsync(body: object): boolean {
  return Symbol.asyncIterator in body || 'getReader' in body;
}

/**
 * An array of length one, of which gateways know the Content-Length: they need not iterate it. So the
 * chunk is checked when it is taken, not before: a body that the gateway never gets is never closed.
 */
function wrapSingle(body: readonly unknown[], checked: CheckedBody): Body {
  const array: Uint8Array[] = [];
  const get = (): Uint8Array => checked.single(body[0]);
  Object.defineProperty(array, 0, { get, enumerable: true });
  return Object.assign(array, { close: () => checked.close() });
}

/** Still a FileWrapper, which a gateway may hand over to the front end instead of iterating it. */
class CheckedFileWrapper extends FileWrapper {
  readonly #checked: CheckedBody;

  constructor(body: FileWrapper, checked: CheckedBody) {
    super(body.filelike, body.blockSize);
    this.#checked = checked;
  }

  override [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    return this.#checked.iterate();
  }

  override async close(): Promise<void> {
    await this.#checked.close();
  }
}

/** Tells of bodies that were given up without close(): nobody is left to throw an error at. */
const forgotten = new FinalizationRegistry<string>((what) => {
  process.emitWarning(violation('body.not-closed', what, 'it never was, of'));
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

  /** Waits for `wrapper` to be closed before it is garbage. */
  watch(wrapper: object): void {
    forgotten.register(wrapper, this.#body.constructor?.name ?? 'Object', this);
  }

  /** Synchronous or not as the body is. */
  iterate(): Iterator<Uint8Array> & AsyncIterator<Uint8Array> {
    const iterator = {
      next: () => this.#next(),
      // Leaving a body is half of what close() does, which has to follow.
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
    forgotten.unregister(this);
    return (this.#reader ??= new BodyReader(this.#body)).close();
  }

  #next(): Awaitable<Step> {
    check(!this.#closed, 'body.after-close', this.#body);
    const step = (this.#reader ??= new BodyReader(this.#body)).next();
    // Nobody interrupts it.
    return isPromise(step) ? step.then((later) => this.#step(later!)) : this.#step(step!);
  }

  #step(step: IteratorResult<unknown>): Step {
    if (step.done === true) {
      this.#progress.end();
      return { done: true, value: undefined };
    }
    return { done: false, value: this.#chunk(step.value) };
  }

  #chunk(chunk: unknown): Uint8Array {
    check(chunk instanceof Uint8Array, 'body.chunk', chunk);
    if (chunk.length > 0) this.#progress.output(chunk, this.#body instanceof FileWrapper);
    return chunk;
  }
}
