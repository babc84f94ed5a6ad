/** The peer of a socket: who it is, and how its connection is reset. TCP and unix sockets differ in both. */

import type { Socket } from 'node:net';

import { formatAddress } from './address.ts';

/** Whether a connection is a TCP connection. The local address tells: the remote one is unknown once the peer has left. */
export function isTcp(socket: Socket): boolean {
  return socket.localAddress !== undefined;
}

/** Resets a connection, so that the peer cannot take the response for complete. A unix socket has no reset: it is closed. */
export function resetSocket(socket: Socket): void {
  if (isTcp(socket)) socket.resetAndDestroy();
  else socket.destroy();
}

/** The peer of a connection, for the log: its address and port, if it has them. */
export function peerOf(socket: Socket): string {
  const { remoteAddress: host, remotePort: port } = socket;
  if (host !== undefined && port !== undefined) return formatAddress({ host, port });
  return isTcp(socket) ? 'a peer that has left' : 'unix';
}

/** Guesses another protocol from the first byte of a connection, for the log. @returns `''` or the guess in brackets */
export function guessProtocol(byte: number): string {
  if (byte === 0x16) return ' (this looks like TLS)'; // handshake record, RFC 8446 § 5.1
  return byte >= 0x41 && byte <= 0x5a ? ' (this looks like HTTP)' : '';
}
