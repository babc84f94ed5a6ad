/**
 * The responses of a connection share its socket.
 *
 * While the front end reads fast enough, each chunk becomes a record at once. Otherwise chunks wait in a queue for each
 * request. The requests then take turns and send one record each, so that a small response does not wait for another
 * request's download.
 */

import type { Socket } from 'node:net';

import { ByteQueue, asBuffer } from '../../src/bytes.ts';
import { HIGH_WATER_MARK } from '../../src/limits.ts';
import { COPY_LIMIT, MAX_STDOUT_CONTENT } from './record-writer.ts';
import type { Content, RecordWriter } from './record-writer.ts';

/**
 * A chunk up to this size is sent at once if no request waits for its turn. It is two records, because most streams
 * give chunks of 64 KiB, which one record cannot hold.
 */
const DIRECT_LIMIT = 2 * MAX_STDOUT_CONTENT;

/** The output of one request. */
export interface OutputStream {
  readonly id: number;
  /** STDOUT that waits for the request's turn. */
  queued: ByteQueue | undefined;
  /** Set when only the end of the request follows {@link queued}. */
  ending: { appStatus: number } | undefined;
  /** Whether STDERR was used: then it has to be closed (§ 5.3, § 6.1). */
  usedStderr: boolean;
  /** Called when the request may send more. */
  onDrain: (() => void) | undefined;
  /** Called when END_REQUEST has been added to what is sent. */
  onEnd(): void;
}

export class Output {
  readonly #socket: Socket;
  readonly #writer: RecordWriter;
  /** Requests with queued output, in the order of their turns. */
  readonly #turns: OutputStream[] = [];
  readonly #draining = new Set<OutputStream>(); // those with onDrain
  #destroyed = false;

  constructor(socket: Socket, writer: RecordWriter) {
    this.#socket = socket;
    this.#writer = writer;
    socket.on('drain', () => this.#sendQueued());
  }

  /**
   * Sends STDOUT of a request.
   *
   * @param head a byte string that goes first
   * @returns whether the request may send more at once
   */
  stdout(stream: OutputStream, head: string, chunk: Uint8Array): boolean {
    if (this.#isDirect(stream, head, chunk)) {
      this.#writer.stdout(stream.id, head, chunk);
      this.#write();
    } else {
      this.#enqueue(stream, head, chunk);
      this.#sendQueued();
    }
    return this.#takesMore(stream);
  }

  /** Sends the last of STDOUT, if there is any, and the end of the request. */
  end(stream: OutputStream, head: string, last: Content, appStatus: number): void {
    if (this.#isDirect(stream, head, last)) {
      if (head.length + last.length > 0) this.#writer.stdout(stream.id, head, last);
      this.#end(stream, appStatus);
      this.#write();
      return;
    }
    this.#enqueue(stream, head, last); // also if it is empty: the end of the request needs a turn, too
    stream.ending = { appStatus };
    this.#sendQueued();
  }

  /** Ends a request at once. What is queued of its output is not sent. */
  abort(stream: OutputStream, appStatus: number): void {
    this.discard(stream);
    this.#end(stream, appStatus);
    this.#writer.schedule();
  }

  /** Sends STDERR, a byte string. @returns false when too much is waiting: the text was not taken */
  stderr(stream: OutputStream, text: string): boolean {
    if (text.length === 0) return true;
    if (this.#writer.waiting > HIGH_WATER_MARK) return false;
    stream.usedStderr = true;
    this.#writer.stderr(stream.id, text);
    this.#writer.schedule();
    return true;
  }

  /** Resolves when the request may send more, or when its output has been discarded. */
  drained(stream: OutputStream): Promise<void> {
    if (this.#destroyed || this.#takesMore(stream)) return Promise.resolve();
    return new Promise((resolve) => {
      const before = stream.onDrain; // write() and the body may wait at the same time
      stream.onDrain = (): void => {
        before?.();
        resolve();
      };
      this.#draining.add(stream);
    });
  }

  /** Discards what is queued of a request's output. */
  discard(stream: OutputStream): void {
    stream.queued = undefined;
    const turn = this.#turns.indexOf(stream);
    if (turn >= 0) this.#turns.splice(turn, 1);
    this.#drain(stream);
  }

  /** The connection is closed: nothing is sent, and nobody has to wait. */
  destroy(): void {
    this.#destroyed = true;
    this.#turns.length = 0;
    for (const stream of this.#draining) this.#drain(stream);
  }

  /** Whether a chunk becomes records at once. */
  #isDirect(stream: OutputStream, head: string, chunk: Content): boolean {
    if (stream.queued !== undefined || this.#socket.writableNeedDrain) return false;
    const length = head.length + chunk.length;
    if (length <= MAX_STDOUT_CONTENT) return true;
    // RecordWriter.stdout gives the head a record of its own then.
    const isSplit = head.length <= MAX_STDOUT_CONTENT && chunk.length > COPY_LIMIT;
    return isSplit && length <= DIRECT_LIMIT && this.#turns.length === 0;
  }

  #write(): void {
    if (!this.#writer.flushIfFull()) this.#writer.schedule();
  }

  #end(stream: OutputStream, appStatus: number): void {
    this.#writer.endRequest(stream.id, appStatus, stream.usedStderr);
    stream.onEnd();
  }

  #takesMore(stream: OutputStream): boolean {
    if (stream.queued !== undefined && stream.queued.length > HIGH_WATER_MARK / 2) return false;
    // Between destroy() and 'close' a socket takes nothing. Without this check an application that produces without
    // end would be asked for more and more.
    return !this.#socket.writableNeedDrain && !this.#socket.destroyed;
  }

  // ---- turns

  #enqueue(stream: OutputStream, head: string, chunk: Content): void {
    if (stream.queued === undefined) {
      stream.queued = new ByteQueue();
      this.#turns.push(stream);
    }
    if (head !== '') stream.queued.push(Buffer.from(head, 'latin1'));
    stream.queued.push(typeof chunk === 'string' ? Buffer.from(chunk, 'latin1') : asBuffer(chunk));
  }

  /** Lets the requests take turns while the front end takes more. */
  #sendQueued(): void {
    const turns = this.#turns;
    while (turns.length > 0 && !this.#socket.writableNeedDrain && !this.#socket.destroyed) {
      this.#takeTurn(turns.shift()!);
      this.#writer.flushIfFull();
    }
    this.#writer.flushUnlessCorked();
    for (const stream of this.#draining) if (this.#takesMore(stream)) this.#drain(stream);
  }

  #takeTurn(stream: OutputStream): void {
    const queue = stream.queued!;
    const content = queue.shift(MAX_STDOUT_CONTENT);
    if (content.length > 0) this.#writer.stdout(stream.id, '', content);
    if (queue.length > 0) {
      this.#turns.push(stream);
      return;
    }
    stream.queued = undefined;
    if (stream.ending !== undefined) this.#end(stream, stream.ending.appStatus);
  }

  #drain(stream: OutputStream): void {
    this.#draining.delete(stream);
    const { onDrain } = stream;
    stream.onDrain = undefined;
    onDrain?.();
  }
}
