/** One HTTP request: variables from `IncomingMessage`, response through `ServerResponse`. */

import type { ServerResponse } from 'node:http';

import { BaseHandler } from '../../src/handler/base-handler.ts';
import type { Variables } from '../../src/environ/environ.ts';
import { LimitError } from '../../src/errors.ts';
import type { RequestError } from '../../src/errors.ts';
import type { CheckedHeaders } from '../../src/response/headers.ts';
import { InputStream } from '../../src/input/input-stream.ts';
import { sizeOfVariables } from '../../src/resources/resources.ts';
import type { Claim } from '../../src/resources/resources.ts';
import type { Awaitable, Environ, ErrorStream, StartResponse } from '../../src/types.ts';
import { RequestBody } from './body.ts';
import type { IncomingBody } from './body.ts';
import type { ConnectionLimits } from './connection-limits.ts';
import type { Peer } from './environ.ts';
import type { Expiring, Gateway } from './gateway.ts';
import type { Exchange } from './pipeline.ts';
import { endResponse, flushChunks } from './server-response.ts';
import type { TearDown } from './tear-down.ts';

const NOTHING = (): void => {};

/** The connection, as a handler sees it. */
export interface HandlerConnection {
  readonly peer: Peer;
  readonly limits: ConnectionLimits;
  readonly tearDown: TearDown;
  /** Whether the connection is closed after the response to the current request. */
  readonly closesAfterCurrent: boolean;
  /** Serves nothing after the current request, and closes the connection. */
  closeAfterCurrent(): void;
  /** The application has given the whole response. Some of it may wait to be sent. */
  finished(handler: HttpHandler): void;
  /**
   * The gateway answers, and closes the connection: the response is not node:http's.
   *
   * @param body of the request, if a part of it has not come yet
   */
  answer(response: Buffer, body: IncomingBody | undefined): void;
  /** A response is broken. @param endsWithConnection whether closing the connection would make it look complete */
  abandon(endsWithConnection: boolean): void;
}

/** Serves one request. */
export class HttpHandler extends BaseHandler implements Expiring {
  override readonly gateway = 'http';
  override readonly originServer = true;

  readonly #exchange: Exchange;
  readonly #response: ServerResponse;
  readonly #connection: HandlerConnection;
  readonly #gateway: Gateway;

  /** The body of the request, if it has one. */
  protected body: IncomingBody | undefined;
  /** The response has no Content-Length and no chunks: closing the connection ends it. */
  protected endsWithConnection = false;
  /** The environ lacks headers of the request that are not those of the connection. */
  protected dropsHeaders = false;
  #claim: Claim | undefined; // while the request counts as in flight
  #isWatched = false; // a time limit is set for the response
  #status = '';
  #head: string[] = []; // names and values, as writeHead takes them
  #onDrain: (() => void) | undefined;

  constructor(exchange: Exchange, connection: HandlerConnection, gateway: Gateway) {
    super(gateway.options);
    this.#exchange = exchange;
    this.#response = exchange.response;
    this.#connection = connection;
    this.#gateway = gateway;
  }

  /** The request body, if a part of it has not come yet. */
  protected get incompleteBody(): IncomingBody | undefined {
    return this.body?.complete === false ? this.body : undefined;
  }

  /** Whether a part of the request has not been parsed yet. */
  get isReceiving(): boolean {
    return !this.#exchange.request.complete;
  }

  /** The run goes on after its first turn. @returns a function to call at its end */
  goesOn(): () => void {
    return this.#claim?.untilRunEnds(this.footprint) ?? NOTHING;
  }

  /** Bytes of memory that the request takes while it runs, without its body. */
  protected get footprint(): number {
    const { rawHeaders, url } = this.#exchange.request;
    let length = url!.length;
    for (const text of rawHeaders) length += text.length;
    return sizeOfVariables(rawHeaders.length / 2, length);
  }

  // ---- environ

  protected override setupEnviron(): Environ {
    try {
      const environ = super.setupEnviron();
      this.#countRequest();
      // Upgrades are ignored (RFC 9110 § 7.8). A client that does not notice may send another protocol from now on.
      if (environ['HTTP_UPGRADE'] !== undefined) this.#connection.closeAfterCurrent();
      return environ;
    } catch (error) {
      // What follows may be a part of the faulty request.
      this.#connection.closeAfterCurrent();
      // The access log shows the target as it was sent.
      if (this.environ!['REQUEST_URI'] === '') {
        this.environ!['REQUEST_URI'] = this.#exchange.request.url;
      }
      this.body?.giveUp();
      throw error;
    }
  }

