/** One HTTP request for a Node listener (`fromNode`), which gets node:http's own request and response. */

import { AsyncResource } from 'node:async_hooks';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';

import { checkResult, isNativePromise } from '../../src/apps/node/exchange.ts';
import { listenerOfApplication } from '../../src/apps/node/native.ts';
import { EMPTY } from '../../src/bytes.ts';
import type { ApplicationError, RequestError } from '../../src/errors.ts';
import { bodyTooShort } from '../../src/handler/response-sender.ts';
import { BODY_SHARE, InputStream } from '../../src/input/input-stream.ts';
import { checkStatus } from '../../src/response/headers.ts';
import type { CheckedHeaders } from '../../src/response/headers.ts';
import { isBodiless } from '../../src/response/status.ts';
import type { ApplicationFunction, Awaitable, Environ, Header } from '../../src/types.ts';
import { formatLastHead } from './client-error.ts';
import type { Gateway } from './gateway.ts';
import { HttpHandler } from './handler.ts';
import type { HandlerConnection } from './handler.ts';
import { NativeBody } from './native-body.ts';
import type { BodyOwner } from './native-body.ts';
import { abortRequest, hangUp } from './native-end.ts';
import { sentHeaders } from './native-head.ts';
import { describeRequest } from './native-request.ts';
import { bindResponse, silenceResponse } from './native-response.ts';
import type { NativeHead, NativeResponse, ResponseOwner } from './native-response.ts';
import type { Exchange } from './pipeline.ts';

const NO_HEADERS: Header[] = [];

/**
 * The request is checked like any other, and what is refused or fails is answered like any other. In between the listener
 * writes the response, instead of startResponse and a body.
 */
export class NativeHandler extends HttpHandler implements BodyOwner, ResponseOwner {
  readonly #exchange: Exchange;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #connection: HandlerConnection;
  readonly #gateway: Gateway;
  #body: NativeBody | undefined;
  #isClosed = false; // the run has ended, or is about to
  #isDone = false; // the response has been closed
  #clientKeeps = false; // the client has not asked for the end of the connection
  #closes = false; // the gateway closes the connection after this response
  #isCalled = false; // the listener has the request: it gets no answer of the gateway to see

  constructor(exchange: Exchange, connection: HandlerConnection, gateway: Gateway) {
    super(exchange, connection, gateway);
    this.#exchange = exchange;
    this.#request = exchange.request;
    this.#response = exchange.response;
    this.#connection = connection;
    this.#gateway = gateway;
  }

  // ---- the run

