/**
 * Input of a connection between requests that want it and requests that have enough of it.
 *
 * FastCGI has no flow control for a single request: the socket is paused while any of them has as much
 * waiting as it may, and all others wait with it.
 */

import type { Socket } from 'node:net';

import { LimitError } from '../../src/errors.ts';
import type { InputStream } from '../../src/input.ts';
import type { Gateway } from './gateway.ts';

export class InputFlow {
  readonly #socket: Socket;
  readonly #gateway: Gateway;
  /** What has to be worked off before more is read. */
  readonly #full = new Set<object>();
  /** Bodies that are being read: they have a time limit while the socket is read. */
  readonly #wanted = new Set<InputStream>();

  constructor(socket: Socket, gateway: Gateway) {
    this.#socket = socket;
    this.#gateway = gateway;
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
  pause(input: InputStream): void {
    this.#unwatch(input);
    this.hold(input);
  }

  /** The application reads a body. */
  resume(input: InputStream): void {
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

  /** The request of this body is over. */
  forget(input: InputStream): void {
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
