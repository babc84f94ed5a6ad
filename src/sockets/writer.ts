/**
 * Writes to a socket from a buffer that is used again.
 *
 * A writev of several buffers costs Node more than copying a few KiB into one, and so does allocating one for each write.
 * Nearly always the kernel takes all bytes at once. Then the buffer is free again before the next write.
 */

import type { Socket } from 'node:net';

/** Larger writes are sent as separate buffers (one writev). */
export const MAX_COPY_SIZE = 32 * 1024;

/** It is empty between two writes. */
let shared: Buffer | undefined;

/**
 * Writes several pieces with one system call.
 *
 * @param pieces byte strings, and bytes which must not be changed afterwards
 * @returns whether the socket takes more, as `socket.write` does
 */
export function writeAll(socket: Socket, pieces: readonly (Uint8Array | string)[]): boolean {
  let length = 0;
  for (const piece of pieces) length += piece.length;
  return length <= MAX_COPY_SIZE ? writeCopy(socket, pieces, length) : writePieces(socket, pieces);
}

function writeCopy(
  socket: Socket,
  pieces: readonly (Uint8Array | string)[],
  length: number,
): boolean {
  const memory = (shared ??= Buffer.allocUnsafeSlow(MAX_COPY_SIZE));
  let at = 0;
  for (const piece of pieces) {
    if (typeof piece === 'string') memory.write(piece, at, 'latin1');
    else memory.set(piece, at);
    at += piece.length;
  }
  const takesMore = socket.write(memory.subarray(0, length));
  if (socket.writableLength > 0) shared = undefined; // the socket uses this buffer until all is sent
  return takesMore;
}

function writePieces(socket: Socket, pieces: readonly (Uint8Array | string)[]): boolean {
  let takesMore = true;
  socket.cork();
  for (const piece of pieces) takesMore = socket.write(piece, 'latin1');
  socket.uncork();
  return takesMore;
}
