/**
 * Reading a socket into memory that is used again.
 *
 * For each read of a socket Node allocates 64 KiB, which for a small request costs more than all that a gateway does
 * with it. Node's own HTTP server has one buffer for all of its connections, and a socket that connects can be given
 * one (`onread` of net.Socket), but a socket that a server has accepted cannot: there is no public way, from Node 20 to
 * 26. So what that option sets is set here, in fields of the socket that are Node's own. Where a Node has other ones,
 * it goes on allocating, and all else is the same.
 */

import type { Socket } from 'node:net';

/** What libuv reads at once, at most. */
export const READ_SIZE = 64 * 1024;
/** What is kept holds on to this many times its size, at most: limits count its bytes, not the memory they lie in. */
const MOST_HELD = 16;

/** Overwritten by the next read of any socket. */
let shared: Buffer | undefined;

/** Takes what was read, the first `length` of `bytes`. They are valid until it returns, see {@link SocketReader.keep}. */
export type ReadListener = (bytes: Buffer, length: number) => void;

/** What comes in over a socket. The socket's `pause`, `resume`, 'end', 'close' and 'error' are as ever. */
export class SocketReader {
  readonly #socket: Socket;
  readonly #listener: ReadListener;
  /** What the next read goes to, or the current one has; undefined while Node allocates. */
  #buffer: Buffer | undefined;
  #isFull = false; // the current read has filled it
  #isKept = false; // a part of it stays in use

  constructor(socket: Socket, listener: ReadListener) {
    this.#socket = socket;
    this.#listener = listener;
    socket.on('data', (chunk: Buffer) => listener(chunk, chunk.length));
  }

  /** Allocates no more, from the next read on. It pays from the second read of a socket on. */
  reuseMemory(): void {
    if (this.#buffer !== undefined) return;
    this.#buffer = shared ??= Buffer.allocUnsafeSlow(READ_SIZE);
    readInto(this.#socket, {
      buffer: this.#buffer,
      callback: (length, bytes) => this.#read(length, bytes),
      next: () => this.#next(),
    });
  }

  /**
   * Bytes that stay as they are.
   *
   * @param bytes a part of what the listener was given
   */
  keep(bytes: Buffer): Buffer {
    const { buffer } = bytes;
    if (buffer === shared?.buffer || buffer.byteLength > MOST_HELD * bytes.length) {
      return Buffer.from(bytes);
    }
    this.#isKept = true;
    return bytes;
  }

  /** @returns false where a socket that is paused has been read all the same, as after `resume` and `pause` in one turn */
  #read(length: number, bytes: Buffer): boolean {
    this.#isFull = length === READ_SIZE;
    this.#isKept = false;
    this.#listener(bytes, length);
    return !this.#socket.isPaused();
  }

  /**
   * Full reads are those of a large body, of which more has come already: no copy is made of it.
   *
   * @returns undefined for the same buffer again
   */
  #next(): Buffer | undefined {
    const before = this.#buffer;
    if (!this.#isFull) this.#buffer = shared;
    else if (this.#isKept || before === shared) this.#buffer = Buffer.allocUnsafeSlow(READ_SIZE);
    return this.#buffer === before ? undefined : this.#buffer;
  }
}

/** As the `onread` option of net.Socket, with `buffer` as a function after the first read. */
interface OnRead {
  buffer: Buffer;
  callback(length: number, bytes: Buffer): boolean;
  next(): Buffer | undefined;
}

/** What of a socket is Node's own (lib/net.js, lib/internal/stream_base_commons.js). */
interface SocketInternals {
  [field: symbol]: unknown;
  _handle?: { useUserBuffer?(buffer: Buffer): void } | null;
}

/** Does what the constructor of net.Socket does with its `onread` option, if it is a socket that has it. */
function readInto(socket: Socket, { buffer, callback, next }: OnRead): void {
  const internals = socket as unknown as SocketInternals;
  const fields = (names ??= findFields(internals));
  const handle = internals._handle;
  if (fields === undefined || typeof handle?.useUserBuffer !== 'function') return;
  internals[fields.kBuffer] = buffer;
  internals[fields.kBufferCb] = callback;
  internals[fields.kBufferGen] = next;
  handle.useUserBuffer(buffer);
}

const FIELDS = ['kBuffer', 'kBufferCb', 'kBufferGen'] as const;
type Fields = Record<(typeof FIELDS)[number], symbol>;
let names: Fields | undefined;

/** They are symbols that go by their names, and null in a socket without the option. */
function findFields(internals: SocketInternals): Fields | undefined {
  const symbols = Object.getOwnPropertySymbols(internals);
  const found = FIELDS.map((name) => [name, symbols.find((s) => s.description === name)] as const);
  const isKnown = found.every(([, field]) => field !== undefined && internals[field] === null);
  return isKnown ? (Object.fromEntries(found) as Fields) : undefined;
}
