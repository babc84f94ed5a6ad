/**
 * The end of a connection for a Node listener, with the events of node:http. For the gateway the connection goes on: it
 * answers the request, and waits until the client has read the answer.
 */

import type { IncomingMessage, ServerResponse } from 'node:http';

import { requestAborted } from '../../src/apps/node/request.ts';
import { closeResponse } from '../../src/apps/node/response.ts';
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
  const { socket } = request;
  const ofConnection = error?.cause ?? error;
  if (ofConnection !== undefined && socket.listenerCount('error') > 0) {
    socket.emit('error', ofConnection);
  }
  abortRequest(request, error instanceof LimitError ? error : requestAborted());
  closeResponse(response);
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
