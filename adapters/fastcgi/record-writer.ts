/**
 * The records that a connection sends.
 *
 * All records of one turn of the event loop are gathered in a batch and written together: many responses, one write.
 */

import type { Socket } from 'node:net';

import { asBuffer, partOf } from '../../src/bytes.ts';
import { writeAll } from '../../src/sockets/writer.ts';
import { FCGI_HEADER_LEN, FCGI_REQUEST_COMPLETE, FCGI_STDERR, FCGI_STDOUT } from './constants.ts';
import {
  encodeEndRequest,
  encodeHeader,
  encodePadding,
  encodeRecord,
  paddingFor,
} from './record.ts';

/** Largest content of a STDOUT record: the largest multiple of 8 that a record can hold, so it needs no padding. */
export const MAX_STDOUT_CONTENT = 0xfff8;
/**
 * Largest content of a STDERR record, and its padding where the content is a multiple of 8 and would need none.
 * HAProxy 2.6 crashes if the last record that it has read is STDERR and has no padding, or is larger than its
 * buffer (16 KiB).
 */
const MAX_STDERR_CONTENT = 8 * 1024;
const STDERR_PADDING = 8;
/**
 * Content up to this size is copied into the text of the batch, which is cheaper than writing it as a buffer of its
 * own. Longer text stays by itself too: appended, it would be copied once more before it is written.
 */
export const COPY_LIMIT = 4 * 1024;
/** A batch of this size is written before the end of the turn. */
const BATCH_LIMIT = 64 * 1024;

/** Content of a record: bytes, or a byte string. */
export type Content = Uint8Array | string;

/** The connection, as its writer sees it. */
export interface WriterConnection {
  /** Requests between BEGIN_REQUEST and END_REQUEST: they may add records in the same turn. */
  readonly inFlight: number;
  /** The socket has not taken all that was written: the front end has to read first. */
  watchOutput(): void;
}

export class RecordWriter {
  readonly #socket: Socket;
  readonly #connection: WriterConnection;
  #parts: (Buffer | string)[] = []; // the batch, up to #text
  #partsLength = 0;
  #text = ''; // the end of the batch, a byte string
  #corked = false;
  #scheduled = false;
  readonly #flushScheduled = (): void => {
    this.#scheduled = false;
    this.flush();
  };

  constructor(socket: Socket, connection: WriterConnection) {
    this.#socket = socket;
    this.#connection = connection;
  }

  /** Gathers everything until {@link uncork}: while input is processed. */
  cork(): void {
    this.#corked = true;
  }

  uncork(): void {
    this.#corked = false;
    this.flush();
  }

  /** Bytes that the socket has not sent yet. Text at the end of the batch is not counted. */
  get waiting(): number {
    return this.#socket.writableLength + this.#partsLength;
  }

  // ---- adding records

  /** Adds STDOUT. The head is a byte string; it shares a record with content of at most {@link COPY_LIMIT}. */
  stdout(id: number, head: string, content: Content): void {
    if (content.length <= COPY_LIMIT) {
      const text = typeof content === 'string' ? content : asBuffer(content).toString('latin1');
      const padding = head === '' ? undefined : paddingBehindHead(head.length, text.length);
      this.#text += encodeRecord(FCGI_STDOUT, id, head + text, padding);
      return;
    }
    if (head !== '') this.#text += encodeRecord(FCGI_STDOUT, id, head, 0);
    const whole = typeof content === 'string' ? content : asBuffer(content);
    for (let at = 0; at < whole.length; at += MAX_STDOUT_CONTENT) {
      this.#addUncopied(id, partOf(whole, at, at + MAX_STDOUT_CONTENT));
    }
  }

  /** Adds a STDOUT record without copying its content. */
  #addUncopied(id: number, content: Buffer | string): void {
    const before = this.#text + encodeHeader(FCGI_STDOUT, id, content.length);
    this.#parts.push(before, content);
    this.#partsLength += before.length + content.length;
    this.#text = encodePadding(paddingFor(content.length));
  }

  /** Adds STDERR, a byte string that is not empty: an empty record would close the stream. */
  stderr(id: number, text: string): void {
    for (let at = 0; at < text.length; at += MAX_STDERR_CONTENT) {
      const content = text.slice(at, at + MAX_STDERR_CONTENT);
      const padding = paddingFor(content.length) || STDERR_PADDING;
      this.#text += encodeRecord(FCGI_STDERR, id, content, padding);
    }
  }

  /** Adds the end of a request: the streams are closed, then comes END_REQUEST. */
  endRequest(id: number, appStatus: number, usedStderr: boolean): void {
    const isUsual = appStatus === 0 && !usedStderr;
    this.#text += (isUsual ? USUAL_ENDS[id] : undefined) ?? encodeEnd(id, appStatus, usedStderr);
  }

  /** Adds encoded records, and writes them by the end of the turn. */
  add(records: string): void {
    this.#text += records;
    this.schedule();
  }

  // ---- writing the batch

  /** Writes the batch at the end of the turn, or now if no request can add to it. */
  schedule(): void {
    if (this.#corked) return;
    if (this.#connection.inFlight === 0) {
      this.flush();
      return;
    }
    if (this.#scheduled) return;
    this.#scheduled = true;
    process.nextTick(this.#flushScheduled);
  }

  /** @returns whether the batch was full, and has been written */
  flushIfFull(): boolean {
    if (this.#partsLength + this.#text.length < BATCH_LIMIT) return false;
    this.flush();
    return true;
  }

  flushUnlessCorked(): void {
    if (!this.#corked) this.flush();
  }

  flush(): void {
    const text = this.#text;
    const parts = this.#parts;
    if (text === '' && parts.length === 0) return;
    this.#text = '';
    const socket = this.#socket;
    if (!socket.writable) return;
    if (parts.length === 0) {
      if (!socket.write(text, 'latin1')) this.#connection.watchOutput();
      return;
    }
    this.#parts = [];
    this.#partsLength = 0;
    if (text !== '') parts.push(text);
    if (!writeAll(socket, parts)) this.#connection.watchOutput();
  }
}

/**
 * Padding of a record with the head and content behind it.
 *
 * nginx passes a head on at once only if nothing is behind it, not even padding; and head and content only if at least 8
 * bytes are behind the head, padding included (1.22, ngx_http_upstream_send_response, ngx_event_pipe_read_upstream).
 */
function paddingBehindHead(headLength: number, contentLength: number): number {
  if (contentLength === 0) return 0;
  const padding = paddingFor(headLength + contentLength);
  return contentLength + padding < FCGI_HEADER_LEN ? padding + FCGI_HEADER_LEN : padding;
}

/** STDOUT, and STDERR if it was used, are closed by an empty record before END_REQUEST (§ 6.1). */
function encodeEnd(id: number, appStatus: number, usedStderr: boolean): string {
  const stderr = usedStderr ? encodeHeader(FCGI_STDERR, id, 0) : '';
  const stdout = encodeHeader(FCGI_STDOUT, id, 0);
  return stdout + stderr + encodeEndRequest(id, FCGI_REQUEST_COMPLETE, appStatus);
}

/** The end of almost every request, encoded once for the ids that front ends use most. */
const USUAL_ENDS: readonly string[] = Array.from({ length: 128 }, (_, id) =>
  encodeEnd(id, 0, false),
);
