/** `wsgi.file_wrapper` (PEP 3333, "Optional Platform-Specific File Handling"). */

import { describe } from './chunk.ts';
import { ApplicationError } from '../errors.ts';
import type { Awaitable, FileLike } from '../types.ts';

const DEFAULT_BLOCK_SIZE = 64 * 1024;

/**
 * A body that streams from a `FileHandle`, a Node or web stream, or anything with `read(n)`, from its
 * current position to its end, or as far as the response's Content-Length reaches.
 *
 * Where the operator has allowed it (the `sendfile` option), the front end sends the file instead (PEP 3333, "Optional
 * Platform-Specific File Handling").
 */
export class FileWrapper implements AsyncIterable<Uint8Array> {
  /** What it reads from. */
  readonly filelike: FileLike;
  /** Bytes that it reads at a time, where that can be chosen. */
  readonly blockSize: number;
  #source: Source | undefined;
  #closing: Promise<void> | undefined;

  /**
   * @param filelike is closed with the response: `close()`, `destroy()` or `cancel()`, whichever it has
   * @param blockSize bytes to read at a time where that can be chosen; default 65,536
   * @throws {ApplicationError} for what cannot be read from, and a block size below one
   */
  constructor(filelike: FileLike, blockSize: number = DEFAULT_BLOCK_SIZE) {
    if (!isReadable(filelike)) {
      throw new ApplicationError(`FileWrapper cannot read from ${describe(filelike)}`);
    }
    if (!(blockSize >= 1)) throw new ApplicationError(`block size ${blockSize} of a FileWrapper`);
    this.filelike = filelike;
    this.blockSize = blockSize;
  }

  /** Always the same iterator: there is one position. Leaving it early closes the file. */
  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    return {
      next: async () => {
        if (this.#closing !== undefined) return DONE;
        return (this.#source ??= open(this.filelike, this.blockSize)).next();
      },
      return: async () => {
        await this.close();
        return DONE;
      },
    };
  }

  /**
   * Closes what it was given. Later calls do nothing.
   *
   * @returns a promise of the end of that; it rejects with what the file complains of
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const file = this.filelike as Closable;
    // A pending read of a stream is ended by this, and by nothing else.
    if (isNodeStream(file)) file.destroy!();
    else if (isWebStream(file)) await (this.#source?.leave?.() ?? file.cancel!());
    else await Promise.all([this.#source?.leave?.(), file.close?.()]);
  }
}

/** Members of a {@link FileLike}; it has some of them. */
interface Closable {
  fd?: unknown;
  pipe?: unknown;
  getReader?: unknown;
  read?: unknown;
  [Symbol.asyncIterator]?: unknown;
  close?(): unknown;
  destroy?(): unknown;
  cancel?(): unknown;
}

type Block = IteratorResult<Uint8Array, undefined>;
const DONE: Block = { done: true, value: undefined };

/** An open {@link FileLike}. */
interface Source {
  next(): Awaitable<Block>;
  /** Ends what was begun by reading, before its end; the file itself is closed apart from it. */
  leave?(): unknown;
}

function isReadable(file: unknown): boolean {
  if (file === null || typeof file !== 'object') return false;
  const members = file as Closable;
  return (
    members[Symbol.asyncIterator] !== undefined ||
    isWebStream(members) ||
    typeof members.read === 'function'
  );
}

function isNodeStream(file: Closable): boolean {
  return typeof file.pipe === 'function' && typeof file.destroy === 'function';
}

function isWebStream(file: Closable): boolean {
  return typeof file.getReader === 'function';
}

/** A `FileHandle` of node:fs/promises; a ReadStream has a descriptor too. */
function isFileHandle(file: Closable): boolean {
  return typeof file.fd === 'number' && typeof file.read === 'function' && !isNodeStream(file);
}

function open(file: FileLike, blockSize: number): Source {
  if (isWebStream(file as Closable)) return openWebStream(file as unknown as WebStream);
  if (isFileHandle(file as Closable)) return { next: () => readBlock(file as Handle, blockSize) };
  if (Symbol.asyncIterator in file) return openIterable(file as AsyncIterable<Uint8Array>);
  return { next: () => readSized(file as SizedReader, blockSize) };
}

type WebStream = { getReader(): ReadableStreamDefaultReader<Uint8Array> };

/** Not by its async iterator, which cannot be left while a read is pending. */
function openWebStream(stream: WebStream): Source {
  const reader = stream.getReader();
  return {
    next: () => reader.read() as Promise<Block>,
    leave: () => reader.cancel(),
  };
}

function openIterable(iterable: AsyncIterable<Uint8Array>): Source {
  const iterator = iterable[Symbol.asyncIterator]();
  let ended = false;
  return {
    async next() {
      try {
        const block = await iterator.next();
        ended = block.done === true;
        return block;
      } catch (error) {
        ended = true;
        throw error;
      }
    },
    leave: () => (ended ? undefined : iterator.return?.()),
  };
}

type Handle = {
  read(
    buffer: Uint8Array,
    offset: number,
    length: number,
    position: null,
  ): Promise<{ bytesRead: number }>;
};

async function readBlock(handle: Handle, blockSize: number): Promise<Block> {
  // A new block each time: the one before may still be on its way out.
  const block = Buffer.allocUnsafe(blockSize);
  const { bytesRead } = await handle.read(block, 0, blockSize, null);
  return bytesRead === 0 ? DONE : { done: false, value: block.subarray(0, bytesRead) };
}

type SizedReader = { read(size: number): Awaitable<Uint8Array | null> };

async function readSized(file: SizedReader, blockSize: number): Promise<Block> {
  const value = await file.read(blockSize);
  return value === null || value.length === 0 ? DONE : { done: false, value };
}
