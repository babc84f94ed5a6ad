/** Connections that another process accepts and hands over. That process keeps the port open while this one is replaced. */

import type { AddressInfo, Server as NetServer, Socket } from 'node:net';

/** Where a server gets its connections from instead of an address. */
export interface ConnectionSource {
  /** The address that the other process has bound, as `server.address()` returns it. */
  readonly bound: AddressInfo | string | null;
  /** Begins to hand over connections. */
  open(accept: (socket: Socket) => void): void;
  /** Hands over no more connections. */
  close(): void;
}

/** Lets a server of node:net, node:http or node:https serve the connections of a source, without listening itself. */
export function attachSource(server: NetServer, source: ConnectionSource): void {
  // The server would set these on the sockets that it accepts. The type declarations lack the property.
  const { allowHalfOpen = false } = server as { allowHalfOpen?: boolean };
  source.open((socket) => {
    socket.allowHalfOpen = allowHalfOpen;
    socket.setNoDelay(true);
    server.emit('connection', socket);
  });
  server.emit('listening'); // on this event node:http starts to check its time limits
}

/**
 * Takes no more connections, and closes those that are idle.
 *
 * @param drained resolves when the last connection is closed: the server does not know the connections itself
 */
export function detachSource(
  server: NetServer,
  source: ConnectionSource,
  drained: Promise<void>,
): Promise<void> {
  source.close();
  server.close(() => {}); // it reports that it did not listen, which is no error here
  return drained;
}
