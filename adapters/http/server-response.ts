/** What node:http's ServerResponse does not do by itself. */

import type { ServerResponse } from 'node:http';

import { asBuffer } from '../../src/bytes.ts';

/** A body up to this size is sent as a string: node:http then puts it into the same write as the head. */
const SMALL_BODY = 4 * 1024;

/** Ends a response. A small one is a single write. */
export function endResponse(response: ServerResponse, last: Uint8Array | undefined): void {
  const { socket } = response;
  if (last === undefined) response.end();
  else if (last.length > SMALL_BODY || socket === null) response.end(last);
  else {
    // Flushed before end(), because node:http would send the end as a second, empty write.
    socket.cork();
    response.write(asBuffer(last).toString('latin1'), 'latin1');
    socket.uncork();
    response.end();
  }
}

/** Sends the chunks that newer versions of node:http gather until the end of the turn. */
export function flushChunks(response: ServerResponse): void {
  while (response.writableCorked > 0) response.uncork();
}
