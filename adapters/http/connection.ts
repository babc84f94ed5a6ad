/** One client connection: its requests, one after another, and the errors of node:http's parser. */

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

import { GatewayError, LimitError, RequestError } from '../../src/errors.ts';
import type { Connection } from '../../src/listening/server.ts';
import { peerOf } from '../../src/sockets/peer.ts';
import type { IncomingBody } from './body.ts';
import { createRefusal, describeClientError, formatRefusal, isDisconnect } from './client-error.ts';
import type { ClientError } from './client-error.ts';
import { ConnectionLimits } from './connection-limits.ts';
import type { LimitedConnection } from './connection-limits.ts';
import type { Peer } from './environ.ts';
import type { Gateway, QueuedConnection } from './gateway.ts';
import { HttpHandler } from './handler.ts';
import type { HandlerConnection } from './handler.ts';
import type { ParserConnection } from './incoming.ts';
import { NativeHandler } from './native.ts';
import { Pipeline } from './pipeline.ts';
import type { Exchange } from './pipeline.ts';
import { TearDown } from './tear-down.ts';
import type { ClosingConnection } from './tear-down.ts';

/** State of a connection, beside that of node:http. */
export class HttpConnection
  implements
    Connection,
    HandlerConnection,
    QueuedConnection,
    ParserConnection,
    LimitedConnection,
    ClosingConnection
{
  readonly #socket: Socket;
  readonly #gateway: Gateway;
  readonly limits: ConnectionLimits;
  readonly tearDown: TearDown;
  #peer: Peer | undefined;
  #current: HttpHandler | undefined;
  readonly #running = new Set<HttpHandler>(); // also those whose response waits to be sent
  response: ServerResponse | undefined; // to the last request that was served
  previousResponse: ServerResponse | undefined; // the one before, while it is being sent
  // node:http hands out pipelined requests at once. Only safe ones might be served in parallel (RFC 9112 § 9.3.2).
  readonly #waiting = new Pipeline();
  #awaitsTurn = false;
  #watchesLastOutput = false;
  #refusal: [status: string, message: string, packet?: Buffer] | undefined; // sent after all responses
  acceptsNoMore = false; // ignores requests that come after those that wait
  #requests = 0;

  constructor(socket: Socket, gateway: Gateway) {
    this.#socket = socket;
    this.#gateway = gateway;
    this.limits = new ConnectionLimits(this, socket, gateway);
    this.tearDown = new TearDown(this, socket, gateway);
    this.limits.countMemory();
    socket.on('close', () => this.#onClose());
  }

  get peer(): Peer {
    return (this.#peer ??= this.#gateway.environ.describePeer(this.#socket));
  }

  get acceptsRequests(): boolean {
    return !this.tearDown.hasBegun && !this.acceptsNoMore;
  }

  get closesAfterCurrent(): boolean {
    return this.acceptsNoMore && this.#waiting.isEmpty && this.#refusal === undefined;
  }

  get hasWaitingRequests(): boolean {
    return !this.#waiting.isEmpty;
  }

  get isNew(): boolean {
    return this.response === undefined && !this.limits.hasReceived;
  }

  get isIdle(): boolean {
    return this.#current === undefined && this.response?.closed === true;
  }

  // ---- requests

  /** A request has come, up to the end of its headers. */
  begin(exchange: Exchange): void {
    if (!this.acceptsRequests) return;
    if (this.#waiting.isEmpty && this.#mayServe) {
      this.#serve(exchange);
    } else if (!this.#waiting.add(exchange)) {
      this.#overflow(exchange.request);
    } else {
      // What follows a request with `Upgrade` may be another protocol, and node:http has dropped a part of it.
      if (exchange.request.headers.upgrade !== undefined) this.#stopAccepting();
      this.limits.countMemory();
      this.#awaitTurn();
    }
  }

  /** Whether it is the turn of the next request. */
  get #mayServe(): boolean {
    return this.#gateway.queue.servesAll && this.#waiting.mayFollow(this.response);
  }

  /** More requests have come than may wait. The client sends those again that get no response (RFC 9112 § 9.3.1). */
  #overflow(request: IncomingMessage): void {
    request.resume(); // its body may have come already
    this.log('too many pipelined requests: the connection ends after those that were accepted');
    this.#stopAccepting();
    this.ignoreRequest();
    if (this.closesAfterCurrent && this.response?.writableEnded === true) {
      this.tearDown.closeAfterResponse();
    }
  }

  /** Ignores what comes from now on. The requests that have come before are still answered. */
  #stopAccepting(): void {
    if (this.acceptsNoMore) return;
    this.acceptsNoMore = true;
    const last = this.response;
    if (this.closesAfterCurrent && last?.headersSent === false) last.shouldKeepAlive = false;
  }

  closeAfterCurrent(): void {
    this.#waiting.clear();
    this.#refusal = undefined;
    this.#stopAccepting();
  }

  ignoreRequest(): void {
    this.tearDown.discardInput();
  }

  #serve(exchange: Exchange): void {
    const gateway = this.#gateway;
    if (this.#requests++ === 0) this.limits.watchIdle();
    this.previousResponse = this.response?.closed === false ? this.response : undefined;
    this.response = exchange.response;
    const Handler = gateway.isNative ? NativeHandler : HttpHandler;
    const handler = new Handler(exchange, this, gateway);
    this.#current = handler;
    const run = handler.runIn(gateway.contexts, gateway.application);
    if (run === undefined) return;
    this.#running.add(handler);
    const onEnd = handler.goesOn();
    gateway.track(run, () => {
      this.#running.delete(handler);
      onEnd();
    });
    if (!handler.headersSent) handler.watch();
  }

  finished(handler: HttpHandler): void {
    if (this.#current === handler) this.#current = undefined;
    if (this.#socket.writableLength > 0) this.#watchLastOutput();
    if (this.#gateway.closesConnections || this.closesAfterCurrent) {
      this.tearDown.closeAfterResponse();
    } else this.#awaitTurn();
  }

  #watchLastOutput(): void {
    if (this.#watchesLastOutput) return;
    this.#watchesLastOutput = true;
    this.limits.watchOutput();
    this.response!.once('finish', () => {
      this.#watchesLastOutput = false;
      this.limits.unwatchOutput();
    });
  }

  answer(response: Buffer, body: IncomingBody | undefined): void {
    this.#current = undefined;
    this.tearDown.endWith(response, body);
  }

  abandon(endsWithConnection: boolean): void {
    this.#current = undefined;
    this.tearDown.abandon(endsWithConnection);
  }

  // ---- requests that wait for their turn

  /** Serves what waits when the last response has been sent. */
  #awaitTurn(): void {
    if (this.#waiting.isEmpty && this.#refusal === undefined) return;
    if (this.response === undefined) this.#gateway.queue.add(this);
    else if (this.response.writableEnded && !this.#awaitsTurn) {
      this.#awaitsTurn = true;
      this.response.once('close', () => {
        this.#awaitsTurn = false;
        this.serveWaiting();
      });
    }
  }

  serveWaiting(): void {
    while (!this.#waiting.isEmpty && this.#mayServe) {
      if (this.tearDown.hasBegun || this.#socket.destroyed) return;
      this.#serve(this.#waiting.shift()!);
    }
    this.limits.countMemory();
    if (!this.#waiting.isEmpty) this.#awaitTurn();
    else if (this.#refusal !== undefined) this.#refuseInTurn();
  }

  serveLast(): ServerResponse | undefined {
    const exchange = this.#waiting.shift();
    if (exchange === undefined) return undefined;
    this.closeAfterCurrent();
    this.#serve(exchange);
    return exchange.response;
  }

  // ---- errors

  /** node:http's parser has failed, or a request has taken too long. */
  clientError(error: ClientError): void {
    if (error instanceof GatewayError) return; // the listeners of the socket are told of it
    if (isDisconnect(error) || this.#socket.readableEnded) {
      this.destroy(this.tearDown.hasBegun ? undefined : error);
      return;
    }
    if (this.tearDown.isLingering) return; // what comes after the last response need not be HTTP
    const [status, message] = describeClientError(error);
    const current = this.#current;
    if (current?.isReceiving === true) {
      const refusal = Object.assign(new RequestError(status, message), { cause: error });
      if (this.tearDown.hasBegun || !this.#socket.writable) this.destroy(error);
      else current.refuse(refusal);
    } else if (this.acceptsRequests) {
      const isFirst = this.#requests === 0 && this.#waiting.isEmpty;
      this.#refusal = [status, message, isFirst ? error.rawPacket : undefined];
      this.#stopAccepting();
      this.#refuseInTurn();
    }
    this.ignoreRequest();
  }

  /** Answers bytes that were no request, after the responses to the requests before them. */
  #refuseInTurn(): void {
    const isBusy = this.response?.closed === false;
    if (isBusy || !this.#waiting.isEmpty) this.#awaitTurn();
    else this.#refuse(...this.#refusal!);
  }

  #refuse(status: string, message: string, packet?: Buffer): void {
    if (this.tearDown.hasBegun || !this.#socket.writable) return;
    this.tearDown.hasBegun = true;
    this.log(`${status.slice(0, 3)}: ${message}`);
    const refusal = createRefusal(status);
    this.#socket.end(formatRefusal(refusal));
    this.tearDown.waitForPeer();
    this.#gateway.logRefusal(refusal, this.peer, packet);
  }

  sendTimedOut(): void {
    const message = 'nothing of the response was taken for sendTimeout';
    this.log(message);
    this.destroy(new LimitError('sendTimeout', message));
  }

  // ---- the end

  shutdown(): void {
    // A client that has just connected is about to send.
    if (this.isNew) this.limits.watchFirst();
    // A request that has come on a kept connection is about to be read.
    else setImmediate(() => setImmediate(() => this.#shutdown()));
  }

  #shutdown(): void {
    if (this.#current !== undefined || !this.#waiting.isEmpty) return;
    if (this.response === undefined) return; // its first request is coming
    if (this.response.closed && this.#socket.writableLength === 0) this.destroy();
    else this.tearDown.closeAfterResponse();
  }

  /** @param error what the socket's listeners are told */
  destroy(error?: Error): void {
    this.#socket.destroy(error);
    this.#onClose(); // now, and not at 'close', so that nothing is sent to a client that has left
  }

  #onClose(): void {
    this.tearDown.hasBegun = true;
    this.#waiting.clear();
    this.#gateway.queue.delete(this);
    this.#current?.disconnect();
    this.#current = undefined;
    for (const handler of this.#running) handler.disconnect();
    this.limits.clear();
  }

  log(message: string): void {
    this.#gateway.log.warn(`http: ${peerOf(this.#socket)}: ${message}`);
  }
}
