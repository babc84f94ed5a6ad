/** The body of one request: from `IncomingMessage` to `wsgi.input`, and away with what nobody reads. */

import type { IncomingMessage, ServerResponse } from 'node:http';

import { LimitError } from '../../src/errors.ts';
import { InputStream } from '../../src/handler/input.ts';
import type { InputSource } from '../../src/handler/input.ts';
import type { Expiring, Gateway } from './gateway.ts';
import type { Exchange } from './pipeline.ts';

/** Source of a request's `wsgi.input`. */
export class RequestBody implements InputSource, Expiring {
  readonly input: InputStream;
  readonly #request: IncomingMessage;
  readonly #gateway: Gateway;
  readonly #length: number;
  #continue: ServerResponse | undefined;
  #started = false;
  #wanted = false; // somebody waits for it
  #stopped = false; // nothing more is wanted, or will come
  #broken = false; // what comes is of no use
  #received = 0;
  #dropped = 0; // bytes that came after the response
  #mayDrop: number; // of them
  #onDrained: ((whole: boolean) => void) | undefined;

  /** @param length in bytes; -1 when chunked */
  constructor(exchange: Exchange, length: number, gateway: Gateway) {
    this.#request = exchange.request;
    this.#gateway = gateway;
    this.#length = length;
    this.#mayDrop = gateway.limits.drainLimit;
    this.#continue = exchange.expects ? exchange.response : undefined;
    this.input = new InputStream(length, this, gateway.resources);
  }

  /** The application has been called. Unless the client waits to be asked, it is sending: its end is to be seen. */
  begin(): void {
    if (this.#continue === undefined && !this.#started) this.#start();
  }

  /**
   * Whether the connection is of no use after a response that comes before the end of the body: the body is
   * broken, too long to be read for nothing, or the client still waits to be asked for it.
   */
  get costsConnection(): boolean {
    const isTooLong = this.#length - this.#received > this.#gateway.limits.drainLimit;
    return this.#broken || isTooLong || this.#continue !== undefined;
  }

  resume(): void {
    if (this.#stopped) return;
    if (this.#continue !== undefined) {
      // RFC 9110 § 10.1.1: not before somebody wants the body.
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

  /**
   * Throws the rest of the body away, after the response.
   *
   * @param onDrained called at the body's end, or when it takes more bytes or time than are allowed
   */
  drain(onDrained: (whole: boolean) => void): void {
    this.#onDrained = onDrained;
    this.resume();
  }

  /**
   * Throws the rest of the body away, on a connection that ends with it.
   *
   * @param onEnd called at the body's end, or when nothing of it has come for too long
   */
  discard(onEnd: (whole: boolean) => void): void {
    this.#continue = undefined; // what still waits to be asked is not asked
    this.#mayDrop = Infinity;
    this.drain(onEnd);
  }

  /** Nothing more will come. */
  stop(): void {
    this.#stopped = true;
    this.#gateway.unwatch(this);
    this.#gateway.unread.delete(this.input);
  }

  /** The client has sent nothing for too long. */
  expire(): void {
    const message = 'the client sent nothing of the body for bodyTimeout';
    this.#fail(new LimitError('bodyTimeout', message, '408 Request Timeout'));
    this.#drained(false);
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
      this.#dropped += chunk.length;
      if (this.#dropped > this.#mayDrop) this.#drained(false);
    } else if (this.#received > limits.maxBodySize) {
      const message = `the body is longer than maxBodySize (${limits.maxBodySize})`;
      this.#fail(new LimitError('maxBodySize', message, '413 Content Too Large'));
    } else {
      this.input.push(chunk);
    }
    if (!this.#request.isPaused()) this.#watch();
  }

  #fail(error: LimitError): void {
    this.#broken = true;
    this.input.destroy(error);
  }

  #onEnd(): void {
    this.input.end();
    this.stop();
    this.#drained(true);
  }

  #drained(whole: boolean): void {
    const onDrained = this.#onDrained;
    this.#onDrained = undefined;
    onDrained?.(whole);
  }

  #watch(): void {
    if (this.#stopped || !this.#wanted) return;
    this.#gateway.watch(this, this.#gateway.limits.bodyTimeout);
  }
}
