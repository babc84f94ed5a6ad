/** Connections that are accepted elsewhere and handed to a server: by another process, which keeps the port open. */

import type { AddressInfo, Server as NetServer, Socket } from 'node:net';

/** Connections that are accepted elsewhere: what a server takes in place of an address. */
export interface Inlet {
  /** Where the connections come in, as `server.address()` would tell it. */
  readonly bound: AddressInfo | string | null;
  /** Hands every connection over from now on. */
  open(accept: (socket: Socket) => void): void;
  /** Hands over no more. */
  close(): void;
}

/** Lets a server of node:net, node:http or node:https, which listens nowhere, serve what comes through an inlet. */
export function openInlet(server: NetServer, inlet: Inlet): void {
  // What a server that listens makes of its options; the declarations do not know of the property.
  const { allowHalfOpen = false } = server as { allowHalfOpen?: boolean };
  inlet.open((socket) => {
    socket.allowHalfOpen = allowHalfOpen;
    socket.setNoDelay(true);
    server.emit('connection', socket);
  });
  server.emit('listening'); // with it node:http begins to watch its time limits
}

/**
 * Takes no more connections, and lets the server close those that are idle.
 *
 * @param drained of the connections that have been taken: the server has not counted them
 */
export function closeInlet(server: NetServer, inlet: Inlet, drained: Promise<void>): Promise<void> {
  inlet.close();
  server.close(() => {}); // its complaint that it did not listen is none
  return drained;
}
