/** The class of the requests that node:http's parser makes, and what it gets where none is wanted any more. */

import { IncomingMessage as NodeMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/** What a request has to know of its connection before there is one. */
export interface RequestTaker {
  /** Whether a request that comes now is served, at once or later. */
  readonly takesRequests: boolean;
  /** One has come that is not. */
  ignoreRequest(): void;
}

/** A socket of ours knows its connection: looking it up in a WeakMap would cost each request more. */
export const CONNECTION = Symbol('connection');

/** A socket with its connection. */
export interface HttpSocket<Connection extends RequestTaker = RequestTaker> extends Duplex {
  [CONNECTION]?: Connection;
}

/**
 * node:http's own, under its name, but for two things.
 *
 * Nothing is upgraded. node:http takes CONNECT, and a request with `Upgrade` where somebody listens for it, off its
 * parser and its stream at once, and responses that are under way on the connection never end.
 *
 * Where the connection takes no request any more, it is {@link UNWANTED}.
 */
export class IncomingMessage extends NodeMessage {
  constructor(socket: Socket) {
    const connection = (socket as HttpSocket)[CONNECTION];
    if (connection !== undefined && !connection.takesRequests) {
      connection.ignoreRequest();
      UNWANTED.begin();
      // oxlint-disable-next-line no-constructor-return -- the parser keeps what it gets until its end
      return UNWANTED as unknown as IncomingMessage;
    }
    super(socket);
  }

  get upgrade(): boolean {
    return false;
  }

  /** node:http tells that the client asks for it. */
  set upgrade(_asked: boolean | null) {}
}

/**
 * Stands for all requests that are not wanted. node:http parses what it has read, some 2,000 requests out of 64 KiB,
 * before reading can be stopped, and keeps each with a response until the connection ends: 4 MB a connection.
 *
 * So this one says that it is an upgrade, at the two points where node:http decides whether to keep it (see
 * `parserOnIncoming` in its _http_server.js: before and after it has asked who listens for it). Then it is kept
 * nowhere, has no response and no event, and its body is nobody's. And it says that it is none, at the point where the
 * stream would be handed over. If a version of node:http looked at it more often, it would be an event that the
 * connection ignores; less often, and the connection would be given up.
 */
class UnwantedMessage extends NodeMessage {
  #looks = 0;

  constructor() {
    super({} as Socket); // which is nobody's connection
    Object.defineProperty(this, 'upgrade', {
      get: () => this.#looks++ < 2,
      set() {},
    });
  }

  /** Another request begins. */
  begin(): void {
    this.#looks = 0;
  }

  /** Trailers and the pieces of a body are no more wanted than the rest. */
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

const UNWANTED = new UnwantedMessage();

/**
 * Takes a socket from node:http's parser, and throws away what comes. Reading goes on, so that the end of the
 * connection is seen; responses are sent as before.
 *
 * @param onBytes called with the sum of all that has come
 */
export function discardInput(socket: Socket, onBytes: (bytes: number) => void): void {
  const listeners = socket.listeners('data') as (() => void)[];
  let bytes = 0;
  socket.on('data', (chunk: Buffer) => onBytes((bytes += chunk.length)));
  for (const listener of listeners) socket.off('data', listener);
  // The parser reads past the stream, which takes the first read for one that is still going on.
  socket.push('');
  socket.resume();
}
