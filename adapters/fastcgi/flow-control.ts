/**
 * Flow control of a connection's input.
 *
 * FastCGI has no flow control for a single request: a socket that is not read holds back all requests of its
 * connection. So the socket is paused for a short time only, and not at all while several requests share it. What the
 * application has not read by then goes to a spool file. If that is full too, only this request's body fails.
 */

import type { Socket } from 'node:net';

import { LimitError } from '../../src/errors.ts';
import type { InputStream } from '../../src/input/input-stream.ts';
import type { Gateway } from './gateway.ts';

/** The connection, as its flow control sees it. */
export interface FlowConnection {
  /** Requests between BEGIN_REQUEST and END_REQUEST. */
  readonly inFlight: number;
}

/** The request that a body belongs to. */
export interface BodyOwner {
  /** Nothing more of the body can be stored. */
  failBody(input: InputStream, error: LimitError): void;
}

export class FlowControl {
  readonly #socket: Socket;
  readonly #gateway: Gateway;
  readonly #connection: FlowConnection;
  /** Why the socket is paused: bodies that have enough waiting, or the connection itself. */
  readonly #holders = new Set<object>();
  /** Bodies that the application is reading. They have a time limit while the socket is read. */
  readonly #beingRead = new Set<InputStream>();

  constructor(socket: Socket, gateway: Gateway, connection: FlowConnection) {
    this.#socket = socket;
    this.#gateway = gateway;
    this.#connection = connection;
  }

  /** Pauses the socket until {@link release} was called for each holder. */
  hold(holder: object): void {
    this.#holders.add(holder);
    if (this.#holders.size > 1) return;
    this.#socket.pause();
    // No bytes can come now: the front end is not to blame for that.
    for (const input of this.#beingRead) this.#gateway.deadlines.delete(input);
  }

  release(holder: object): void {
    if (!this.#holders.delete(holder) || this.#holders.size > 0) return;
    this.#socket.resume();
    for (const input of this.#beingRead) this.#watch(input);
  }

  /** A body has as much waiting in memory as it may. */
  pause(input: InputStream, request: BodyOwner): void {
    this.#stopReading(input);
    // Called later, when other requests may have come to a connection that had only this one.
    const onFull = (refusal: LimitError): void => {
      if (this.#isShared) request.failBody(input, refusal);
    };
    this.#gateway.unread.add(input, () => this.release(input), onFull);
    const refusal = this.#isShared ? input.spill() : 'later';
    if (refusal === 'later') this.hold(input);
    else if (refusal !== undefined) request.failBody(input, refusal);
  }

  /** Whether there are other requests on the connection, or may be as soon as it is read again. */
  get #isShared(): boolean {
    return this.#gateway.isMultiplexed || this.#connection.inFlight > 1;
  }

  /** The application reads a body. */
  resume(input: InputStream): void {
    this.#gateway.unread.delete(input);
    this.#beingRead.add(input);
    if (this.#holders.has(input)) this.release(input);
    else if (this.#holders.size === 0) this.#watch(input);
  }

  /** Bytes of a body have come. */
  received(input: InputStream): void {
    if (this.#beingRead.size === 0 || !this.#beingRead.has(input)) return;
    if (input.complete) this.#stopReading(input);
    else if (this.#holders.size === 0) this.#watch(input);
  }

  /** The application will not read this body any more: its request is over, or the body has failed. */
  remove(input: InputStream): void {
    this.#gateway.unread.delete(input);
    if (this.#beingRead.size > 0) this.#stopReading(input);
    if (this.#holders.size > 0) this.release(input);
  }

  #watch(input: InputStream): void {
    const { deadlines, limits } = this.#gateway;
    if (!input.complete) deadlines.add(input, limits.bodyTimeout, expireBody);
  }

  #stopReading(input: InputStream): void {
    if (this.#beingRead.delete(input)) this.#gateway.deadlines.delete(input);
  }
}

function expireBody(input: object): void {
  (input as InputStream).destroy(
    new LimitError('bodyTimeout', 'the body stalled for bodyTimeout', '408 Request Timeout'),
  );
}