  /** @throws {LimitError} when there are too many requests, or too little memory */
  #countRequest(): void {
    const { resources } = this.#gateway;
    const { refusal } = resources;
    if (refusal !== undefined) throw refusal;
    this.#claim = resources.begin();
  }

  /** The response has ended, or the client has left. */
  protected responseOver(): void {
    this.#claim?.responseOver();
    this.#claim = undefined;
  }

  protected override addCgiVars(environ: Variables): void {
    this.dropsHeaders = this.#gateway.environ.add(
      environ,
      this.#exchange.request,
      this.#connection.peer,
    );
  }

  protected override getStdin(): InputStream {
    if (this.contentLength === 0) return new InputStream(0);
    const body = new RequestBody(this.#exchange, this.contentLength, this.#gateway);
    this.body = body;
    this.checkLength();
    body.begin();
    return body.input;
  }

  /** @throws {LimitError} when Content-Length is over maxBodySize */
  protected checkLength(): void {
    const { maxBodySize } = this.#gateway.limits;
    if (this.contentLength <= maxBodySize) return;
    const message = `Content-Length ${this.contentLength} is over maxBodySize (${maxBodySize})`;
    throw new LimitError('maxBodySize', message, '413 Content Too Large');
  }

  protected override getStderr(): ErrorStream {
    return this.#gateway.errors;
  }

  // ---- response

  /** Prepares the head. node:http writes it. */
  protected override formatHead(status: string, headers: CheckedHeaders): string {
    const head: string[] = [];
    for (const [name, value] of headers.list) head.push(name, value);
    const { serverHeader } = this.#gateway;
    if (!headers.hasServer && serverHeader !== false) head.push('Server', serverHeader);
    this.#head = head;
    this.#status = status;
    this.endsWithConnection =
      headers.contentLength < 0 && this.#exchange.request.httpVersionMinor === 0;
    return status;
  }

  #writeHead(close: boolean): void {
    if (close) {
      this.#head.push('Connection', 'close');
      this.#connection.tearDown.hasBegun = true;
    } else if (this.#gateway.keepAlive !== undefined && this.#keepsConnection) {
      this.#head.push('Keep-Alive', this.#gateway.keepAlive);
    }
    const status = this.#status;
    this.#response.writeHead(Number(status.slice(0, 3)), status.slice(4), this.#head);
    this.unwatch();
  }

  /** Whether node:http will send `Connection: keep-alive`. */
  get #keepsConnection(): boolean {
    return this.#response.shouldKeepAlive && !this.endsWithConnection;
  }

  /** Whether the connection is closed after this response, as far as is known when its head is sent. */
  protected get isLast(): boolean {
    return this.#connection.closesAfterCurrent || this.#gateway.closesConnections;
  }

  protected override send(head: string, chunk: Uint8Array): boolean {
    if (head !== '') this.#writeHead(this.isLast);
    if (chunk.length > 0) return this.#response.write(chunk);
    this.#response.flushHeaders();
    return true;
  }

  protected override drained(): Promise<void> {
    const response = this.#response;
    if (this.isOver || !response.writableNeedDrain) return Promise.resolve();
    this.#connection.limits.watchOutput();
    const drained = new Promise<void>((resolve) => {
      this.#onDrain = resolve;
      response.once('drain', resolve);
    });
    return drained.then(() => this.#connection.limits.unwatchOutput());
  }

  protected override finish(head: string, last: Uint8Array | undefined): void {
    const body = this.incompleteBody;
    if (body !== undefined) this.#finishEarly(head, last, body);
    else {
      if (head !== '') this.#writeHead(this.isLast);
      endResponse(this.#response, last);
    }
    this.responseOver();
    this.#connection.finished(this);
  }

  /** Ends the response before the whole request body has come. */
  #finishEarly(head: string, last: Uint8Array | undefined, body: IncomingBody): void {
    const close = this.isLast || body.preventsReuse;
    if (head !== '') this.#writeHead(close);
    if (head === '' || !close) {
      endResponse(this.#response, last);
      this.#connection.tearDown.drain(body);
      return;
    }
    // Without end(), which would make node:http close the connection at once.
    if (last === undefined) this.#response.flushHeaders();
    else this.#response.write(last);
    this.#connection.tearDown.linger(body);
  }

  protected override abandon(): void {
    // The client gets the chunks before the error. Not before a reset: some clients take data that comes together with
    // one for a complete response.
    if (!this.endsWithConnection) flushChunks(this.#response);
    this.responseOver();
    this.#connection.abandon(this.endsWithConnection);
  }

  protected override errorOutput(
    environ: Readonly<Variables>,
    startResponse: StartResponse,
    error: unknown,
  ): Awaitable<Uint8Array[]> {
    const making = this.#gateway.errorPage?.(this.#exchange.request, environ, error);
    if (making === undefined) return super.errorOutput(environ, startResponse, error);
    return making.then((page) => {
      if (page === undefined) return super.errorOutput(environ, startResponse, error);
      startResponse(this.errorStatus, page.headers, error);
      return [page.body];
    });
  }

  /**
   * The rest of the request cannot be parsed. Answers with the error's status, if no head has been sent.
   *
   * @param error its `cause` is that of node:http's parser
   */
  refuse(error: RequestError): void {
    this.#connection.closeAfterCurrent();
    this.body?.stop();
    this.cancel(error);
  }

  /** Sets the time limit for the head of the response. */
  watch(): void {
    this.#isWatched = true;
    this.#gateway.watch(this, this.#gateway.limits.responseTimeout);
  }

  // A request that is answered in its first turn has no time limit, and needs no look-up.
  protected unwatch(): void {
    if (this.#isWatched) this.#gateway.unwatch(this);
  }

  /** The application has not called startResponse within responseTimeout. */
  expire(): void {
    this.cancel(new LimitError('responseTimeout', 'no response within responseTimeout'));
  }

  override disconnect(): void {
    super.disconnect();
    this.responseOver();
    this.body?.stop();
    this.unwatch();
    this.#onDrain?.();
  }
}
