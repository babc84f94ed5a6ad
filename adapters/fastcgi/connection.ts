/** One connection of a front end: its socket, from accepting to closing. */

import type { Socket } from 'node:net';

import { EMPTY } from '../../src/bytes.ts';
import { GatewayError } from '../../src/errors.ts';
import type { Connection } from '../../src/listening/server.ts';
import { SocketReader } from '../../src/sockets/reader.ts';
import { peerOf, resetSocket } from '../../src/sockets/peer.ts';
import type { Gateway } from './gateway.ts';
import { InputFlow } from './input-flow.ts';
import { Output } from './output.ts';
import type { OutputOwner } from './output.ts';
import { RecordParser } from './record.ts';
import { Requests } from './requests.ts';
import type { Link } from './requests.ts';
import { Timeouts } from './timeouts.ts';
import type { Timed } from './timeouts.ts';

/**
 * Milliseconds between the last byte and the reset of a connection. A reset overtakes what the front end has
 * not read, of other requests among it; and lighttpd takes a response for complete unless it has begun to
 * send it when the connection ends.
 */
const RESET_DELAY = 100;

/**
 * Bytes that may wait for a peer before no more of its input is read. Responses of applications wait
 * elsewhere; these are the gateway's own answers, of which a peer that never reads could ask without end.
 */
const ANSWERS_LIMIT = 256 * 1024;

/** Milliseconds between two warnings about a connection: a peer decides how often there is a reason. */
const WARNING_INTERVAL = 1000;

export class FastCgiConnection implements Connection, Link, OutputOwner, Timed {
  readonly gateway: Gateway;
  readonly output: Output;
  readonly input: InputFlow;
  readonly timeouts: Timeouts;
  readonly #socket: Socket;
  readonly #reader: SocketReader;
  readonly #requests: Requests;
  readonly #parser: RecordParser;
  #stopping = false; // no longer than the requests in flight
  #receiving = false; // input is being processed: what is to follow comes after it
  #closing = false; // nothing more is sent
  #warnedAt = -Infinity;
  #unsaid = 0; // warnings since then

  constructor(socket: Socket, gateway: Gateway) {
    this.#socket = socket;
    this.gateway = gateway;
    this.timeouts = new Timeouts(this, socket, gateway);
    this.output = new Output(socket, this);
    this.input = new InputFlow(socket, gateway, this);
    this.#requests = new Requests(this);
    this.#parser = new RecordParser(this.#requests);
    this.#reader = new SocketReader(socket, (bytes, length) => this.#receive(bytes, length));
    socket.on('end', () => this.#peerClosed());
    socket.on('close', () => this.#closed());
    // 'close' follows. What a front end does to its connections is no error of ours.
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
    if (this.#closing) return; // what is still on its way is read all the same, see linger
    // All that this input brings about is written together at the end.
    this.#receiving = true;
    this.output.cork();
    try {
      this.#parser.push(bytes, length);
    } catch (error) {
      this.refuse(error);
    }
    this.output.uncork();
    this.#receiving = false;
    this.#requests.keepOpening();
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

  /** Reads no more before the peer has read. */
  #holdInput(): void {
    this.input.hold(this);
    this.#socket.once('drain', () => this.input.release(this));
  }

  // ---- the end

  shutdown(): void {
    this.#stopping = true;
    // A front end that has connected just now is about to send, and what it has sent is about to be read.
    if (this.begun === 0) this.timeouts.watchFirst();
    else setImmediate(() => setImmediate(() => this.#closeIfDone()));
  }

  /** A request is over. */
  settled(): void {
    if (!this.#receiving) this.#closeIfDone();
  }

  /** Closes when nothing is in flight and nothing more is to come. */
  #closeIfDone(): void {
    const { inFlight, keepConn, isBroken } = this.#requests;
    if (inFlight === 0 && (!keepConn || this.#stopping || isBroken)) this.close();
  }

  close(): void {
    if (this.#closing) return;
    this.#closing = true;
    this.output.flush();
    if (this.#requests.isBroken) this.#reset();
    else this.#socket.end(() => this.timeouts.watchClosing());
    if (this.#socket.writableLength > 0) this.watchOutput();
  }

  /**
   * A broken response ends in a reset: END_REQUEST, whatever its status, and a closed connection look
   * complete to most front ends. A unix socket knows no reset.
   */
  #reset(): void {
    const socket = this.#socket;
    socket.write(EMPTY, () => setTimeout(() => resetSocket(socket), RESET_DELAY));
  }

  /** Closes at once; what is in flight must not look complete. */
  destroy(): void {
    if (this.inFlight > 0 || this.#requests.isBroken) resetSocket(this.#socket);
    else this.#socket.destroy();
  }

  /** What cannot be understood, or is too much: one line in the log, and the connection is closed. */
  refuse(error: unknown): void {
    if (!(error instanceof GatewayError)) throw error;
    this.#warn(error.message);
    this.destroy();
  }

  /** Front ends abort their requests by closing; half a connection means nothing here. */
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
      this.#unsaid++;
      return;
    }
    this.#warnedAt = now;
    this.#warn(text);
  }

  #warn(text: string): void {
    const more = this.#unsaid === 0 ? '' : ` (and ${this.#unsaid} more warnings before)`;
    this.#unsaid = 0;
    this.gateway.log.warn(this.#message(text + more));
  }

  debug(text: string): void {
    this.gateway.log.debug(this.#message(text));
  }

  #message(text: string): string {
    return `fastcgi: ${peerOf(this.#socket)}: ${text}`;
  }
}
