/** Standard output, reserved for the response. */

import { EventEmitter } from 'node:events';
import { writeSync } from 'node:fs';
import type { Writable } from 'node:stream';

import { prepareStream } from '../../src/logging/standard-streams.ts';

/** Bytes that a pipe takes while nobody reads it (pipe(7)). A socket takes more. */
const PIPE_CAPACITY = 64 * 1024;

let taken: ResponseOutput | undefined;

/**
 * Reserves standard output for the response. From now on what is written to `process.stdout`, by `console.log` for
 * example, goes to standard error, and so to the web server's error log.
 *
 * This does not cover `fs.writeSync(1, …)`, child processes that inherit the descriptor, and what was written before.
 *
 * @returns what writes to standard output; the same one for each call
 */
export function takeStdout(): ResponseOutput {
  return (taken ??= new ResponseOutput(redirectStdout()));
}

/**
 * The response on its way to standard output: of a Writable it has what a handler needs.
 *
 * As much as a pipe takes is written at once, without a stream. The rest goes through Node's own stream, which waits for
 * the reader without holding up the process: signals, timers and the application go on.
 */
export class ResponseOutput extends EventEmitter<{ drain: []; close: []; error: [unknown] }> {
  readonly #openStream: () => Writable;
  #stream: Writable | undefined;
  #written = 0; // without a stream
  #isDestroyed = false;
  #isEnded = false;

  /** @param openStream gives the stream for what is not written at once */
  constructor(openStream: () => Writable) {
    super();
    this.#openStream = openStream;
  }

  /** Whether nothing more is written: the reader has left, or {@link destroy} was called. */
  get destroyed(): boolean {
    return this.#stream?.destroyed ?? this.#isDestroyed;
  }

  /** Whether 'drain' is to be waited for. */
  get writableNeedDrain(): boolean {
    return this.#stream?.writableNeedDrain ?? false;
  }

  /** @returns whether more can be taken at once */
  write(bytes: Uint8Array): boolean {
    if (this.destroyed) return true;
    const rest = this.#stream === undefined ? this.#writeAtOnce(bytes) : bytes;
    return rest === undefined || this.#open().write(rest);
  }

  /** Drops what has not been written, and writes nothing more. */
  destroy(): void {
    if (this.destroyed) return;
    this.#isDestroyed = true;
    if (this.#stream !== undefined) this.#stream.destroy();
    else process.nextTick(() => this.emit('close'));
  }

  /** @returns a promise that is fulfilled when all has been written, or never will be; undefined when that is so already */
  end(): Promise<void> | undefined {
    this.#isEnded = true;
    const stream = this.#stream;
    if (stream === undefined || stream.closed) return undefined;
    return new Promise((resolve) => {
      stream.once('close', resolve);
      stream.end();
    });
  }

  /** Whether everything has been written, and {@link end} was called. */
  get isFinished(): boolean {
    return this.#stream?.writableFinished ?? (this.#isEnded && !this.#isDestroyed);
  }

  /** @returns what is left for the stream; undefined if nothing is */
  #writeAtOnce(bytes: Uint8Array): Uint8Array | undefined {
    let rest = bytes;
    try {
      while (rest.length > 0) {
        if (this.#written + rest.length > PIPE_CAPACITY) return rest;
        const length = writeSync(1, rest);
        this.#written += length;
        rest = rest.subarray(length);
      }
    } catch (error) {
      // The descriptor does not block, and is full.
      if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return rest;
      this.destroy();
    }
    return undefined;
  }

  #open(): Writable {
    if (this.#stream !== undefined) return this.#stream;
    const stream = this.#openStream();
    stream.on('drain', () => this.emit('drain'));
    stream.on('error', () => {}); // 'close' follows
    stream.on('close', () => this.emit('close'));
    return (this.#stream = stream);
  }
}

/**
 * Sends what is written to `process.stdout` to standard error.
 *
 * @returns a function that gives a stream to standard output
 */
function redirectStdout(): () => Writable {
  let write: Writable['write'];
  const open = prepareStream('stdout', (stdout) => {
    write = stdout.write.bind(stdout) as Writable['write'];
    // Replaces the method, not the stream: a console or a library may already hold it.
    stdout.write = ((...args: Parameters<typeof process.stderr.write>) => {
      process.stderr.write(...args);
      // Never false: this stream emits no 'drain' for what stderr takes.
      return true;
    }) as typeof stdout.write;
    // Each write also passes its error to its callback.
    stdout.on('error', () => {});
  });
  return () => {
    open();
    const stream = process.getBuiltinModule('node:stream');
    return new stream.Writable({
      write(chunk: Buffer, _encoding, done) {
        write(chunk, done);
      },
    });
  };
}
