/** Node's `ServerResponse`, for a socket that takes head and body apart again. */

import { ServerResponse } from 'node:http';

/** Up to this length, to put text behind the head and to take it from there again costs less than a write of its own. */
const JOINED_UP_TO = 4 * 1024;

/**
 * A response that Node need not put together in memory: it would copy its text to send it by one system call.
 *
 * Where a framework replaces the prototype, that is lost, and nothing else.
 */
export class GatewayResponse extends ServerResponse {
  override end(chunk?: unknown, encoding?: unknown, callback?: () => void): this {
    if (typeof chunk === 'string' && chunk.length > JOINED_UP_TO) beginBody(this);
    return super.end(chunk, encoding as BufferEncoding, callback);
  }
}

/** Writes the head, which leaves with what follows. Where Node is to tell the length of the body in it, that does it. */
function beginBody(response: GatewayResponse): void {
  if (response.writableEnded) return;
  if (!response.headersSent) {
    if (!response.hasHeader('content-length')) return;
    response.writeHead(response.statusCode);
  }
  response.socket?.cork();
  response.flushHeaders();
}