  protected override serve(application: ApplicationFunction): Awaitable<void> {
    const listener = listenerOfApplication(application)!;
    return super.serve((environ) => this.#call(listener, environ));
  }

  #call(listener: RequestListener, environ: Environ): [] {
    const request = this.#request;
    const response = this.#response;
    const { environ: builder, options } = this.#gateway;
    if (
      options.forwardedAllowIps !== undefined ||
      this.dropsHeaders ||
      environ.SCRIPT_NAME !== '' ||
      environ.REQUEST_URI !== request.url
    ) {
      describeRequest(request, environ, builder.variableOf, this.#connection.peer.trusted);
    }
    this.#isCalled = true;
    bindResponse(response, this);
    response.on('finish', () => this.#onFinish());
    response.on('close', () => this.#done());
    const result: unknown = listener(request, response);
    this.#keepContext();
    if (isNativePromise(result)) result.then(undefined, (error: unknown) => this.bodyFailed(error));
    else checkResult(result, response);
    return [];
  }

  /**
   * Lets 'data' and 'end' be emitted in the async context that the listener has left, and not in that of the connection,
   * which its requests share.
   */
  #keepContext(): void {
    const request = this.#request;
    if (this.#body !== undefined) this.#body.keepContext();
    else if (request.listenerCount('end') > 0) {
      request.push = AsyncResource.bind(request.push, 'PosternRequest', request);
    }
  }

  /** Called when the listener has returned. A response that is complete already needs no promise. */
  protected override sendBody(): void {
    if (this.#body === undefined && this.#response.writableFinished) this.#done();
  }

  #onFinish(): void {
    const body = this.incompleteBody;
    const { tearDown } = this.#connection;
    // With `Connection: close` node:http ends the connection now.
    if (body !== undefined && !tearDown.hasBegun) tearDown.drain(body);
    this.#connection.finished(this);
  }

  /** The response is over: sent, broken off, or without a client. */
  #done(): void {
    if (this.#isDone) return;
    this.#isDone = true;
    this.unwatch();
    this.#body?.end();
    this.responseOver();
    // The next request of the connection has no part in it.
    if (this.#request.socket.timeout) this.#request.socket.setTimeout(0);
    if (!this.failed) this.ended = true; // otherwise an error page may still be made
    this.bodySent();
  }

  protected override bodySent(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    super.bodySent();
  }

  protected override bodyFailed(error: unknown): void {
    if (this.#isClosed) {
      if (!this.gone) this.logException(error);
      return;
    }
    this.#isClosed = true;
    const wasOver = this.isOver || !this.#isCalled;
    if (!wasOver) this.#silence();
    super.bodyFailed(error);
    if (!wasOver) this.#hangUp();
  }

  override cancel(error: RequestError): void {
    if (this.isOver) return;
    this.#silence();
    super.cancel(error);
    this.#hangUp(error);
  }

  override refuse(error: RequestError): void {
    const wasOver = this.isOver;
    super.refuse(error);
    if (!wasOver) return;
    this.#body?.abort();
    abortRequest(this.#request);
  }

  /** The gateway ends the response. */
  #silence(): void {
    silenceResponse(this.#response);
    this.#body?.abort();
  }

  /** Tells the listener, after the end of the response. @param error undefined if it is the listener that has failed */
  #hangUp(error?: RequestError): void {
    process.nextTick(hangUp, this.#request, this.#response, error);
  }

  // ---- the request

  /** The listener reads the body from node:http's request, not from this stream. */
  protected override getStdin(): InputStream {
    if (this.contentLength !== 0) {
      this.#body = new NativeBody(this.#exchange, this.contentLength, this.#gateway, this);
      this.body = this.#body;
      this.checkLength();
    }
    return new InputStream(0);
  }

  protected override get footprint(): number {
    const body = this.contentLength < 0 ? BODY_SHARE : Math.min(this.contentLength, BODY_SHARE);
    return super.footprint + body;
  }

  /** node:http emits no 'close' for a response that waits for others to be sent. */
  override disconnect(): void {
    super.disconnect();
    this.#body?.abort(); // what has come stays in the request
    this.#done();
  }

  // ---- the response of the listener

  get countsBytes(): boolean {
    return this.options.accessLog !== undefined;
  }

  get serverHeader(): string | false {
    return this.#gateway.serverHeader;
  }

  beforeHead({ status }: NativeHead): void {
    if (status.startsWith('1')) checkStatus(status);
    const response = this.#response as unknown as NativeResponse;
    this.#clientKeeps = response.shouldKeepAlive;
    this.#closes = this.isLast || this.incompleteBody?.preventsReuse === true;
    if (this.#closes) response.shouldKeepAlive = false;
    if (this.#gateway.keepAlive !== undefined) {
      response._keepAliveTimeout = this.#gateway.limits.idleTimeout;
    }
  }

  afterHead(head: NativeHead): void {
    const response = this.#response as unknown as NativeResponse;
    if (this.#closes) {
      response._last = true; // also if the listener says `Connection: keep-alive`
      this.#connection.tearDown.hasBegun = true;
    } else if (response._last && this.#clientKeeps) {
      this.#connection.closeAfterCurrent(); // the client may have sent more
    }
    const state = this.responseState;
    const { status } = head;
    const length = response._contentLength;
    const isKnown =
      head.contentLength < 0 && typeof length === 'number' && !response.chunkedEncoding;
    state.status = status;
    state.headers = {
      list: this.countsBytes ? sentHeaders(response._header!, head.hasServer) : NO_HEADERS,
      contentLength: isKnown ? length : head.contentLength,
      hasDate: true,
      hasServer: head.hasServer,
      hasLocation: false,
    };
    state.isBodiless = !response._hasBody || isBodiless(status);
    state.headersSent = true;
    this.endsWithConnection =
      state.headers.contentLength < 0 && !state.isBodiless && !response.chunkedEncoding;
    this.unwatch();
  }

  get allowed(): number {
    return this.responseState.allowed;
  }

  get missing(): number {
    return this.responseState.missing;
  }

  addSent(length: number): void {
    this.responseState.sent += length;
  }

  takeBytes(bytes: Uint8Array): Uint8Array {
    const allowed = this.withinLength(bytes);
    this.responseState.sent += allowed.length;
    return allowed;
  }

  endedShort(): void {
    this.bodyFailed(bodyTooShort(this.missing));
  }

  endedWhole(): void {
    this.ended = true;
    if (this.#response.writableLength > 0) this.watchOutput();
  }

  wroteLate(error: ApplicationError): void {
    this.logException(error);
  }

  watchOutput(): void {
    this.#connection.limits.watchOutput();
  }

  // ---- the response of the gateway, instead

  protected override formatHead(status: string, headers: CheckedHeaders): string {
    if (!this.#isCalled) return super.formatHead(status, headers);
    const { serverHeader } = this;
    if (headers.hasServer || serverHeader === false) return formatLastHead(status, headers.list);
    return formatLastHead(status, [...headers.list, ['Server', serverHeader]]);
  }

  protected override finish(head: string, last: Uint8Array | undefined): void {
    if (!this.#isCalled) {
      super.finish(head, last);
      return;
    }
    this.responseOver();
    const response = Buffer.concat([Buffer.from(head, 'latin1'), last ?? EMPTY]);
    this.#connection.answer(response, this.incompleteBody);
  }
}
