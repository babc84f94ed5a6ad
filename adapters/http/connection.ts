/** One client connection: its requests, one after another, and what is refused on it. */

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

import { RequestError } from '../../src/errors.ts';
import type { Connection } from '../../src/server.ts';
import { peerOf, resetSocket } from '../../src/sockets.ts';
import type { RequestBody } from './body.ts';
import type { Peer } from './environ.ts';
import type { Expiring, Gateway } from './gateway.ts';
import { HttpHandler } from './handler.ts';
import { NativeHandler } from './native.ts';

/** A request and its response, as node:http hands them out. */
export interface Exchange {
  request: IncomingMessage;
  response: ServerResponse;
  /** Whether the client waits for `100 Continue` before it sends the body. */
  expects: boolean;
  /** The connection is closed after it. */
  isLast?: boolean;
}

/** What node:http's parser, or its clock, complains of. */
interface ClientError extends NodeJS.ErrnoException {
  reason?: string;
  rawPacket?: Buffer;
}

/**
 * Pipelined requests that may wait before no more is read. Not none: while nothing is read, nobody sees that the
 * client has left.
 */
const MAX_WAITING = 3;

/** State of a connection, beside that of node:http. */
export class HttpConnection implements Connection, Expiring {
  readonly #socket: Socket;
  readonly #gateway: Gateway;
  readonly #bytesAtStart: number;
  #bytesAtWatch = 0;
  #peer: Peer | undefined;
  #current: HttpHandler | undefined;
  #response: ServerResponse | undefined; // of the last request that was begun
  // Pipelined requests. node:http hands them out at once; in parallel only safe ones might be served
  // (RFC 9112 § 9.3.2), and only few.
  readonly #waiting: Exchange[] = [];
  /** The last response has begun: what else comes is ignored. */
  isClosing = false;
  #lingers = false; // all is sent, and what comes is thrown away
  #requests = 0;

