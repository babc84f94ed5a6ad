/** One client connection: its requests, one after another, and what is refused on it. */

import type { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';

import { RequestError } from '../../src/errors.ts';
import { Share } from '../../src/resources/resources.ts';
import type { Connection } from '../../src/listening/server.ts';
import { peerOf, resetSocket } from '../../src/sockets/peer.ts';
import type { RequestBody } from './body.ts';
import { explain, formatRefusal, isDeparture } from './client-error.ts';
import type { ClientError } from './client-error.ts';
import type { Peer } from './environ.ts';
import type { Expiring, Gateway, QueuedConnection } from './gateway.ts';
import { HttpHandler } from './handler.ts';
import type { Carrier } from './handler.ts';
import { discardInput } from './incoming.ts';
import type { RequestTaker } from './incoming.ts';
import { NativeHandler } from './native.ts';
import { Pipeline } from './pipeline.ts';
import type { Exchange } from './pipeline.ts';

/** Bytes that pipelined requests hold which wait: their texts are bounded, and node:http has two objects for each. */
const WAITING_SIZE = 64 * 1024;

/** State of a connection, beside that of node:http. */
export class HttpConnection
  implements Connection, Carrier, QueuedConnection, Expiring, RequestTaker
{
  readonly #socket: Socket;
  readonly #gateway: Gateway;
  readonly #bytesAtStart: number;
  #bytesAtWatch = 0;
  #peer: Peer | undefined;
  #current: HttpHandler | undefined;
  readonly #running = new Set<HttpHandler>(); // with those whose response waits to be sent
  #response: ServerResponse | undefined; // of the last request that was begun
  #previous: ServerResponse | undefined; // the one before it, if that was not sent yet
  // node:http hands out pipelined requests at once; in parallel only safe ones might be served (RFC 9112 § 9.3.2).
  readonly #waiting = new Pipeline();
  #awaitsTurn = false;
  #watchesLast = false; // that the client takes the last response
  #closesAfter: ServerResponse | undefined; // which does not say so
  #refusal: [status: string, message: string] | undefined; // sent after all others
  /** The last response has begun: what else comes is ignored. */
  isClosing = false;
  #isFull = false; // no request is taken after those that wait
  #discards = false; // what comes is not parsed any more
  #lingers = false; // all is sent, and what comes is thrown away
  #requests = 0;
  readonly #share: Share;
  #watchesOutput = false;

  constructor(socket: Socket, gateway: Gateway) {
    this.#socket = socket;
    this.#gateway = gateway;
    this.#bytesAtStart = socket.bytesRead;
    this.#share = new Share(gateway.resources);
    this.#hold();
    socket.on('close', () => this.#onClose());
    socket.destroySoon = () => this.#closeSoon();
  }

  get peer(): Peer {
    return (this.#peer ??= this.#gateway.environ.describePeer(this.#socket));
  }

  get takesRequests(): boolean {
    return !this.isClosing && !this.#isFull;
  }

  /** Whether the connection ends with the response of the current request. */
  get endsWithCurrent(): boolean {
    return this.#isFull && this.#waiting.isEmpty && this.#refusal === undefined;
  }

  /** Counts what the connection may hold by itself: a head that is not complete, requests and output that wait. */
  #hold(): void {
    if (this.#socket.destroyed) {
      this.#share.set(0);
      return;
    }
    const waiting = this.#waiting.isEmpty ? 0 : WAITING_SIZE;
    const output = this.#watchesOutput ? this.#socket.writableLength : 0;
    this.#share.set(this.#gateway.limits.maxHeaderSize + waiting + output);
  }

  /** A request has come in, up to the end of its headers. */
  begin(exchange: Exchange): void {
    if (!this.takesRequests) return;
    if (this.#waiting.isEmpty && this.#mayServe) {
      this.#serve(exchange);
    } else if (!this.#waiting.add(exchange)) {
      this.#overflow(exchange.request);
    } else {
      // Bytes behind it may be of another protocol: node:http has thrown some of them away.
      if (exchange.request.headers.upgrade !== undefined) this.#takeNoMore();
      this.#hold();
      this.#awaitTurn();
    }
  }

  /** Whether it is the turn of the next request. */
  get #mayServe(): boolean {
    return this.#gateway.queue.isOpen && this.#waiting.mayFollow(this.#response);
  }

  /** More requests come than may wait: the client sends those again that get no response (RFC 9112 § 9.3.1). */
  #overflow(request: IncomingMessage): void {
    request.resume(); // a body that is on its way already
    this.#log('too many pipelined requests: the connection ends after those that were taken');
    this.#takeNoMore();
    this.ignoreRequest();
    if (this.endsWithCurrent && this.#response?.writableEnded === true) this.#closeAfterResponse();
  }

  /** What comes from now on is thrown away, and the client can still see the responses to what came before. */
  #takeNoMore(): void {
    if (this.#isFull) return;
    this.#isFull = true;
    const last = this.#response;
    if (this.endsWithCurrent && last?.headersSent === false) last.shouldKeepAlive = false;
  }

  /** Nothing behind the current request is one. */
  endWithCurrent(): void {
    this.#waiting.clear();
    this.#refusal = undefined;
    this.#takeNoMore();
  }

  ignoreRequest(): void {
    if (this.#discards) return;
    this.#discards = true;
    process.nextTick(() => this.#discardInput()); // the parser is still at work
  }

  /** Takes the socket from node:http's parser: reading goes on, so that the end of the connection is seen. */
  #discardInput(): void {
    if (this.#socket.destroyed) return;
    discardInput(this.#socket, (bytes) => {
      if (this.#lingers || bytes <= this.#gateway.limits.drainLimit) return;
      this.#log('requests without end behind the last that was taken');
      this.destroy();
    });
  }

  #serve(exchange: Exchange): void {
    const gateway = this.#gateway;
    if (this.#requests++ === 0) this.#watchIdle();
    this.#previous = this.#response?.closed === false ? this.#response : undefined;
    this.#response = exchange.response;
    const Handler = gateway.isNative ? NativeHandler : HttpHandler;
    const handler = new Handler(exchange, this, gateway);
    this.#current = handler;
    const run = handler.run(gateway.application);
    if (run === undefined) return;
    this.#running.add(handler);
    const onEnd = handler.goesOn();
    gateway.track(run, () => {
      this.#running.delete(handler);
      onEnd();
    });
    if (!handler.headersSent) handler.watch();
  }

  /** The response of a request is complete, as far as the application is concerned. */
  finished(handler: HttpHandler): void {
    if (this.#current === handler) this.#current = undefined;
    if (this.#socket.writableLength > 0) this.#watchLastOutput();
    if (this.#gateway.closesConnections || this.endsWithCurrent) this.#closeAfterResponse();
    else this.#awaitTurn();
  }

  #watchLastOutput(): void {
    if (this.#watchesLast) return;
    this.#watchesLast = true;
    this.watchOutput();
    this.#response!.once('finish', () => {
      this.#watchesLast = false;
      this.unwatchOutput();
    });
  }

  /** For a response that did not say so. */
  #closeAfterResponse(): void {
    if (this.isClosing || this.#closesAfter === this.#response) return;
    this.#closesAfter = this.#response;
    this.#response!.once('close', () => this.#socket.destroySoon());
  }

  /** Goes on with what waits, once the last response has been sent. */
  #awaitTurn(): void {
    if (this.#waiting.isEmpty && this.#refusal === undefined) return;
    if (this.#response === undefined) this.#gateway.queue.add(this);
    else if (this.#response.writableEnded && !this.#awaitsTurn) {
      this.#awaitsTurn = true;
      this.#response.once('close', () => {
        this.#awaitsTurn = false;
        this.serveWaiting();
      });
    }
  }

  /** Serves the requests that wait, as far as it is their turn. */
  serveWaiting(): void {
    while (!this.#waiting.isEmpty && this.#mayServe) {
      if (this.isClosing || this.#socket.destroyed) return;
      this.#serve(this.#waiting.shift()!);
    }
    this.#hold();
    if (!this.#waiting.isEmpty) this.#awaitTurn();
    else if (this.#refusal !== undefined) this.#refuseInTurn();
  }

  /** Serves the first request that waits, as the last one. @returns its response; undefined if there is none */
  serveLast(): ServerResponse | undefined {
    const exchange = this.#waiting.shift();
    if (exchange === undefined) return undefined;
    this.endWithCurrent();
    this.#serve(exchange);
    return exchange.response;
  }

  /** Throws away what is left of a body after the response, to keep the connection if that is not too much. */
  drain(body: RequestBody): void {
    body.drain((whole) => {
      if (whole || this.#socket.destroyed) return;
      this.isClosing = true;
      this.linger(body);
    });
  }

  /** Ends the connection in a way that lets the client see the response before it has sent all of its body. */
  linger(body: RequestBody): void {
    this.#inTurn(() => this.#endAndLinger());
    const socket = this.#socket;
    body.discard((whole) => {
      if (whole && this.#isFull) return; // more may come behind it
      if (socket.writableFinished) socket.destroy();
      else socket.once('finish', () => socket.destroy());
    });
  }

  /** Runs something that ends the connection, when the responses before the last have been sent. */
  #inTurn(end: () => void): void {
    if (this.#previous?.closed === false) this.#previous.once('close', end);
    else end();
  }

  /** Closes the connection after the last response: called by node:http, too. */
  #closeSoon(): void {
    // With bytes unread, the connection would be reset, and the client could lose the response (RFC 9112 § 9.6).
    const isBehind = this.#isFull || this.#response?.req.complete === false;
    if (isBehind) this.#endAndLinger();
    else Socket.prototype.destroySoon.call(this.#socket);
  }

  #endAndLinger(): void {
    this.watchOutput();
    this.#socket.end(() => {
      this.unwatchOutput();
      this.#waitForPeer();
    });
  }

  #waitForPeer(): void {
    this.#lingers = true;
    this.#gateway.linger(this.#socket);
  }

  /** A response has broken off. @param endsWithConnection whether its end would look like a good one */
  abandon(endsWithConnection: boolean): void {
    this.#current = undefined;
    this.isClosing = true;
    this.#inTurn(() => this.#breakOff(endsWithConnection));
  }

  #breakOff(endsWithConnection: boolean): void {
    if (!endsWithConnection) {
      this.watchOutput();
      this.#socket.destroySoon();
    } else if ('encrypted' in this.#socket) {
      this.#socket.destroy(); // without the closure alert that would make it complete (RFC 8446 § 6.1)
    } else {
      resetSocket(this.#socket);
    }
  }

  /** The client is slow to take what is sent. */
  watchOutput(): void {
    this.#socket.setTimeout(this.#gateway.limits.sendTimeout);
    this.#watchesOutput = true;
    this.#hold();
  }

  unwatchOutput(): void {
    this.#socket.setTimeout(0);
    this.#watchesOutput = false;
    this.#hold();
  }

  /** node:http gives the connection up: bytes that are no request, or too slow ones. */
  fail(error: ClientError): void {
    if (isDeparture(error) || this.#socket.readableEnded) {
      this.destroy();
      return;
    }
    if (this.#lingers) return; // what comes after the last response need not be HTTP
    const [status, message] = explain(error);
    const current = this.#current;
    if (current?.isReceiving === true) {
      if (this.isClosing || !this.#socket.writable) this.destroy();
      else current.refuse(new RequestError(status, message));
    } else if (this.takesRequests) {
      this.#refusal = [status, message];
      this.#takeNoMore();
      this.#refuseInTurn();
    }
    this.ignoreRequest();
  }

  /** Answers what never became a request, after the responses to what came before it. */
  #refuseInTurn(): void {
    const isBusy = this.#response?.closed === false;
    if (isBusy || !this.#waiting.isEmpty) this.#awaitTurn();
    else this.#refuse(...this.#refusal!);
  }

  #refuse(status: string, message: string): void {
    if (this.isClosing || !this.#socket.writable) return;
    this.isClosing = true;
    this.#log(`${status.slice(0, 3)}: ${message}`);
    this.#socket.end(formatRefusal(status));
    this.#waitForPeer();
  }

  /** A graceful stop: closes what has no request, the others after their response. */
  shutdown(): void {
    // A client that has connected just now is about to send.
    if (this.#isNew) this.#gateway.watch(this, 1);
    // What has come on a kept connection is about to be read.
    else setImmediate(() => setImmediate(() => this.#shutdown()));
  }

  #shutdown(): void {
    if (this.#current !== undefined || !this.#waiting.isEmpty) return;
    if (this.#response === undefined) return; // its first request is on the way
    if (this.#response.closed) this.destroy();
    else this.#closeAfterResponse();
  }

  /** Nothing has come on it yet. */
  get #isNew(): boolean {
    return this.#response === undefined && this.#socket.bytesRead === this.#bytesAtStart;
  }

  /** The client takes nothing of what is sent. */
  stall(): void {
    this.#log('nothing of the response was taken for sendTimeout');
    this.destroy();
  }

  // Started once, and not with every request: an idle connection is found at the second look at the latest.
  #watchIdle(): void {
    this.#bytesAtWatch = this.#socket.bytesRead;
    this.#gateway.watch(this, this.#gateway.limits.idleTimeout);
  }

  /** Looks whether the connection has been idle. */
  expire(): void {
    const isIdle =
      this.#current === undefined &&
      this.#response?.closed === true &&
      this.#socket.bytesRead === this.#bytesAtWatch;
    if (isIdle || this.#isNew) this.destroy();
    else this.#watchIdle();
  }

  destroy(): void {
    this.#socket.destroy();
    this.#onClose(); // at once, so that nobody sends to a client that has gone
  }

  #onClose(): void {
    this.isClosing = true;
    this.#waiting.clear();
    this.#gateway.queue.delete(this);
    this.#gateway.unwatch(this);
    this.#current?.disconnect();
    this.#current = undefined;
    for (const handler of this.#running) handler.disconnect();
    this.#hold();
  }

  #log(message: string): void {
    this.#gateway.log.warn(`http: ${peerOf(this.#socket)}: ${message}`);
  }
}
