/** What gateways on sockets do with them, where TCP and unix sockets differ. */

import type { Socket } from 'node:net';

import { formatAddress } from './address.ts';

/** Whether a connection is TCP's. Its own end tells: of a peer that has left already nothing is known any more. */
export function isTcp(socket: Socket): boolean {
  return socket.localAddress !== undefined;
}

/**
 * Ends a connection so that the peer cannot take what it has got for complete: with a reset. A unix
 * socket knows none and is closed.
 */
export function resetSocket(socket: Socket): void {
  if (isTcp(socket)) socket.resetAndDestroy();
  else socket.destroy();
}

/** The peer of a connection, for the log: its address and port, where it has them. */
export function peerOf(socket: Socket): string {
  const { remoteAddress: host, remotePort: port } = socket;
  if (host !== undefined && port !== undefined) return formatAddress({ host, port });
  return isTcp(socket) ? 'a peer that has left' : 'unix';
}

/** What a first byte that is none of the protocol's own gives away of its sender, for the log. */
export function guessStranger(byte: number): string {
  if (byte === 0x16) return ' (this looks like TLS)'; // handshake record, RFC 8446 § 5.1
  return byte >= 0x41 && byte <= 0x5a ? ' (this looks like HTTP)' : '';
}
