/** One HTTP request: variables from `IncomingMessage`, response through `ServerResponse`. */

import type { ServerResponse } from 'node:http';

import { BaseHandler } from '../../src/handler/base-handler.ts';
import { asBuffer } from '../../src/bytes.ts';
import type { Variables } from '../../src/environ/environ.ts';
import { ApplicationError, LimitError } from '../../src/errors.ts';
import type { RequestError } from '../../src/errors.ts';
import type { CheckedHeaders } from '../../src/response/headers.ts';
import { InputStream } from '../../src/handler/input.ts';
import { sizeOfVariables } from '../../src/resources/resources.ts';
import type { Claim } from '../../src/resources/resources.ts';
import type { Awaitable, Environ, ErrorStream, StartResponse } from '../../src/types.ts';
import { RequestBody } from './body.ts';
import type { Peer } from './environ.ts';
import type { Expiring, Gateway } from './gateway.ts';
import type { Exchange } from './pipeline.ts';

/** A body up to this size is sent as a string, in one piece with its head: one write, and a cheaper one. */
const SMALL_BODY = 4 * 1024;

const NOTHING = (): void => {};

/** What a request needs of the connection that carries it. */
export interface Carrier {
  readonly peer: Peer;
  /** The last response has begun: what else comes is ignored. */
  isClosing: boolean;
  /** Whether the connection ends with the response of the current request. */
  readonly endsWithCurrent: boolean;
  /** Nothing behind the current request is one. */
  endWithCurrent(): void;
  /** The response is complete, as far as the application is concerned. */
  finished(handler: HttpHandler): void;
  /** Throws away what is left of a body after the response, to keep the connection if that is not too much. */
  drain(body: RequestBody): void;
  /** Ends the connection in a way that lets the client see the response before it has sent all of its body. */
  linger(body: RequestBody): void;
  /** A response has broken off. @param endsWithConnection whether its end would look like a good one */
  abandon(endsWithConnection: boolean): void;
  /** The client is slow to take what is sent. */
  watchOutput(): void;
  unwatchOutput(): void;
}

/** Serves one request. */
export class HttpHandler extends BaseHandler implements Expiring {
  override readonly gateway = 'http';
  override readonly originServer = true;

  readonly #exchange: Exchange;
  readonly #response: ServerResponse;
  readonly #connection: Carrier;
  readonly #gateway: Gateway;

  #claim: Claim | undefined; // while the request is among those in flight
  #body: RequestBody | undefined; // none: the request has no body
  #isWatched = false; // has a time limit
  #status = '';
  #head: string[] = []; // names and values, as writeHead takes them
  #endsWithConnection = false; // the response has neither length nor chunks
  #onDrain: (() => void) | undefined;

  constructor(exchange: Exchange, connection: Carrier, gateway: Gateway) {
    super(gateway.options);
    this.#exchange = exchange;
    this.#response = exchange.response;
    this.#connection = connection;
    this.#gateway = gateway;
  }

  /** The request body, unless there is none, or all of it has come. */
  get incompleteBody(): RequestBody | undefined {
    const body = this.#body;
    return body === undefined || body.input.complete ? undefined : body;
  }

  /** Whether some of the request is still to be parsed. */
  get isReceiving(): boolean {
    return !this.#exchange.request.complete;
  }

  /** The run is not over at once. @returns what is to be called at its end */
  goesOn(): () => void {
    return this.#claim?.untilRunEnds(this.footprint) ?? NOTHING;
  }

