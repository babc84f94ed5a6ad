/**
 * Output of all requests of a connection, as records.
 *
 * While the front end keeps up, a chunk becomes a record at once and lies in one batch with all else
 * that is sent in the same turn: many responses, one write. When it does not, chunks wait in a queue per
 * request, and the requests take turns, a bounded piece each: a small answer is not stuck behind another
 * request's download on the same connection.
 */

import type { Socket } from 'node:net';

import { ByteQueue, asBuffer, partOf } from '../../src/bytes.ts';
import { HIGH_WATER_MARK } from '../../src/limits.ts';
import { writeAll } from '../../src/sockets/writer.ts';
import { FCGI_REQUEST_COMPLETE, FCGI_STDERR, FCGI_STDOUT } from './constants.ts';
import {
  encodeEndRequest,
  encodeHeader,
  encodePadding,
  encodeRecord,
  paddingFor,
} from './record.ts';

/** Largest content of a record, and so what one request sends before it is another one's turn. A multiple of 8: no padding. */
const PIECE = 0xfff8;
/**
 * Largest content of a STDERR record, and its padding where the content alone would end on the usual
 * border. HAProxy 2.6 crashes when a STDERR record without padding, or a part of one that is larger than
 * its buffer (16 KiB), is the last that it has read.
 */
const STDERR_PIECE = 8 * 1024;
const STDERR_PADDING = 8;
/**
 * Chunks up to this size become a part of the batch's text: cheaper than a piece of their own. Text that is longer
 * stays by itself as well: put together, it would be copied once more before it is written.
 */
const COPY_LIMIT = 4 * 1024;
/** Chunks up to this size become records at once where nothing waits: those of most streams (64 KiB) do not fit in one. */
const DIRECT_LIMIT = 2 * PIECE;
/** A batch of this size is written before the turn is over. */
const BATCH_LIMIT = 64 * 1024;

/** Bytes, or a byte string. */
type Chunk = Uint8Array | string;

/** The output of one request, while it lasts. */
export interface OutputStream {
  readonly id: number;
  /** STDOUT bytes that wait for their turn. */
  pending: ByteQueue | undefined;
  /** Set once nothing follows {@link pending} but the end of the request. */
  ending: { appStatus: number } | undefined;
  /** Whether STDERR was used and so has to be closed (§ 5.3, § 6.1). */
  usedStderr: boolean;
  /** Called when the request takes more output again. */
  onDrain: (() => void) | undefined;
  /** Called once END_REQUEST is on its way. */
  onEnd(): void;
}

/** What output has to do with the rest of its connection. */
export interface OutputOwner {
  /** Requests that are not over: more output may come of them in the same turn. */
  readonly inFlight: number;
  /** Output waits for the front end. */
  watchOutput(): void;
}

