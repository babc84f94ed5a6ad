/** The class of requests for node:http's parser: nothing is upgraded, and requests may be ignored. */

import { IncomingMessage as NodeMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/** The connection, as the parser sees it. */
export interface ParserConnection {
  /** Whether a request that comes now is served, at once or later. */
  readonly acceptsRequests: boolean;
  /** A request has come that is not served. */
  ignoreRequest(): void;
}

/** The property of a socket that holds its connection. A WeakMap would cost more for each request. */
export const CONNECTION = Symbol('connection');

/** A socket with its connection. */
export interface HttpSocket<Connection extends ParserConnection = ParserConnection> extends Duplex {
  [CONNECTION]?: Connection;
}

/**
 * node:http's class with two differences.
 *
 * Nothing is upgraded. For CONNECT, and for `Upgrade` if there is a listener, node:http detaches its parser from the
 * socket at once. Then responses that are being sent on the connection never end.
 *
 * If the connection accepts no more requests, the constructor returns {@link IGNORED}.
 */
export class IncomingMessage extends NodeMessage {
  constructor(socket: Socket) {
    const connection = (socket as HttpSocket)[CONNECTION];
    if (connection !== undefined && !connection.acceptsRequests) {
      connection.ignoreRequest();
      IGNORED.begin();
      // oxlint-disable-next-line no-constructor-return -- the parser uses what it gets
      return IGNORED as unknown as IncomingMessage;
    }
    super(socket);
  }

  get upgrade(): boolean {
    return false;
  }

  /** Set by node:http when the client asks for an upgrade. */
  set upgrade(_asked: boolean | null) {}
}

/**
 * One object for all requests that are ignored.
 *
 * node:http parses all that it has read before reading can be stopped: 64 KiB hold some 2,000 requests. It would keep
 * each of them, with a response, until the connection ends: 4 MB for a connection.
 *
 * So this object says that it is an upgrade, twice: when node:http decides whether to keep it (`parserOnIncoming` in
 * _http_server.js, before and after it looks for a listener). Then node:http keeps nothing, makes no response and emits
 * no event. The third time, where the socket would be handed over, it says that it is no upgrade.
 *
 * A version of node:http that asked more often would emit a request, which the connection ignores. One that asked less
 * often would give the connection up.
 */
class IgnoredMessage extends NodeMessage {
  #asked = 0;

  constructor() {
    super({} as Socket); // the object belongs to no connection
    Object.defineProperty(this, 'upgrade', {
      get: () => this.#asked++ < 2,
      set() {},
    });
  }

  /** Another request begins. */
  begin(): void {
    this.#asked = 0;
  }

  /** Bodies and trailers are ignored, too. */
  override push(): boolean {
    return true;
  }

  /** Called by node:http with the headers. */
  _addHeaderLines(): void {}

  override emit(): boolean {
    return false;
  }

  override on(): this {
    return this;
  }

  override destroy(): this {
    return this;
  }
}

const IGNORED = new IgnoredMessage();

/**
 * Detaches node:http's parser from a socket, and throws away what comes. Reading goes on, so that the end of the
 * connection is seen. Responses are sent as before.
 *
 * @param onBytes called with the number of bytes thrown away so far
 */
export function discardInput(socket: Socket, onBytes: (bytes: number) => void): void {
  const listeners = socket.listeners('data') as (() => void)[];
  let bytes = 0;
  socket.on('data', (chunk: Buffer) => onBytes((bytes += chunk.length)));
  for (const listener of listeners) socket.off('data', listener);
  // The parser has read from the handle, not from the stream. The stream still waits for its own first read: end that.
  socket.push('');
  socket.resume();
}
