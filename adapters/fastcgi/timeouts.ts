/** Time limits of a connection; that of request bodies is in input-flow.ts. */

import type { Socket } from 'node:net';

import { LimitError } from '../../src/errors.ts';
import type { GatewayError } from '../../src/errors.ts';
import { linger } from '../../src/sockets/linger.ts';
import type { Gateway } from './gateway.ts';
import type { FastCgiHandler } from './handler.ts';
import type { Opening } from './opening.ts';

/** A connection, as its time limits see it. */
export interface Timed {
  /** Requests that were begun on it so far. */
  readonly begun: number;
  /** How many of them are not over. */
  readonly inFlight: number;
  /** Nothing is in flight, and nothing has come for long enough. */
  close(): void;
  /** A limit was passed. */
  refuse(error: GatewayError): void;
}

export class Timeouts {
  readonly #connection: Timed;
  readonly #socket: Socket;
  readonly #gateway: Gateway;
  readonly #output = {}; // what stands for output among the deadlines
  #watchesOutput = false;

  constructor(connection: Timed, socket: Socket, gateway: Gateway) {
    this.#connection = connection;
    this.#socket = socket;
    this.#gateway = gateway;
  }

  /** Closes the connection when no request has come for idleTimeout: looked at that often, not at each request. */
  watchIdle(): void {
    const connection = this.#connection;
    const { begun } = connection;
    this.#gateway.deadlines.add(connection, this.#gateway.limits.idleTimeout, () => {
      if (connection.begun === begun && connection.inFlight === 0) connection.close();
      else this.watchIdle();
    });
  }

  /** A server that stops waits this long for the first request of a connection that was just made. */
  watchFirst(): void {
    this.#gateway.deadlines.add(this.#connection, 1, () => {
      if (this.#connection.inFlight === 0) this.#connection.close();
    });
  }

  /** The peer closes its side when it has read the answer, or is cut off. */
  watchClosing(): void {
    const { deadlines, limits } = this.#gateway;
    linger(this.#socket, deadlines, limits);
  }

  watchParams(opening: Opening): void {
    if (opening.isWatched) return;
    opening.isWatched = true;
    this.#gateway.deadlines.add(opening, this.#gateway.limits.paramsTimeout, () => {
      const message = 'PARAMS took longer than paramsTimeout';
      this.#connection.refuse(new LimitError('paramsTimeout', message));
    });
  }

  watchResponse(request: FastCgiHandler): void {
    request.isWatched = true;
    this.#gateway.deadlines.add(request, this.#gateway.limits.responseTimeout, expire);
  }

  /** Headers were sent, or PARAMS are complete, or it is over. */
  unwatch(item: FastCgiHandler | Opening): void {
    if (!item.isWatched) return;
    item.isWatched = false;
    this.#gateway.deadlines.delete(item);
  }

  /** Output waits for the peer: some of it must be taken in each sendTimeout. */
  watchOutput(): void {
    if (this.#watchesOutput) return;
    this.#watchesOutput = true;
    const socket = this.#socket;
    const sent = socket.bytesWritten - socket.writableLength;
    this.#gateway.deadlines.add(this.#output, this.#gateway.limits.sendTimeout, () => {
      this.#watchesOutput = false;
      if (socket.writableLength === 0) return;
      if (socket.bytesWritten - socket.writableLength > sent) {
        this.watchOutput();
      } else {
        const message = 'nothing was read for sendTimeout';
        this.#connection.refuse(new LimitError('sendTimeout', message));
      }
    });
  }

  /** The connection is gone. */
  clear(): void {
    this.#gateway.deadlines.delete(this.#connection);
    this.#gateway.deadlines.delete(this.#output);
  }
}

function expire(request: object): void {
  (request as FastCgiHandler).cancel(
    new LimitError('responseTimeout', 'no response within responseTimeout'),
  );
}
