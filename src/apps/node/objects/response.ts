/** Node's `ServerResponse`, for a socket that parses what is written to it. */

import { EventEmitter } from 'node:events';
import { ServerResponse } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';

import type { ApplicationError } from '../../../errors.ts';
import { isLate, refuseLate } from './late-write.ts';
import type { WriteCallback } from './late-write.ts';

/** Characters. To append shorter text to the head and to split it again costs less than another write. */
const MAX_JOINED = 4 * 1024;

/** The exchange, as its response sees it. */
export interface ResponseOwner {
  /** The listener writes after the end, and listens for the error. */
  onLateWrite(): void;
  /** It does not listen for it. */
  onUnheard(error: ApplicationError): void;
}

let ownerOf: (response: GatewayResponse) => ResponseOwner;

/**
 * A response that writes head and text separately. Node would join them, to send both with one system call: that copies
 * the text.
 *
 * If a framework replaces the prototype, only this saving is lost, once {@link keepMethods} was called.
 */
export class GatewayResponse extends ServerResponse {
  readonly #owner: ResponseOwner;

  constructor(req: IncomingMessage, owner: ResponseOwner) {
    super(req);
    this.#owner = owner;
  }

  static {
    ownerOf = (response) => response.#owner;
  }

  override write(chunk: unknown, encoding?: unknown, callback?: WriteCallback): boolean {
    if (this.writableEnded && !mayWriteLate(this, chunk, encoding, callback)) return false;
    return super.write(chunk, encoding as BufferEncoding, callback);
  }

  override end(chunk?: unknown, encoding?: unknown, callback?: () => void): this {
    if (this.writableEnded && !mayWriteLate(this, chunk, encoding, callback)) return this;
    if (typeof chunk === 'string' && chunk.length > MAX_JOINED) writeHead(this);
    return super.end(chunk, encoding as BufferEncoding, callback);
  }
}

// A listener that asks for the class gets node:http's.
Object.defineProperty(GatewayResponse.prototype, 'constructor', { value: ServerResponse });

/** Gives a response whose prototype was replaced what it needs of its methods. */
export function keepMethods(response: GatewayResponse): void {
  if (Object.getPrototypeOf(response) === GatewayResponse.prototype) return;
  const { write, end } = response;
  response.write = function (this: GatewayResponse, chunk: unknown, ...rest: unknown[]) {
    if (this.writableEnded && !mayWriteLate(this, chunk, ...rest)) return false;
    return Reflect.apply(write, this, [chunk, ...rest]) as boolean;
  };
  response.end = function (this: GatewayResponse, chunk?: unknown, ...rest: unknown[]) {
    if (this.writableEnded && !mayWriteLate(this, chunk, ...rest)) return this;
    return Reflect.apply(end, this, [chunk, ...rest]) as GatewayResponse;
  } as never;
}

/** After the end. @returns whether it is left to node:http */
function mayWriteLate(
  response: GatewayResponse,
  chunk: unknown,
  encoding?: unknown,
  callback?: unknown,
): boolean {
  if (!isLate(response, chunk)) return true;
  const isHeard = response.listenerCount('error') > 0;
  if (isHeard) ownerOf(response).onLateWrite();
  else
    ownerOf(response).onUnheard(refuseLate(typeof encoding === 'function' ? encoding : callback));
  return isHeard;
}

/** Writes the head by itself. Without a Content-Length it does nothing: Node adds the header when it ends the response. */
function writeHead(response: GatewayResponse): void {
  if (response.writableEnded) return;
  if (!response.headersSent) {
    if (!response.hasHeader('content-length')) return;
    response.writeHead(response.statusCode);
  }
  response.socket?.cork();
  response.flushHeaders();
}

type CloseListener = (this: { _httpMessage: ServerResponse }) => void;

/** node:http's own listener for 'close' of a socket. It is the same for all. */
let onSocketClose: CloseListener | undefined;

/** Closes a response as node:http does when its socket is closed: emits 'close', unless that was done before. */
export function closeResponse(response: ServerResponse): void {
  onSocketClose ??= findCloseListener();
  onSocketClose.call({ _httpMessage: response });
}

function findCloseListener(): CloseListener {
  const socket = new EventEmitter();
  const response = new ServerResponse({ method: 'GET' } as IncomingMessage);
  response.assignSocket(socket as Socket);
  return socket.listeners('close')[0] as CloseListener;
}

/** Emits 'drain' on a response whose socket takes more again. */
export function emitDrain(response: GatewayResponse): void {
  // Node's own server resets a private field, from which its `writableNeedDrain` is computed.
  Object.defineProperty(response, 'writableNeedDrain', NEED_DRAIN);
  response.emit('drain');
}

const NEED_DRAIN: PropertyDescriptor = {
  get(this: GatewayResponse) {
    if (this.destroyed || this.writableEnded) return false;
    // Newer versions of Node collect the writes of a turn in the response, before they reach the socket.
    const isFull = this.writableLength >= this.writableHighWaterMark;
    return isFull || this.socket?.writableNeedDrain === true;
  },
  configurable: true,
};
