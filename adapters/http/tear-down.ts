/**
 * The tear-down of a connection (RFC 9112 § 9.6).
 *
 * Closing a connection with bytes unread resets it, and the client may lose the last response. So the gateway closes its
 * side first, and throws away what still comes until the client closes the other side.
 */

import type { ServerResponse } from 'node:http';
import { Socket } from 'node:net';

import { resetSocket } from '../../src/sockets/peer.ts';
import type { IncomingBody } from './body.ts';
import type { ConnectionLimits } from './connection-limits.ts';
import type { Gateway } from './gateway.ts';
import { discardInput } from './incoming.ts';

/** The connection, as its tear-down sees it. */
export interface ClosingConnection {
  /** The response to the last request that was served. */
  readonly response: ServerResponse | undefined;
  /** The response before that one, unless it had been sent when the last request was served. */
  readonly previousResponse: ServerResponse | undefined;
  /** Whether requests are ignored that come after those that wait. */
  readonly acceptsNoMore: boolean;
  readonly limits: ConnectionLimits;
  log(message: string): void;
  destroy(): void;
}

export class TearDown {
  readonly #connection: ClosingConnection;
  readonly #socket: Socket;
  readonly #gateway: Gateway;
  /** Whether the last response has begun. What comes now is ignored. */
  hasBegun = false;
  /** Whether all has been sent, and what comes is thrown away until the client closes its side. */
  isLingering = false;
  #closesAfter: ServerResponse | undefined; // the last response, although it does not say `Connection: close`
  #discardsInput = false; // node:http's parser gets nothing any more

  constructor(connection: ClosingConnection, socket: Socket, gateway: Gateway) {
    this.#connection = connection;
    this.#socket = socket;
    this.#gateway = gateway;
    // node:http calls it after a response with `Connection: close`.
    socket.destroySoon = () => this.#closeSoon();
  }

  /** Closes the connection after the last response, which does not say `Connection: close`. */
  closeAfterResponse(): void {
    const { response } = this.#connection;
    if (this.hasBegun || this.#closesAfter === response) return;
    this.#closesAfter = response;
    response!.once('close', () => this.#socket.destroySoon());
  }

  #closeSoon(): void {
    const { response, acceptsNoMore } = this.#connection;
    const hasUnread = acceptsNoMore || response?.req.complete === false;
    if (hasUnread) this.#endAndLinger();
    else Socket.prototype.destroySoon.call(this.#socket);
  }

  // ---- with input left

  /** From now on what comes is thrown away. Reading goes on, so that the end of the connection is seen. */
  discardInput(): void {
    if (this.#discardsInput) return;
    this.#discardsInput = true;
    process.nextTick(() => this.#detachParser()); // it is still parsing
  }

  #detachParser(): void {
    if (this.#socket.destroyed) return;
    discardInput(this.#socket, (bytes) => {
      const { maxDrainSize } = this.#gateway.limits;
      if (this.isLingering || bytes <= maxDrainSize) return;
      this.#connection.log(`more than maxDrainSize (${maxDrainSize}) bytes after the last request`);
      this.#connection.destroy();
    });
  }

  /** Throws away the rest of a body after the response. The connection is kept if that is not too much. */
  drain(body: IncomingBody): void {
    body.drain((isWhole) => {
      if (isWhole || this.#socket.destroyed) return;
      this.hasBegun = true;
      this.linger(body);
    });
  }

  /** Ends the connection while the client is still sending a body: it gets the time to read the response. */
  linger(body: IncomingBody): void {
    this.#afterPrevious(() => this.#endAndLinger());
    this.#discard(body);
  }

  /**
   * Ends the connection with a response that node:http knows nothing of.
   *
   * @param body of the request, if a part of it has not come yet
   */
  endWith(response: Buffer, body: IncomingBody | undefined): void {
    this.hasBegun = true;
    // In a later tick: then the parser has seen whether the request is complete.
    process.nextTick(() => this.#afterPrevious(() => this.#sendLast(response)));
    if (body !== undefined) this.#discard(body);
  }

  #sendLast(response: Buffer): void {
    this.#connection.limits.watchOutput();
    this.#socket.write(response);
    this.#closeSoon();
  }

  #discard(body: IncomingBody): void {
    const socket = this.#socket;
    body.discard((isWhole) => {
      if (isWhole && this.#connection.acceptsNoMore) return; // more may come after the body
      if (socket.writableFinished) socket.destroy();
      else socket.once('finish', () => socket.destroy());
    });
  }

  #endAndLinger(): void {
    const { limits } = this.#connection;
    limits.watchOutput();
    this.#socket.end(() => {
      limits.unwatchOutput();
      this.waitForPeer();
    });
  }

  /** All has been sent: the client may close its side. */
  waitForPeer(): void {
    this.isLingering = true;
    this.#gateway.linger(this.#socket);
  }

  // ---- with a broken response

  /** @param endsWithConnection whether closing the connection would make the response look complete */
  abandon(endsWithConnection: boolean): void {
    this.hasBegun = true;
    this.#afterPrevious(() => this.#breakOff(endsWithConnection));
  }

  #breakOff(endsWithConnection: boolean): void {
    if (!endsWithConnection) {
      this.#connection.limits.watchOutput();
      this.#socket.destroySoon();
    } else if ('encrypted' in this.#socket) {
      this.#socket.destroy(); // without the closure alert that would make it complete (RFC 8446 § 6.1)
    } else {
      resetSocket(this.#socket);
    }
  }

  /** Ends the connection when the responses before the last one have been sent. */
  #afterPrevious(end: () => void): void {
    const { previousResponse } = this.#connection;
    if (previousResponse?.closed === false) previousResponse.once('close', end);
    else end();
  }
}