export class Output {
  readonly #socket: Socket;
  readonly #owner: OutputOwner;
  #parts: (Buffer | string)[] = []; // of the batch, before #text
  #partsLength = 0;
  #text = ''; // end of the batch, a byte string
  #corked = false;
  #scheduled = false;
  #destroyed = false;
  readonly #flushNow = (): void => {
    this.#scheduled = false;
    this.flush();
  };
  /** Requests with output that waits, in the order of their turns. */
  readonly #turns: OutputStream[] = [];
  readonly #waiting = new Set<OutputStream>(); // those with onDrain

  constructor(socket: Socket, owner: OutputOwner) {
    this.#socket = socket;
    this.#owner = owner;
    socket.on('drain', () => this.#pump());
  }

  /** Until {@link uncork}, everything is gathered: the turn in which input is processed. */
  cork(): void {
    this.#corked = true;
  }

  uncork(): void {
    this.#corked = false;
    this.flush();
  }

  /**
   * Sends STDOUT of a request.
   *
   * @param head a byte string that goes first
   * @returns whether the request may send more at once
   */
  stdout(stream: OutputStream, head: string, chunk: Uint8Array): boolean {
    if (this.#isDirect(stream, head, chunk)) {
      this.#encode(stream.id, head, chunk);
      this.#batched();
    } else {
      this.#enqueue(stream, head, chunk);
      this.#pump();
    }
    return this.#takesMore(stream);
  }

  /** Sends the last of STDOUT, if there is any, and the end of the request. */
  end(stream: OutputStream, head: string, last: Chunk, appStatus: number): void {
    if (this.#isDirect(stream, head, last)) {
      if (head.length + last.length > 0) this.#encode(stream.id, head, last);
      this.#encodeEnd(stream, appStatus);
      this.#batched();
      return;
    }
    this.#enqueue(stream, head, last); // also when there is nothing: the end has its turn, too
    stream.ending = { appStatus };
    this.#pump();
  }

  /** Ends a request at once: what it has not sent yet is forgotten. */
  endNow(stream: OutputStream, appStatus: number): void {
    this.drop(stream);
    this.#encodeEnd(stream, appStatus);
    this.#touch();
  }

  /** Sends STDERR, a byte string. @returns false when so much is waiting that it was not taken */
  stderr(stream: OutputStream, text: string): boolean {
    if (text.length === 0) return true; // an empty record would close the stream
    if (this.#socket.writableLength + this.#partsLength > HIGH_WATER_MARK) return false;
    stream.usedStderr = true;
    for (let at = 0; at < text.length; at += STDERR_PIECE) {
      const piece = text.slice(at, at + STDERR_PIECE);
      const padding = paddingFor(piece.length) || STDERR_PADDING;
      this.#text += encodeRecord(FCGI_STDERR, stream.id, piece, padding);
    }
    this.#touch();
    return true;
  }

  /** Sends records of the gateway's own. */
  raw(records: string): void {
    this.#text += records;
    this.#touch();
  }

  /** Resolves when the request may send more, or when its output has been dropped. */
  drained(stream: OutputStream): Promise<void> {
    if (this.#destroyed || this.#takesMore(stream)) return Promise.resolve();
    return new Promise((resolve) => {
      const before = stream.onDrain; // write() and the body may wait at the same time
      stream.onDrain = (): void => {
        before?.();
        resolve();
      };
      this.#waiting.add(stream);
    });
  }

  /** Forgets what a request has not sent yet. */
  drop(stream: OutputStream): void {
    stream.pending = undefined;
    const turn = this.#turns.indexOf(stream);
    if (turn >= 0) this.#turns.splice(turn, 1);
    this.#wake(stream);
  }

  /** The connection is gone: nobody is to wait for it. */
  destroy(): void {
    this.#destroyed = true;
    this.#turns.length = 0;
    for (const stream of this.#waiting) this.#wake(stream);
  }

  /** Writes the batch. */
  flush(): void {
    const text = this.#text;
    const parts = this.#parts;
    if (text === '' && parts.length === 0) return;
    this.#text = '';
    const socket = this.#socket;
    if (!socket.writable) return;
    if (parts.length === 0) {
      if (!socket.write(text, 'latin1')) this.#owner.watchOutput();
      return;
    }
    this.#parts = [];
    this.#partsLength = 0;
    if (text !== '') parts.push(text);
    if (!writeAll(socket, parts)) this.#owner.watchOutput();
  }

  /** Whether it becomes records at once, see {@link #encode}. */
  #isDirect(stream: OutputStream, head: string, chunk: Chunk): boolean {
    if (stream.pending !== undefined || this.#socket.writableNeedDrain) return false;
    const length = head.length + chunk.length;
    if (length <= PIECE) return true;
    const hasTwoRecords = head.length <= PIECE && chunk.length > COPY_LIMIT;
    return hasTwoRecords && length <= DIRECT_LIMIT && this.#turns.length === 0;
  }

  #takesMore(stream: OutputStream): boolean {
    if (stream.pending !== undefined && stream.pending.length > HIGH_WATER_MARK / 2) return false;
    // A socket that is being destroyed takes nothing, and its 'close' is yet to come: an application that
    // produces without end must not be asked for more until then.
    return !this.#socket.writableNeedDrain && !this.#socket.destroyed;
  }

  #enqueue(stream: OutputStream, head: string, chunk: Chunk): void {
    if (stream.pending === undefined) {
      stream.pending = new ByteQueue();
      this.#turns.push(stream);
    }
    if (head !== '') stream.pending.push(Buffer.from(head, 'latin1'));
    stream.pending.push(typeof chunk === 'string' ? Buffer.from(chunk, 'latin1') : asBuffer(chunk));
  }

  /** Lets the requests take turns while the front end takes more. */
  #pump(): void {
    const turns = this.#turns;
    while (turns.length > 0 && !this.#socket.writableNeedDrain && !this.#socket.destroyed) {
      this.#takeTurn(turns.shift()!);
      if (this.#isFull) this.flush();
    }
    if (!this.#corked) this.flush();
    for (const stream of this.#waiting) if (this.#takesMore(stream)) this.#wake(stream);
  }

  #takeTurn(stream: OutputStream): void {
    const queue = stream.pending!;
    const piece = queue.shift(PIECE);
    if (piece.length > 0) this.#encode(stream.id, '', piece);
    if (queue.length > 0) {
      this.#turns.push(stream);
      return;
    }
    stream.pending = undefined;
    if (stream.ending === undefined) return;
    this.#encodeEnd(stream, stream.ending.appStatus);
  }

  #wake(stream: OutputStream): void {
    this.#waiting.delete(stream);
    const { onDrain } = stream;
    stream.onDrain = undefined;
    onDrain?.();
  }

  /** STDOUT with what goes before it, which fit in a record together, or each by itself where the chunk is a piece. */
  #encode(id: number, head: string, chunk: Chunk): void {
    if (chunk.length <= COPY_LIMIT) {
      const text = typeof chunk === 'string' ? chunk : asBuffer(chunk).toString('latin1');
      this.#text += encodeRecord(FCGI_STDOUT, id, head + text);
      return;
    }
    if (head !== '') this.#text += encodeRecord(FCGI_STDOUT, id, head);
    const content = typeof chunk === 'string' ? chunk : asBuffer(chunk);
    for (let at = 0; at < content.length; at += PIECE) {
      this.#record(id, partOf(content, at, at + PIECE));
    }
  }

  /** A record of STDOUT, its content a piece of its own. */
  #record(id: number, content: Buffer | string): void {
    const before = this.#text + encodeHeader(FCGI_STDOUT, id, content.length);
    this.#parts.push(before, content);
    this.#partsLength += before.length + content.length;
    this.#text = encodePadding(paddingFor(content.length));
  }

  #encodeEnd(stream: OutputStream, appStatus: number): void {
    const { id } = stream;
    const isUsual = appStatus === 0 && !stream.usedStderr;
    this.#text +=
      (isUsual ? USUAL_ENDS[id] : undefined) ?? encodeEnd(id, appStatus, stream.usedStderr);
    stream.onEnd();
  }

  get #isFull(): boolean {
    return this.#partsLength + this.#text.length >= BATCH_LIMIT;
  }

  #batched(): void {
    if (this.#isFull) this.flush();
    else this.#touch();
  }

  /** Writes the batch when the turn is over, or now if nothing else can come in this turn. */
  #touch(): void {
    if (this.#corked) return;
    if (this.#owner.inFlight === 0) {
      this.flush();
      return;
    }
    if (this.#scheduled) return;
    this.#scheduled = true;
    process.nextTick(this.#flushNow);
  }
}

/** STDOUT, and STDERR if it was used, are closed by an empty record before END_REQUEST (§ 6.1). */
function encodeEnd(id: number, appStatus: number, usedStderr: boolean): string {
  const stderr = usedStderr ? encodeHeader(FCGI_STDERR, id, 0) : '';
  const stdout = encodeHeader(FCGI_STDOUT, id, 0);
  return stdout + stderr + encodeEndRequest(id, FCGI_REQUEST_COMPLETE, appStatus);
}

/** What almost every request ends with, for the ids that front ends use most. */
const USUAL_ENDS: readonly string[] = Array.from({ length: 128 }, (_, id) =>
  encodeEnd(id, 0, false),
);
