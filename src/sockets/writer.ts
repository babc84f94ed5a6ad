/**
 * Writing to a socket from memory that is used again.
 *
 * A write of several pieces costs Node more than copying a few KiB, and so does memory for each write. Almost always
 * the kernel takes all of it at once, and then the memory is free before the next write.
 */

import type { Socket } from 'node:net';

/** What is larger leaves in its pieces. */
export const COPIED_UP_TO = 32 * 1024;

/** Holds nothing between two writes. */
let shared: Buffer | undefined;

/**
 * Writes pieces that belong together, by one system call.
 *
 * @param pieces bytes, which must not be changed afterwards, and byte strings
 * @returns whether the socket takes more, as its own `write`
 */
export function writeAll(socket: Socket, pieces: readonly (Uint8Array | string)[]): boolean {
  let length = 0;
  for (const piece of pieces) length += piece.length;
  return length <= COPIED_UP_TO ? writeCopy(socket, pieces, length) : writePieces(socket, pieces);
}

function writeCopy(
  socket: Socket,
  pieces: readonly (Uint8Array | string)[],
  length: number,
): boolean {
  const memory = (shared ??= Buffer.allocUnsafeSlow(COPIED_UP_TO));
  let at = 0;
  for (const piece of pieces) {
    if (typeof piece === 'string') memory.write(piece, at, 'latin1');
    else memory.set(piece, at);
    at += piece.length;
  }
  const takesMore = socket.write(memory.subarray(0, length));
  if (socket.writableLength > 0) shared = undefined; // it is the socket's, until all has been sent
  return takesMore;
}

function writePieces(socket: Socket, pieces: readonly (Uint8Array | string)[]): boolean {
  let takesMore = true;
  socket.cork();
  for (const piece of pieces) takesMore = socket.write(piece, 'latin1');
  socket.uncork();
  return takesMore;
}
