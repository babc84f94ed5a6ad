/**
 * Reads a socket into a buffer that is used again for every read.
 *
 * Node allocates 64 KiB for each read of a socket. For a small request that costs more than everything that a gateway
 * does. Node's HTTP server has one buffer for all of its connections. A socket that connects can be given a buffer
 * (`onread` of net.Socket), but a socket that a server has accepted cannot: from Node 20 to 26 there is no public way. So
 * this file sets what the option would set, in private fields of the socket. If a version of Node has other fields, it
 * goes on allocating, and everything else works as before.
 */

import type { Socket } from 'node:net';

/** The most that libuv reads at once. */
export const READ_SIZE = 64 * 1024;
/**
 * Bytes that are kept are copied out of a buffer that is more than this many times as large: limits count the bytes, not
 * the buffer that they keep in memory.
 */
const MAX_OVERHEAD = 16;

/** The buffer of all sockets: the next read of any of them overwrites it. */
let shared: Buffer | undefined;

/** Takes the first `length` of `bytes`, which were read. They are valid until it returns: see {@link SocketReader.keep}. */
export type ReadListener = (bytes: Buffer, length: number) => void;

/** Takes the place of the 'data' event of a socket. Its `pause`, `resume`, 'end', 'close' and 'error' work as before. */
export class SocketReader {
  readonly #socket: Socket;
  readonly #listener: ReadListener;
  /** The buffer of the current read, or of the next one; undefined while Node allocates. */
  #buffer: Buffer | undefined;
  #isFull = false; // the current read has filled the buffer
  #isKept = false; // a part of the buffer stays in use

  constructor(socket: Socket, listener: ReadListener) {
    this.#socket = socket;
    this.#listener = listener;
    socket.on('data', (chunk: Buffer) => listener(chunk, chunk.length));
  }

  /** From the next read on, reads into the shared buffer. It saves time from the second read of a socket on. */
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
   * Keeps bytes beyond the end of the listener: copies them if the next read would overwrite them.
   *
   * @param bytes a part of what the listener was given
   */
  keep(bytes: Buffer): Buffer {
    const { buffer } = bytes;
    if (buffer === shared?.buffer || buffer.byteLength > MAX_OVERHEAD * bytes.length) {
      return Buffer.from(bytes);
    }
    this.#isKept = true;
    return bytes;
  }

  /** @returns false to stop reading: a paused socket is read once more after `resume` and `pause` in the same turn */
  #read(length: number, bytes: Buffer): boolean {
    this.#isFull = length === READ_SIZE;
    this.#isKept = false;
    this.#listener(bytes, length);
    return !this.#socket.isPaused();
  }

  /**
   * Chooses the buffer of the next read. After a full read more of a large body is waiting: it gets a buffer of its own,
   * so that keeping it needs no copy.
   *
   * @returns undefined to use the same buffer again
   */
  #next(): Buffer | undefined {
    const before = this.#buffer;
    if (!this.#isFull) this.#buffer = shared;
    else if (this.#isKept || before === shared) this.#buffer = Buffer.allocUnsafeSlow(READ_SIZE);
    return this.#buffer === before ? undefined : this.#buffer;
  }
}

/** The `onread` option of net.Socket. `next` gives the buffer after the first read. */
interface OnRead {
  buffer: Buffer;
  callback(length: number, bytes: Buffer): boolean;
  next(): Buffer | undefined;
}

/** Private fields of a socket (lib/net.js, lib/internal/stream_base_commons.js). */
interface SocketInternals {
  [field: symbol]: unknown;
  _handle?: { useUserBuffer?(buffer: Buffer): void } | null;
}

/** Does what the constructor of net.Socket does with its `onread` option, if the socket has these fields. */
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

/** The fields are symbols, found by their descriptions. They are null in a socket without the option. */
function findFields(internals: SocketInternals): Fields | undefined {
  const symbols = Object.getOwnPropertySymbols(internals);
  const found = FIELDS.map((name) => [name, symbols.find((s) => s.description === name)] as const);
  const isKnown = found.every(([, field]) => field !== undefined && internals[field] === null);
  return isKnown ? (Object.fromEntries(found) as Fields) : undefined;
}
