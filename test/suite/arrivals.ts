/** Bytes that have arrived, one piece at a time, and no more of them than somebody asks for. */

/** Where they come from. */
export interface Source {
  pause(): unknown;
  resume(): unknown;
}

/**
 * What has arrived before an error is not lost with it, as it is with a stream's own iterator: a
 * response may have been complete before the connection broke.
 */
export class Arrivals implements AsyncIterator<Buffer> {
  readonly #source: Source;
  readonly #waiting: Buffer[] = [];
  #end: { error?: Error } | undefined;
  #discarding = false;
  #wake: (() => void) | undefined;

  constructor(source: Source) {
    this.#source = source;
    source.pause();
  }

  async next(): Promise<IteratorResult<Buffer>> {
    while (this.#waiting.length === 0 && this.#end === undefined) {
      this.#source.resume();
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    const value = this.#waiting.shift();
    if (value !== undefined) return { done: false, value };
    if (this.#end!.error !== undefined) throw this.#end!.error;
    return { done: true, value: undefined };
  }

  /** What still comes is of no interest, and is not to be in anyone's way. */
  discard(): void {
    this.#discarding = true;
    this.#source.resume();
  }

  push(bytes: Buffer): void {
    if (this.#discarding) return;
    this.#waiting.push(bytes);
    this.#source.pause();
    this.#wake?.();
  }

  /** Nothing more will come; with an error, because something broke. Only the first call counts. */
  end(error?: Error): void {
    this.#end ??= error === undefined ? {} : { error };
    this.#wake?.();
  }
}
