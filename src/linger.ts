/** The last moments of a connection whose response is out. */

import type { Socket } from 'node:net';

import type { Deadlines } from './deadlines.ts';
import { LINGER_TIME } from './limits.ts';

/**
 * Waits for the peer to close, or for what it still has to send. A connection that is closed with bytes unread is
 * reset, and the peer could lose the response (RFC 9112 § 9.6): many front ends send the whole body before they look
 * for an answer. So whoever reads the socket throws away what comes, and here the connection is cut when nothing has
 * come for `quietTime` milliseconds, or after LINGER_TIME.
 *
 * @param quietTime in milliseconds; 0 or Infinity: the peer has all the time it wants
 */
export function linger(socket: Socket, deadlines: Deadlines<object>, quietTime: number): void {
  if (socket.destroyed) return;
  const end = performance.now() + LINGER_TIME;
  const watch = (): void => {
    const { bytesRead } = socket;
    deadlines.add(socket, quietTime, () => {
      if (socket.bytesRead === bytesRead || performance.now() > end) socket.destroy();
      else watch();
    });
  };
  watch();
  socket.once('close', () => deadlines.delete(socket));
}
