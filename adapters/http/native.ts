/** One HTTP request for a Node listener (`fromNode`), which gets node:http's own request and response. */

import { AsyncResource } from 'node:async_hooks';
import type { IncomingMessage, ServerResponse } from 'node:http';

import { BODY_SHARE, InputStream } from '../../src/input/input-stream.ts';
import { failResponse, listenerOfApplication, runListener } from '../../src/apps/node/native.ts';
import type { RequestError } from '../../src/errors.ts';
import type { ApplicationFunction, Awaitable, Environ, HeaderList } from '../../src/types.ts';
import type { Gateway } from './gateway.ts';
import { HttpHandler } from './handler.ts';
import type { HandlerConnection } from './handler.ts';
import { NativeBody } from './native-body.ts';
import type { Exchange } from './pipeline.ts';

/**
 * The request is checked like any other. Then it is between node:http and the listener. So the only limit of the body is
 * that of its Content-Length, and nothing is changed in the response.
 */
export class NativeHandler extends HttpHandler {
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #exchange: Exchange;
  readonly #connection: HandlerConnection;
  readonly #gateway: Gateway;
  readonly #bytesBefore: number;
  #isNative = true; // false when HttpHandler answers it
  #onEnd = (): void => {};

  constructor(exchange: Exchange, connection: HandlerConnection, gateway: Gateway) {
    super(exchange, connection, gateway);
    this.#request = exchange.request;
    this.#response = exchange.response;
    this.#exchange = exchange;
    this.#connection = connection;
    this.#gateway = gateway;
    this.#bytesBefore = exchange.request.socket.bytesWritten;
  }

  protected override serve(application: ApplicationFunction): Awaitable<void> {
    const startedAt = Date.now();
    let environ: Environ;
    try {
      environ = this.setupEnviron();
    } catch {
      this.#isNative = false;
      return super.serve(application); // finds the same error, and answers it
    }
    const response = this.#response;
    if (this.#gateway.closesConnections || this.#connection.closesAfterCurrent) {
      response.shouldKeepAlive = false;
      this.#connection.tearDown.hasBegun = true;
    }
    response.once('finish', () => this.#connection.finished(this));
    const body =
      this.contentLength === 0 ? undefined : new NativeBody(this.#request, this.#gateway);
    const closed = new Promise<void>((resolve) => {
      this.#onEnd = () => {
        this.#gateway.unwatch(this);
        body?.end();
        this.responseOver();
        resolve();
      };
      response.once('close', () => {
        this.#logAccess(environ, startedAt);
        this.#onEnd();
      });
    });
    if (this.#exchange.expectsContinue) response.writeContinue();
    runListener(listenerOfApplication(application)!, this.#request, response, {
      scriptName: this.options.scriptName,
      onError: (error) => this.logException(error),
      errorPage: (error) => this.#gateway.errorPage?.(this.#request, environ, error),
    });
    this.#keepContext();
    return response.writableFinished ? undefined : closed;
  }

  /**
   * Lets 'data' and 'end' be emitted in the async context that the listener has left, and not in that of the connection,
   * which its requests share.
   */
  #keepContext(): void {
    const request = this.#request;
    if (this.contentLength === 0 && request.listenerCount('end') === 0) return;
    request.push = AsyncResource.bind(request.push, 'PosternRequest', request);
  }

  /** The listener reads the body from node:http's request, not from this stream. */
  protected override getStdin(): InputStream {
    if (!this.#isNative) return super.getStdin();
    this.checkLength();
    return new InputStream(0);
  }

  protected override get footprint(): number {
    const body = this.contentLength < 0 ? BODY_SHARE : Math.min(this.contentLength, BODY_SHARE);
    return super.footprint + body;
  }

  /** node:http emits no 'close' for a response that waits for others to be sent. */
  override disconnect(): void {
    super.disconnect();
    this.#onEnd();
  }

  override get headersSent(): boolean {
    return super.headersSent || this.#response.headersSent;
  }

  /** A part of the body is not HTTP: the request is aborted, as node:http does it. */
  override refuse(error: RequestError): void {
    this.#request.destroy(error);
  }

  override cancel(error: RequestError): void {
    this.log.warn(`http: ${error.message}`);
    failResponse(this.#response, error.status);
  }

  #logAccess(environ: Environ, startedAt: number): void {
    const response = this.#response;
    if (this.options.accessLog === undefined || !response.headersSent) return;
    const headers: HeaderList = Object.entries(response.getHeaders()).flatMap(([name, value]) =>
      (Array.isArray(value) ? value : [value]).map((one) => [name, String(one)] as const),
    );
    this.options.accessLog({
      environ,
      status: `${response.statusCode} ${response.statusMessage}`,
      bytes: this.#bytes,
      startedAt,
      duration: Date.now() - startedAt,
      headers,
    });
  }

  /** Bytes of the body if Content-Length was set. Otherwise the head is counted too: node:http tells no more. */
  get #bytes(): number {
    const declared = this.#response.getHeader('content-length');
    if (declared !== undefined) return Number(declared);
    return this.#request.socket.bytesWritten - this.#bytesBefore;
  }
}
