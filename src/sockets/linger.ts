/** The last moments of a connection whose response is out. */

import type { Socket } from 'node:net';

import type { Deadlines } from '../resources/deadlines.ts';

/** What of the limits concerns it. */
export interface LingerLimits {
  closeTimeout: number;
  lingerTimeout: number;
}

/**
 * Waits for the peer to close, or for what it still has to send. A connection that is closed with bytes unread is
 * reset, and the peer could lose the response (RFC 9112 § 9.6): many front ends send the whole body before they look
 * for an answer. So whoever reads the socket throws away what comes, and here the connection is cut when nothing has
 * come for `closeTimeout` milliseconds, or after `lingerTimeout` of them.
 *
 * @param limits a `closeTimeout` of 0: the peer has all the time it wants; a `lingerTimeout` of 0: it has as long as
 *   it goes on sending
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
