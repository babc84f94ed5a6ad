/**
 * Input of a connection between requests that want it and requests that have enough of it.
 *
 * FastCGI has no flow control for a single request: a socket that is not read is not read for all of them. So it is
 * held back for a short time only, and not at all on a connection that several requests share. What a request has not
 * read goes to a spool file then; where that is full as well, this request alone is given up.
 */

import type { Socket } from 'node:net';

import { LimitError } from '../../src/errors.ts';
import type { InputStream } from '../../src/handler/input.ts';
import type { Gateway } from './gateway.ts';

/** What of the connection concerns its input. */
export interface InputOwner {
  /** Requests that are not over. */
  readonly inFlight: number;
}

/** The request of a body. */
export interface BodyOwner {
  /** Nothing more of the body can be stored. */
  giveUp(input: InputStream, error: LimitError): void;
}

export class InputFlow {
  readonly #socket: Socket;
  readonly #gateway: Gateway;
  readonly #owner: InputOwner;
  /** What has to be worked off before more is read. */
  readonly #full = new Set<object>();
  /** Bodies that are being read: they have a time limit while the socket is read. */
  readonly #wanted = new Set<InputStream>();

  constructor(socket: Socket, gateway: Gateway, owner: InputOwner) {
    this.#socket = socket;
    this.#gateway = gateway;
    this.#owner = owner;
  }

  /** No more is read until {@link release}. */
  hold(holder: object): void {
    this.#full.add(holder);
    if (this.#full.size > 1) return;
    this.#socket.pause();
    // Nothing can come now, which is nobody's fault.
    for (const input of this.#wanted) this.#gateway.deadlines.delete(input);
  }

  release(holder: object): void {
    if (!this.#full.delete(holder) || this.#full.size > 0) return;
    this.#socket.resume();
    for (const input of this.#wanted) this.#watch(input);
  }

  /** A body has enough waiting. */
  pause(input: InputStream, request: BodyOwner): void {
    this.#unwatch(input);
    // What was held because nobody else was on the connection may have company by now.
    const onFull = (refusal: LimitError): void => {
      if (this.#isShared) request.giveUp(input, refusal);
    };
    this.#gateway.unread.add(input, () => this.release(input), onFull);
    const refusal = this.#isShared ? input.spill() : 'later';
    if (refusal === 'later') this.hold(input);
    else if (refusal !== undefined) request.giveUp(input, refusal);
  }

  /** Whether there are other requests on the connection, or may be before it is read again. */
  get #isShared(): boolean {
    return this.#gateway.isMultiplexed || this.#owner.inFlight > 1;
  }

  /** The application reads a body. */
  resume(input: InputStream): void {
    this.#gateway.unread.delete(input);
    this.#wanted.add(input);
    if (this.#full.has(input)) this.release(input);
    else if (this.#full.size === 0) this.#watch(input);
  }

  /** Something of a body has come. */
  progress(input: InputStream): void {
    if (this.#wanted.size === 0 || !this.#wanted.has(input)) return;
    if (input.complete) this.#unwatch(input);
    else if (this.#full.size === 0) this.#watch(input);
  }

  /** Nobody reads this body any more: its request is over, or it was given up. */
  forget(input: InputStream): void {
    this.#gateway.unread.delete(input);
    if (this.#wanted.size > 0) this.#unwatch(input);
    if (this.#full.size > 0) this.release(input);
  }

  #watch(input: InputStream): void {
    const { deadlines, limits } = this.#gateway;
    if (!input.complete) deadlines.add(input, limits.bodyTimeout, stall);
  }

  #unwatch(input: InputStream): void {
    if (this.#wanted.delete(input)) this.#gateway.deadlines.delete(input);
  }
}

function stall(input: object): void {
  (input as InputStream).destroy(
    new LimitError('bodyTimeout', 'the body stalled for bodyTimeout', '408 Request Timeout'),
  );
}
