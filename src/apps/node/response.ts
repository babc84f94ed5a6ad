/** Node's `ServerResponse`, for a socket that parses what is written to it. */

import { EventEmitter } from 'node:events';
import { ServerResponse } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';

/** Characters. To append shorter text to the head and to split it again costs less than another write. */
const MAX_JOINED = 4 * 1024;

/**
 * A response that writes head and text separately. Node would join them, to send both with one system call: that copies
 * the text.
 *
 * If a framework replaces the prototype, only this saving is lost.
 */
export class GatewayResponse extends ServerResponse {
  override end(chunk?: unknown, encoding?: unknown, callback?: () => void): this {
    if (typeof chunk === 'string' && chunk.length > MAX_JOINED) writeHead(this);
    return super.end(chunk, encoding as BufferEncoding, callback);
  }
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
