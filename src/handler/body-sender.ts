/** A body on its way: chunk by chunk from the application to the gateway, as fast as the gateway takes them. */

import { HIGH_WATER_MARK } from '../limits.ts';
import { isPromise } from '../response/chunk.ts';
import type { RawChunk } from '../response/chunk.ts';
import { FileWrapper } from '../response/file-wrapper.ts';
import { BodyReader } from './body-reader.ts';
import type { Step } from './body-reader.ts';
import { ResponseSender } from './response-sender.ts';

/** How long a body is read before other requests get their turn, in milliseconds. */
const TURN_TIME = 10;
/** And how much of it, in bytes. */
const TURN_SIZE = 3 * HIGH_WATER_MARK;

/**
 * A body that never waits, a synchronous generator above all, would keep the event loop for itself until its end. So
 * would an async one whose promises are resolved already.
 */
class Turn {
  #size = 0;
  #end = Date.now() + TURN_TIME;

  /** @returns whether others have to get their turn after this chunk */
  endsWith(chunk: RawChunk): boolean {
    this.#size += (chunk as Uint8Array | string).length;
    if (this.#size < TURN_SIZE && Date.now() < this.#end) return false;
    this.#size = 0;
    this.#end = Date.now() + TURN_TIME;
    return true;
  }
}

function othersTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/** Reads the body that the application has returned, sends it, and closes it. */
export abstract class BodySender extends ResponseSender {
  #reader: BodyReader | undefined; // none for an array, which needs no closing

  /** The body was sent, or nobody is there to take it. @internal */
  protected abstract bodySent(): void;

  /** The body could not be read or sent to its end. @internal */
  protected abstract bodyFailed(error: unknown): void;

  /**
   * Sends a body to its end, then calls {@link bodySent}, or else {@link bodyFailed}: one of them, once.
   * Never throws.
   * @internal
   */
  protected sendBody(body: unknown): void {
    try {
      if (this.#send(body)) this.bodySent();
    } catch (error) {
      this.bodyFailed(error);
    }
  }

  /** @returns false when sending takes more than this turn; it then ends by itself */
  #send(body: unknown): boolean {
    // One piece of text or bytes is one chunk, not one per character or number.
    const chunks = typeof body === 'string' || body instanceof Uint8Array ? [body] : body;
    if (!Array.isArray(chunks) || 'close' in chunks) this.#reader = new BodyReader(chunks);
    if (this.gone) return true;
    if (Array.isArray(chunks) && chunks.length === 1) {
      this.completeWith(chunks[0]);
      return true;
    }
    if (body instanceof FileWrapper && this.delegate(body)) {
      this.complete();
      return true;
    }
    const reader = (this.#reader ??= new BodyReader(chunks));
    if (!reader.isAsync || this.bodyIsOver) return this.#pump(reader);
    this.#pumpAsync(reader);
    return false;
  }

  /** A body that answers at once. @returns as {@link #send} */
  #pump(reader: BodyReader): boolean {
    let turn: Turn | undefined; // not for a body of one chunk
    while (!this.bodyIsOver) {
      const step = reader.next() as Step;
      if (step.done === true) break;
      if (step.isLast === true) {
        this.completeWith(step.value);
        return true;
      }
      const takesMore = this.sendChunk(step.value);
      if (!takesMore || turn?.endsWith(step.value) === true) {
        this.#endAfter(this.#pumpAfter(takesMore ? othersTurn() : this.drained(), reader));
        return false;
      }
      turn ??= new Turn();
    }
    this.complete();
    return true;
  }

  /** The first chunk of many bodies is the last: that takes no promise. */
  #pumpAsync(reader: BodyReader): void {
    const onStep = (step: Step | undefined): void => {
      if (step?.isLast === true) this.sendBody([step.value]);
      else this.#endAfter(this.#pumpFrom(step, reader));
    };
    reader.pull(onStep, (error) => this.bodyFailed(error));
  }

  async #pumpFrom(first: Step | undefined, reader: BodyReader): Promise<void> {
    let turn: Turn | undefined;
    for (let step = first; step !== undefined; step = await reader.next()) {
      if (step.done === true) return this.complete();
      if (step.isLast === true) return this.completeWith(step.value);
      const takesMore = this.sendChunk(step.value);
      if (turn?.endsWith(step.value) === true) await othersTurn();
      turn ??= new Turn();
      if (!takesMore) await this.drained();
      if (this.bodyIsOver) return this.complete();
    }
    // No step: the client left meanwhile.
  }

  async #pumpAfter(wait: Promise<void>, reader: BodyReader): Promise<void> {
    await wait;
    return this.bodyIsOver ? this.complete() : this.#pumpFrom(await reader.next(), reader);
  }

  #endAfter(rest: Promise<void>): void {
    rest.then(
      () => this.bodySent(),
      (error: unknown) => this.bodyFailed(error),
    );
  }

  /** Nobody waits for the body any more. @internal */
  protected interruptBody(): void {
    // A body that waits for something would never notice; one that is running will, after its chunk.
    if (this.#reader?.isAsync === true) void this.closeBody();
    this.#reader?.interrupt();
  }

  /**
   * Closes the body, once. What that throws is logged, unless the client has left.
   *
   * @returns a promise when there is something to wait for; it is never rejected
   * @internal
   */
  protected closeBody(): Promise<void> | undefined {
    if (this.#reader === undefined) return undefined;
    try {
      const closed = this.#reader.close();
      // With the client gone nobody waits for it, and it may never settle.
      if (!isPromise(closed)) return undefined;
      const quiet = Promise.resolve(closed).then(undefined, (error: unknown) =>
        this.#closeFailed(error),
      );
      return this.gone ? undefined : quiet;
    } catch (error) {
      this.#closeFailed(error);
      return undefined;
    }
  }

  #closeFailed(error: unknown): void {
    if (!this.gone) this.report(error);
  }
}
