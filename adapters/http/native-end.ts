/**
 * The end of a connection for a Node listener, with the events of node:http. For the gateway the connection goes on: it
 * answers the request, and waits until the client has read the answer.
 */

import type { EventEmitter } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';

import { requestAborted } from '../../src/apps/node/objects/request.ts';
import { closeResponse } from '../../src/apps/node/objects/response.ts';
import { LimitError } from '../../src/errors.ts';
import type { RequestError } from '../../src/errors.ts';

/**
 * Emits the events of request, response and socket.
 *
 * @param error which the connection has failed with; undefined if it is the listener that has failed
 */
export function hangUp(
  request: IncomingMessage,
  response: ServerResponse,
  error: RequestError | undefined,
): void {
  if (error !== undefined) emitError(request.socket, error.cause ?? error);
  abortRequest(request, error instanceof LimitError ? error : requestAborted());
  closeResponse(response);
}

/** Emits 'error' of a socket that looks destroyed meanwhile. It is read on, so that the client can read the answer. */
function emitError(socket: { readable: boolean } & EventEmitter, error: unknown): void {
  if (socket.listenerCount('error') === 0) return;
  const { readable } = socket;
  socket.readable = false;
  try {
    socket.emit('error', error);
  } finally {
    socket.readable = readable;
  }
}

/** Destroys a request as node:http does when its connection is gone. */
export function abortRequest(request: IncomingMessage, error = requestAborted()): void {
  request._destroy = destroyAlone;
  request.destroy(error);
}

/** IncomingMessage's own method without the end of the connection. */
function destroyAlone(
  this: IncomingMessage,
  error: Error | null,
  done: (error?: Error | null) => void,
): void {
  if (!this.readableEnded || !this.complete) {
    this.aborted = true;
    this.emit('aborted');
  }
  process.nextTick(done, this.listenerCount('error') > 0 ? error : null);
}