  /** Bytes that the request holds while it is run, beside a body that it reads. */
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
      this.#count();
      // It is not taken (RFC 9110 § 7.8), and the client may think that it was: what follows need not be HTTP.
      if (environ['HTTP_UPGRADE'] !== undefined) this.#connection.endWithCurrent();
      return environ;
    } catch (error) {
      // What follows on the connection may be part of the request that was not understood.
      this.#connection.endWithCurrent();
      // Raw, for the access log.
      if (this.environ!['REQUEST_URI'] === '') {
        this.environ!['REQUEST_URI'] = this.#exchange.request.url;
      }
      this.#body?.input.discard();
      throw error;
    }
  }

  /** @throws {LimitError} when no further request can be taken */
  #count(): void {
    const { resources } = this.#gateway;
    const { refusal } = resources;
    if (refusal !== undefined) throw refusal;
    this.#claim = resources.begin();
  }

  /** The response is over, or nobody waits for it any more. */
  protected responseOver(): void {
    this.#claim?.responseOver();
    this.#claim = undefined;
  }

  protected override addCgiVars(environ: Variables): void {
    this.#gateway.environ.add(environ, this.#exchange.request, this.#connection.peer);
  }

  protected override getStdin(): InputStream {
    if (this.contentLength === 0) return new InputStream(0);
    this.#body = new RequestBody(this.#exchange, this.contentLength, this.#gateway);
    this.checkLength();
    this.#body.begin();
    return this.#body.input;
  }

  /** @throws {LimitError} for a body that is announced to be too long */
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

  /** node:http writes the head: it is only prepared here. */
  protected override formatHead(status: string, headers: CheckedHeaders): string {
    if (status.startsWith('1')) throw new ApplicationError(`${status} is no final response`);
    const head: string[] = [];
    for (const [name, value] of headers.list) head.push(name, value);
    const { serverHeader } = this.#gateway;
    if (!headers.hasServer && serverHeader !== false) head.push('Server', serverHeader);
    this.#head = head;
    this.#status = status;
    this.#endsWithConnection =
      headers.contentLength < 0 && this.#exchange.request.httpVersionMinor === 0;
    return status;
  }

  #writeHead(close: boolean): void {
    if (close) {
      this.#head.push('Connection', 'close');
      this.#connection.isClosing = true;
    } else if (this.#gateway.keepAlive !== undefined && this.#keepsConnection) {
      this.#head.push('Keep-Alive', this.#gateway.keepAlive);
    }
    const status = this.#status;
    this.#response.writeHead(Number(status.slice(0, 3)), status.slice(4), this.#head);
    this.#unwatch();
  }

  /** Whether node:http will say that the connection is kept. */
  get #keepsConnection(): boolean {
    return this.#response.shouldKeepAlive && !this.#endsWithConnection;
  }

  /** Whether the connection is of no use after this response, as far as is known. */
  get #isLast(): boolean {
    return this.#connection.endsWithCurrent || this.#gateway.closesConnections;
  }

  protected override send(head: string, chunk: Uint8Array): boolean {
    if (head !== '') this.#writeHead(this.#isLast);
    if (chunk.length > 0) return this.#response.write(chunk);
    this.#response.flushHeaders();
    return true;
  }

  protected override drained(): Promise<void> {
    const response = this.#response;
    if (this.isOver || !response.writableNeedDrain) return Promise.resolve();
    this.#connection.watchOutput();
    const drained = new Promise<void>((resolve) => {
      this.#onDrain = resolve;
      response.once('drain', resolve);
    });
    return drained.then(() => this.#connection.unwatchOutput());
  }

  protected override finish(head: string, last: Uint8Array | undefined): void {
    const body = this.incompleteBody;
    if (body !== undefined) this.#finishEarly(head, last, body);
    else {
      if (head !== '') this.#writeHead(this.#isLast);
      this.#end(last);
    }
    this.responseOver();
    this.#connection.finished(this);
  }

  #end(last: Uint8Array | undefined): void {
    const response = this.#response;
    const { socket } = response;
    if (last === undefined) response.end();
    else if (last.length > SMALL_BODY || socket === null) response.end(last);
    else {
      // As text it goes out in one piece with the head; and flushed before the end, which node:http would
      // send as an empty second piece, it is one plain write.
      socket.cork();
      response.write(asBuffer(last).toString('latin1'), 'latin1');
      socket.uncork();
      response.end();
    }
  }

  /** Ends the response before the request has ended. */
  #finishEarly(head: string, last: Uint8Array | undefined, body: RequestBody): void {
    const close = this.#isLast || body.costsConnection;
    if (head !== '') this.#writeHead(close);
    if (head === '' || !close) {
      this.#end(last);
      this.#connection.drain(body);
      return;
    }
    // Not ended, for that would make node:http close the connection at once.
    if (last === undefined) this.#response.flushHeaders();
    else this.#response.write(last);
    this.#connection.linger(body);
  }

  protected override abandon(): void {
    // Newer versions of node:http gather the chunks of a turn. Those that were sent shall be seen, except right
    // before a reset: some clients take data together with one for data and a good end.
    if (!this.#endsWithConnection) {
      while (this.#response.writableCorked > 0) this.#response.uncork();
    }
    this.responseOver();
    this.#connection.abandon(this.#endsWithConnection);
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

  /** The rest of the request cannot be read: answers with the error's status, if there is still time. */
  refuse(error: RequestError): void {
    this.#connection.endWithCurrent();
    this.#body?.stop();
    this.cancel(error);
  }

  /** Gives the application a time for its headers. */
  watch(): void {
    this.#isWatched = true;
    this.#gateway.watch(this, this.#gateway.limits.responseTimeout);
  }

  // One that answers at once has no time limit to be looked for.
  #unwatch(): void {
    if (this.#isWatched) this.#gateway.unwatch(this);
  }

  /** The application has not used its time. */
  expire(): void {
    this.cancel(new LimitError('responseTimeout', 'no response within responseTimeout'));
  }

  override disconnect(): void {
    super.disconnect();
    this.responseOver();
    this.#body?.stop();
    this.#unwatch();
    this.#onDrain?.();
  }
}
