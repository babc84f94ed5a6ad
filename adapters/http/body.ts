/** The body of one request: read from `IncomingMessage` into `wsgi.input`, or thrown away. */

import type { IncomingMessage, ServerResponse } from 'node:http';

import { LimitError } from '../../src/errors.ts';
import { InputStream } from '../../src/input/input-stream.ts';
import type { InputSource } from '../../src/input/input-source.ts';
import type { Expiring, Gateway } from './gateway.ts';
import type { Exchange } from './pipeline.ts';

/** The body of a request, as the end of its response and of its connection see it. */
export interface IncomingBody {
  /** Whether the whole body has come. */
  readonly complete: boolean;
  /**
   * Whether the connection must be closed after a response that comes before the end of the body. That is so if the body
   * has failed, if the rest is too long to be drained, or if the client still waits for `100 Continue`.
   */
  readonly preventsReuse: boolean;
  /** Nobody will read it: what comes is not kept. */
  giveUp(): void;
  /** Nothing more will come. */
  stop(): void;
  /**
   * Throws the rest of the body away, to keep the connection.
   *
   * @param onDrained called at the body's end, or when it takes more bytes or time than are allowed
   */
  drain(onDrained: (isWhole: boolean) => void): void;
  /**
   * Throws the rest of the body away, before the connection is closed.
   *
   * @param onEnd called at the body's end, or when nothing of it has come for too long
   */
  discard(onEnd: (isWhole: boolean) => void): void;
}

/** The error of a body that is longer than maxBodySize. */
export function tooLong(maxBodySize: number): LimitError {
  const message = `the body is longer than maxBodySize (${maxBodySize})`;
  return new LimitError('maxBodySize', message, '413 Content Too Large');
}

/** The error of a body of which nothing comes. */
export function tooSlow(): LimitError {
  const message = 'the client sent nothing of the body for bodyTimeout';
  return new LimitError('bodyTimeout', message, '408 Request Timeout');
}

/** Source of a request's `wsgi.input`. */
export class RequestBody implements IncomingBody, InputSource, Expiring {
  readonly input: InputStream;
  readonly #request: IncomingMessage;
  readonly #gateway: Gateway;
  readonly #length: number;
  #continue: ServerResponse | undefined;
  #started = false;
  #wanted = false; // the application waits for it
  #stopped = false; // nothing more will come
  #failed = false; // too long, or too slow
  #received = 0;
  #drained = 0; // bytes that came after the response
  #maxDrainSize: number; // of them
  #onDrained: ((isWhole: boolean) => void) | undefined;

  /** @param length in bytes; -1 when chunked */
  constructor(exchange: Exchange, length: number, gateway: Gateway) {
    this.#request = exchange.request;
    this.#gateway = gateway;
    this.#length = length;
    this.#maxDrainSize = gateway.limits.maxDrainSize;
    this.#continue = exchange.expectsContinue ? exchange.response : undefined;
    this.input = new InputStream(length, this, gateway.resources);
  }

  /** Starts reading, so that the end of the body is seen. A client that waits for `100 Continue` sends nothing yet. */
  begin(): void {
    if (this.#continue === undefined && !this.#started) this.#start();
  }

  get complete(): boolean {
    return this.input.complete;
  }

  get preventsReuse(): boolean {
    const isTooLong = this.#length - this.#received > this.#gateway.limits.maxDrainSize;
    return this.#failed || isTooLong || this.#continue !== undefined;
  }

  resume(): void {
    if (this.#stopped) return;
    if (this.#continue !== undefined) {
      // RFC 9110 § 10.1.1: sent when the application first reads.
      this.#continue.writeContinue();
      this.#continue = undefined;
    }
    this.#gateway.unread.delete(this.input);
    if (this.#started) this.#request.resume();
    else this.#start();
    this.#wanted = this.#onDrained !== undefined || !this.input.failed;
    this.#watch();
  }

  pause(): void {
    this.#request.pause();
    this.#wanted = false;
    this.#gateway.unwatch(this);
    this.#gateway.unread.add(this.input, () => this.#request.resume());
  }

  giveUp(): void {
    this.input.discard();
  }

  drain(onDrained: (isWhole: boolean) => void): void {
    this.#onDrained = onDrained;
    this.resume();
  }

  discard(onEnd: (isWhole: boolean) => void): void {
    this.#continue = undefined; // a client that waits for it is not asked for the body
    this.#maxDrainSize = Infinity;
    this.drain(onEnd);
  }

  stop(): void {
    this.#stopped = true;
    this.#gateway.unwatch(this);
    this.#gateway.unread.delete(this.input);
  }

  /** The client has sent nothing for bodyTimeout. */
  expire(): void {
    this.#fail(tooSlow());
    this.#endDrain(false);
  }

  #start(): void {
    this.#started = true;
    this.#request.on('data', (chunk: Buffer) => this.#onData(chunk));
    this.#request.on('end', () => this.#onEnd());
  }

  #onData(chunk: Buffer): void {
    const { limits } = this.#gateway;
    this.#received += chunk.length;
    if (this.#onDrained !== undefined) {
      this.#drained += chunk.length;
      if (this.#drained > this.#maxDrainSize) this.#endDrain(false);
    } else if (this.#received > limits.maxBodySize) {
      this.#fail(tooLong(limits.maxBodySize));
    } else {
      this.input.push(chunk);
    }
    if (!this.#request.isPaused()) this.#watch();
  }

  #fail(error: LimitError): void {
    this.#failed = true;
    this.input.destroy(error);
  }

  #onEnd(): void {
    this.input.end();
    this.stop();
    this.#endDrain(true);
  }

  #endDrain(isWhole: boolean): void {
    const onDrained = this.#onDrained;
    this.#onDrained = undefined;
    onDrained?.(isWhole);
  }

  #watch(): void {
    if (this.#stopped || !this.#wanted) return;
    this.#gateway.watch(this, this.#gateway.limits.bodyTimeout);
  }
}
