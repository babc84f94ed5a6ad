/** One connection of a front end, from accepting its socket to closing it. */

import type { Socket } from 'node:net';

import { EMPTY } from '../../src/bytes.ts';
import { GatewayError } from '../../src/errors.ts';
import type { Connection } from '../../src/listening/server.ts';
import { SocketReader } from '../../src/sockets/reader.ts';
import { isTcp, peerOf, resetSocket } from '../../src/sockets/peer.ts';
import { FlowControl } from './flow-control.ts';
import type { FlowConnection } from './flow-control.ts';
import type { Gateway } from './gateway.ts';
import { Output } from './output.ts';
import { RecordParser } from './record.ts';
import { RecordWriter } from './record-writer.ts';
import type { WriterConnection } from './record-writer.ts';
import { Requests } from './requests.ts';
import type { RequestsConnection } from './requests.ts';
import { Timeouts } from './timeouts.ts';
import type { TimedConnection } from './timeouts.ts';

/**
 * The header of a record whose version is none: nginx then breaks its own response. It takes a connection that is merely
 * closed for the end of a response that it does not buffer (X-Accel-Buffering, `fastcgi_buffering off`).
 */
const NO_RECORD = Buffer.alloc(8);

/**
 * Milliseconds between the last byte and the reset of a connection. A reset overtakes bytes that the front end has
 * not read yet, also those of other requests. And lighttpd takes a broken response for complete if the connection
 * ends before lighttpd has begun to send it on.
 */
const RESET_DELAY = 100;

/**
 * The socket is paused while more bytes than this wait for the peer to read. They are answers of the gateway itself: a
 * peer that never reads could ask for them without end. Responses of applications wait in {@link Output}.
 */
const ANSWERS_LIMIT = 256 * 1024;

/** Milliseconds between two warnings about a connection: a peer could cause any number of them. */
const WARNING_INTERVAL = 1000;

export class FastCgiConnection
  implements Connection, RequestsConnection, WriterConnection, FlowConnection, TimedConnection
{
  readonly gateway: Gateway;
  readonly writer: RecordWriter;
  readonly output: Output;
  readonly flow: FlowControl;
  readonly timeouts: Timeouts;
  readonly #socket: Socket;
  readonly #reader: SocketReader;
  readonly #requests: Requests;
  readonly #parser: RecordParser;
  #stopping = false; // closes when the requests in flight have ended
  #receiving = false; // input is being processed: the connection may be closed after it, not before
  #closing = false; // nothing more is sent
  #warnedAt = -Infinity;
  #suppressed = 0; // warnings since then

  constructor(socket: Socket, gateway: Gateway) {
    this.#socket = socket;
    this.gateway = gateway;
    this.timeouts = new Timeouts(this, socket, gateway);
    this.writer = new RecordWriter(socket, this);
    this.output = new Output(socket, this.writer);
    this.flow = new FlowControl(socket, gateway, this);
    this.#requests = new Requests(this);
    this.#parser = new RecordParser(this.#requests);
    this.#reader = new SocketReader(socket, (bytes, length) => this.#receive(bytes, length));
    socket.on('end', () => this.#peerClosed());
    socket.on('close', () => this.#closed());
    // 'close' follows. A front end may reset its connections: that is no error of the gateway.
    socket.on('error', (error) => this.debug(error.message));
    this.timeouts.watchIdle();
  }

  get begun(): number {
    return this.#requests.begun;
  }

  get inFlight(): number {
    return this.#requests.inFlight;
  }

  // ---- input

  #receive(bytes: Buffer, length: number): void {
    if (this.#closing) return; // the socket is still read, but nothing is served: see linger
    // Records that answer this input are written together at the end.
    this.#receiving = true;
    this.writer.cork();
    try {
      this.#parser.push(bytes, length);
    } catch (error) {
      this.refuse(error);
    }
    this.writer.uncork();
    this.#receiving = false;
    this.#requests.keepPending();
    if (this.#requests.keepConn) this.#reader.reuseMemory();
    if (this.#socket.writableLength > ANSWERS_LIMIT) this.#holdInput();
    this.#closeIfDone();
  }

  keep(bytes: Buffer): Buffer {
    return this.#reader.keep(bytes);
  }

  watchOutput(): void {
    this.timeouts.watchOutput();
  }

  /** Reads nothing until the peer has read. */
  #holdInput(): void {
    this.flow.hold(this);
    this.#socket.once('drain', () => this.flow.release(this));
  }

  // ---- the end

  shutdown(): void {
    this.#stopping = true;
    // A front end that has just connected is about to send a request. One that it has sent is about to be read.
    if (this.begun === 0) this.timeouts.watchFirst();
    else setImmediate(() => setImmediate(() => this.#closeIfDone()));
  }

  requestEnded(): void {
    if (!this.#receiving) this.#closeIfDone();
  }

  /** Closes the connection if no request is in flight and none will follow. */
  #closeIfDone(): void {
    const { inFlight, keepConn, isBroken } = this.#requests;
    if (inFlight === 0 && (!keepConn || this.#stopping || isBroken)) this.close();
  }

  close(): void {
    if (this.#closing) return;
    this.#closing = true;
    this.writer.flush();
    if (this.#requests.isBroken) this.#reset();
    else this.#socket.end(() => this.timeouts.watchClosing());
    if (this.#socket.writableLength > 0) this.watchOutput();
  }

  /**
   * A broken response ends in a reset. Most front ends take END_REQUEST, with any status, for a complete response, and
   * a closed connection too. A unix socket has no reset: there the last bytes are no record.
   */
  #reset(): void {
    const socket = this.#socket;
    const last = isTcp(socket) ? EMPTY : NO_RECORD;
    socket.write(last, () => setTimeout(() => resetSocket(socket), RESET_DELAY));
  }

  /** Closes at once. Responses in flight must not look complete. */
  destroy(): void {
    const isBroken = this.inFlight > 0 || this.#requests.isBroken;
    if (!isBroken) this.#socket.destroy();
    else {
      if (!isTcp(this.#socket)) this.#socket.write(NO_RECORD);
      resetSocket(this.#socket);
    }
  }

  /** Closes the connection after a protocol violation or an exceeded limit, with one line in the log. */
  refuse(error: unknown): void {
    if (!(error instanceof GatewayError)) throw error;
    this.#warn(error.message);
    this.destroy();
  }

  /** Front ends close the connection to abort its requests, so a half-closed one is of no use. */
  #peerClosed(): void {
    if (this.inFlight > 0) this.#socket.destroy();
    else this.#socket.end();
  }

  #closed(): void {
    this.timeouts.clear();
    this.#requests.disconnect();
    this.output.destroy();
  }

  // ---- log

  warn(text: string): void {
    const now = performance.now();
    if (now - this.#warnedAt < WARNING_INTERVAL) {
      this.#suppressed++;
      return;
    }
    this.#warnedAt = now;
    this.#warn(text);
  }

  #warn(text: string): void {
    const more = this.#suppressed === 0 ? '' : ` (and ${this.#suppressed} more warnings before)`;
    this.#suppressed = 0;
    this.gateway.log.warn(this.#message(text + more));
  }

  debug(text: string): void {
    this.gateway.log.debug(this.#message(text));
  }

  #message(text: string): string {
    return `fastcgi: ${peerOf(this.#socket)}: ${text}`;
  }
}