  constructor(socket: Socket, gateway: Gateway) {
    this.#socket = socket;
    this.#gateway = gateway;
    this.#bytesAtStart = socket.bytesRead;
    socket.on('close', () => this.#onClose());
  }

  get peer(): Peer {
    return (this.#peer ??= this.#gateway.environ.describePeer(this.#socket));
  }

  /** A request has come in, up to the end of its headers. */
  begin(exchange: Exchange): void {
    if (this.isClosing) return;
    if (this.#current === undefined && this.#waiting.length === 0) {
      this.#serve(exchange);
      return;
    }
    this.#waiting.push(exchange);
    // Not at once: node:http goes on reading after each request that it hands out.
    if (this.#waiting.length === MAX_WAITING) process.nextTick(() => this.#holdInput());
  }

  #holdInput(): void {
    if (this.#waiting.length >= MAX_WAITING) this.#socket.pause();
  }

  #serve(exchange: Exchange): void {
    const gateway = this.#gateway;
    if (this.#requests++ === 0) this.#watchIdle();
    this.#response = exchange.response;
    const Handler = gateway.isNative ? NativeHandler : HttpHandler;
    const handler = new Handler(exchange, this, gateway);
    this.#current = handler;
    const run = handler.run(gateway.application);
    if (run === undefined) return;
    gateway.track(run);
    if (!handler.headersSent) handler.watch();
  }

  /** The response of the current request is complete, as far as the application is concerned. */
  finished(): void {
    this.#current = undefined;
    if (this.#socket.writableLength > 0) this.#watchLastOutput();
    if (this.#gateway.closesConnections) this.#closeAfterResponse();
    else if (this.#waiting.length > 0) this.#response!.once('close', () => this.#next());
  }

  #watchLastOutput(): void {
    this.watchOutput();
    this.#response!.once('finish', () => this.unwatchOutput());
  }

  /** For a response that did not say so. */
  #closeAfterResponse(): void {
    if (!this.isClosing) this.#response!.once('close', () => this.#socket.destroySoon());
  }

  #next(): void {
    const next = this.#waiting.shift();
    if (next === undefined || this.isClosing || this.#socket.destroyed) return;
    if (this.#waiting.length < MAX_WAITING) this.#socket.resume();
    this.#serve(next);
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
    this.watchOutput();
    this.#socket.end(() => {
      this.unwatchOutput();
      this.#waitForPeer();
    });
    body.discard(() => this.#socket.destroySoon());
  }

  #waitForPeer(): void {
    this.#lingers = true;
    this.#gateway.linger(this.#socket);
  }

  /** A response has broken off. @param endsWithConnection whether its end would look like a good one */
  abandon(endsWithConnection: boolean): void {
    this.#current = undefined;
    this.isClosing = true;
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
  }

  unwatchOutput(): void {
    this.#socket.setTimeout(0);
  }

  /** node:http gives the connection up: bytes that are no request, or too slow ones. */
  fail(error: ClientError): void {
    if (isDeparture(error)) {
      this.destroy();
      return;
    }
    if (this.#lingers) return; // what comes after the last response need not be HTTP
    if (this.isClosing || !this.#socket.writable) {
      this.destroy();
      return;
    }
    const [status, message] = explain(error);
    const current = this.#current;
    if (current?.incompleteBody === undefined) this.refuse(status, message);
    else current.refuse(new RequestError(status, message));
  }

  /** Answers what never became a request, after the responses to what came before it. */
  refuse(status: string, message: string): void {
    const last = this.#response;
    if (last === undefined || last.closed) this.#refuse(status, message);
    else last.once('close', () => this.#refuse(status, message));
  }

  #refuse(status: string, message: string): void {
    if (this.isClosing || this.#socket.destroyed) return;
    this.isClosing = true;
    this.#log(`${status.slice(0, 3)}: ${message}`);
    const text = `${status.slice(4)}\n`;
    this.#socket.end(
      `HTTP/1.1 ${status}\r\nDate: ${new Date().toUTCString()}\r\n` +
        'Connection: close\r\nContent-Type: text/plain; charset=utf-8\r\n' +
        `Content-Length: ${text.length}\r\n\r\n${text}`,
    );
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
    if (this.#current !== undefined || this.#waiting.length > 0) return;
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
    this.#waiting.length = 0;
    this.#gateway.unwatch(this);
    this.#current?.disconnect();
    this.#current = undefined;
  }

  #log(message: string): void {
    this.#gateway.log.warn(`http: ${peerOf(this.#socket)}: ${message}`);
  }
}

/** Whether the client is gone, rather than wrong. */
function isDeparture(error: ClientError): boolean {
  return error.code === 'HPE_INVALID_EOF_STATE' || !/^(?:HPE_|ERR_HTTP_)/.test(error.code ?? '');
}

/** Status and log line for an error of the parser. */
function explain(error: ClientError): [status: string, message: string] {
  const message = error.reason ?? error.message;
  switch (error.code) {
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return [
        '408 Request Timeout',
        'the request took longer than headersTimeout or requestTimeout',
      ];
    case 'HPE_HEADER_OVERFLOW':
      return ['431 Request Header Fields Too Large', 'more than maxHeaderSize'];
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return ['413 Content Too Large', message];
    case 'HPE_PAUSED_H2_UPGRADE':
      return ['505 HTTP Version Not Supported', 'HTTP/2 without TLS'];
    default:
      return [
        '400 Bad Request',
        isTlsHello(error.rawPacket) ? TLS_HINT : `${error.code}: ${message}`,
      ];
  }
}

const TLS_HINT =
  'a TLS hello on a plain HTTP port: is the URL to begin with http:// instead of https://?';

/** RFC 8446 § 5.1: a handshake record, of any TLS version. */
function isTlsHello(bytes: Buffer | undefined): boolean {
  return bytes !== undefined && bytes[0] === 22 && bytes[1] === 3;
}
