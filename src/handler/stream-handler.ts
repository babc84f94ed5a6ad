/** A handler over four streams that anyone can give it, as wsgiref's `SimpleHandler`. */

import type { Readable, Writable } from 'node:stream';

import { BaseHandler } from './base-handler.ts';
import { EMPTY } from '../bytes.ts';
import { addVariable } from '../environ/environ.ts';
import type { Variables } from '../environ/environ.ts';
import { InputStream } from '../input/input-stream.ts';
import type { InputSource } from '../input/input-source.ts';
import type { ErrorStream, GatewayName, GatewayOptions } from '../types.ts';

/** What {@link StreamHandler} runs on. */
export interface HandlerStreams {
  /**
   * The request body; not read beyond CONTENT_LENGTH. It may be a getter: it is not looked at before
   * the application reads.
   */
  stdin: Readable;
  /** Takes the response. It is not ended: more may have to be written to it. A broken response destroys it. */
  stdout: OutputStream;
  /** `wsgi.errors`. */
  stderr: ErrorStream | Writable;
  /** CGI variables, byte strings (RFC 3875 § 4.1). */
  environ: Readonly<Record<string, string>>;
}

/** What a {@link StreamHandler} needs of the stream that takes its response. A Writable has all of it. */
export interface OutputStream {
  /** @returns whether more can be taken at once; if not, 'drain' follows */
  write(bytes: Uint8Array): boolean;
  /** Drops what has not been written. 'close' follows. */
  destroy(): unknown;
  /** Whether nothing more is taken. */
  readonly destroyed: boolean;
  /** Whether 'drain' is to be waited for. */
  readonly writableNeedDrain: boolean;
  /** Adds a listener. */
  on(event: 'drain' | 'close' | 'error', listener: () => void): unknown;
  /** Removes a listener. */
  off(event: 'drain' | 'close' | 'error', listener: () => void): unknown;
}

/** Serves one request from streams, with a response as in CGI (RFC 3875 § 6). */
export class StreamHandler extends BaseHandler {
  override readonly gateway: GatewayName = 'cgi';
  override readonly takesText = true;
  /** As given to the constructor. */
  protected readonly streams: HandlerStreams;

  /** @param streams when `stdout` is closed or fails, the client has left */
  constructor(streams: HandlerStreams, options: GatewayOptions = {}) {
    super(options);
    this.streams = streams;
    // A broken pipe comes as an error, a closed one only as 'close'.
    streams.stdout.on('error', () => this.disconnect());
    streams.stdout.on('close', () => this.disconnect());
  }

  protected override addCgiVars(environ: Variables): void {
    for (const [name, value] of Object.entries(this.streams.environ)) {
      addVariable(environ, name, value);
    }
  }

  protected override getStdin(): InputStream {
    return readFrom(() => this.streams.stdin, this.contentLength);
  }

  protected override getStderr(): ErrorStream {
    const { stderr } = this.streams;
    return 'writelines' in stderr ? stderr : writeTo((text) => void stderr.write(text));
  }

  protected override send(head: string, chunk: Uint8Array): boolean {
    return this.streams.stdout.write(withHead(head, chunk));
  }

  protected override drained(): Promise<void> {
    const { stdout } = this.streams;
    // A destroyed stream takes everything, and an endless body would never let its 'close' come.
    if (stdout.destroyed) this.disconnect();
    if (stdout.destroyed || !stdout.writableNeedDrain) return Promise.resolve();
    return new Promise((resolve) => {
      const settle = (): void => {
        for (const event of READY) stdout.off(event, settle);
        resolve();
      };
      for (const event of READY) stdout.on(event, settle);
    });
  }

  protected override finish(head: string, last: Uint8Array | string | undefined): void {
    if (head !== '' || last !== undefined) this.streams.stdout.write(withHead(head, last));
  }

  protected override abandon(): void {
    this.streams.stdout.destroy();
  }
}

/** The events after which waiting for the sink is over. */
const READY = ['drain', 'close', 'error'] as const;

/** Head and chunk in one piece: one system call for a small response. */
function withHead(head: string, chunk: Uint8Array | string = EMPTY): Uint8Array {
  if (typeof chunk === 'string') return Buffer.from(head + chunk, 'latin1');
  if (head === '') return chunk;
  const bytes = Buffer.from(head, 'latin1');
  return chunk.length === 0 ? bytes : Buffer.concat([bytes, chunk]);
}

/** Makes an {@link ErrorStream} of a function that takes text, for `getStderr()` of a gateway. */
export function writeTo(write: (text: string) => void): ErrorStream {
  return {
    write,
    writelines(lines) {
      for (const line of lines) write(line);
    },
    flush() {},
  };
}

/**
 * `wsgi.input` over a readable stream, which is not touched before the application reads.
 *
 * @param open gives the stream; called by the first read
 * @param length of the body in bytes, -1 when it ends with the stream
 */
export function readFrom(open: () => Readable, length: number): InputStream {
  let stream: Readable | undefined;
  const source: InputSource = {
    resume() {
      stream ??= open().on('data', onData).on('end', onEnd).on('close', onEnd).on('error', onError);
      stream.resume();
    },
    pause() {
      stream!.pause();
    },
  };
  const input = new InputStream(length, source);
  function onData(chunk: Buffer): void {
    input.push(chunk);
    if (input.complete) detach();
  }
  function onEnd(): void {
    input.end();
  }
  function onError(error: Error): void {
    input.destroy(error);
  }
  function detach(): void {
    stream!.off('data', onData).off('end', onEnd).off('close', onEnd);
    // An end that never comes must not keep the process alive (RFC 3875 § 4.2).
    stream!.pause();
  }
  return input;
}
