/** Time limits of a connection. The one for request bodies is in flow-control.ts. */

import type { Socket } from 'node:net';

import { LimitError } from '../../src/errors.ts';
import type { GatewayError } from '../../src/errors.ts';
import { linger } from '../../src/sockets/linger.ts';
import type { Gateway } from './gateway.ts';
import type { FastCgiHandler } from './handler.ts';
import type { PendingRequest } from './pending-request.ts';

/** The connection, as its time limits see it. */
export interface TimedConnection {
  /** BEGIN_REQUEST records so far. */
  readonly begun: number;
  /** Requests between BEGIN_REQUEST and END_REQUEST. */
  readonly inFlight: number;
  /** Closes an idle connection. */
  close(): void;
  /** Closes the connection, and logs which limit was passed. */
  refuse(error: GatewayError): void;
}

export class Timeouts {
  readonly #connection: TimedConnection;
  readonly #socket: Socket;
  readonly #gateway: Gateway;
  readonly #output = {}; // the key of the output's deadline
  #watchesOutput = false;

  constructor(connection: TimedConnection, socket: Socket, gateway: Gateway) {
    this.#connection = connection;
    this.#socket = socket;
    this.#gateway = gateway;
  }

  /** Closes the connection when no request has come for idleTimeout. This is checked once in that time, not at each request. */
  watchIdle(): void {
    const connection = this.#connection;
    const { begun } = connection;
    this.#gateway.deadlines.add(connection, this.#gateway.limits.idleTimeout, () => {
      if (connection.begun === begun && connection.inFlight === 0) connection.close();
      else this.watchIdle();
    });
  }

  /** A server that stops waits one or two seconds for the first request of a new connection. */
  watchFirst(): void {
    this.#gateway.deadlines.add(this.#connection, 1, () => {
      if (this.#connection.inFlight === 0) this.#connection.close();
    });
  }

  /** Cuts the peer off if it does not close its side after it has read the answer. */
  watchClosing(): void {
    const { deadlines, limits } = this.#gateway;
    linger(this.#socket, deadlines, limits);
  }

  watchParams(request: PendingRequest): void {
    if (request.isWatched) return;
    request.isWatched = true;
    this.#gateway.deadlines.add(request, this.#gateway.limits.paramsTimeout, () => {
      const message = 'PARAMS took longer than paramsTimeout';
      this.#connection.refuse(new LimitError('paramsTimeout', message));
    });
  }

  watchResponse(request: FastCgiHandler): void {
    request.isWatched = true;
    this.#gateway.deadlines.add(request, this.#gateway.limits.responseTimeout, expire);
  }

  /** The head of the response has been sent, PARAMS are complete, or the request has ended. */
  unwatch(request: FastCgiHandler | PendingRequest): void {
    if (!request.isWatched) return;
    request.isWatched = false;
    this.#gateway.deadlines.delete(request);
  }

  /** Output waits for the peer, which has to take some of it in each sendTimeout. */
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

  /** The connection is closed. */
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
