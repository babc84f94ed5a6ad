/** How long a connection stays open after its response was sent. */

import type { Socket } from 'node:net';

import type { Deadlines } from '../resources/deadlines.ts';

/** The limits that are used here. Times are in milliseconds. */
export interface LingerLimits {
  closeTimeout: number;
  lingerTimeout: number;
}

/**
 * Waits for the peer to close. A connection that is closed while bytes are unread is reset, and then the peer can lose the
 * response (RFC 9112 § 9.6): many front ends send the whole body before they read the response. So the caller goes on
 * reading the socket and throws away what comes. Here the connection is cut when nothing has come for `closeTimeout`, or
 * after `lingerTimeout` in all.
 *
 * @param limits `closeTimeout` 0: there is no limit. `lingerTimeout` 0: the peer may go on sending for ever.
 */
export function linger(
  socket: Socket,
  deadlines: Deadlines<object>,
  { closeTimeout, lingerTimeout }: LingerLimits,
): void {
  if (socket.destroyed) return;
  const end = performance.now() + (lingerTimeout === 0 ? Infinity : lingerTimeout);
  const watch = (): void => {
    const { bytesRead } = socket;
    deadlines.add(socket, closeTimeout, () => {
      if (socket.bytesRead === bytesRead || performance.now() > end) socket.destroy();
      else watch();
    });
  };
  watch();
  socket.once('close', () => deadlines.delete(socket));
}
