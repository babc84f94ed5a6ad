/**
 * FastCGI records, from and to bytes (FastCGI 1.0 § 3.3). No I/O, no clock.
 *
 *      0         1         2    3         4    5          6          7
 *     ┌─────────┬─────────┬──────────────┬──────────────┬──────────┬──────────┐
 *     │ version │ type    │ requestId    │ contentLength│ padding  │ reserved │  content, padding
 *     └─────────┴─────────┴──────────────┴──────────────┴──────────┴──────────┘
 */

import { EMPTY } from '../../src/bytes.ts';
import { ProtocolError } from '../../src/errors.ts';
import { guessProtocol } from '../../src/sockets/peer.ts';
import {
  FCGI_DATA,
  FCGI_END_REQUEST,
  FCGI_HEADER_LEN,
  FCGI_NULL_REQUEST_ID,
  FCGI_PARAMS,
  FCGI_STDIN,
  FCGI_UNKNOWN_TYPE,
  FCGI_VERSION_1,
} from './constants.ts';

/** What a {@link RecordParser} calls. Bytes are valid until the call returns. */
export interface RecordVisitor {
  /** A record that is not part of a stream (§ 3.3: discrete). Its whole content is `bytes` from `start` to `end`. */
  discrete(type: number, requestId: number, bytes: Buffer, start: number, end: number): void;
  /**
   * Bytes of a stream (PARAMS, STDIN, DATA), at least one, from `start` to `end`. Where records and chunks begin and
   * end means nothing. (The bytes are not passed as a view: making one costs more than most records.)
   */
  stream(type: number, requestId: number, bytes: Buffer, start: number, end: number): void;
  /** An empty stream record: the end of the stream (§ 3.3). */
  streamEnd(type: number, requestId: number): void;
}

/**
 * Parses records from a byte stream that may be cut anywhere. Content of streams is passed on as it comes. So the parser
 * keeps no more than a header, or one discrete record of at most 65,535 bytes.
 */
export class RecordParser {
  readonly #visitor: RecordVisitor;
  readonly #header = Buffer.alloc(FCGI_HEADER_LEN);
  #headerFilled = 0; // bytes of an incomplete header
  #type = 0;
  #requestId = 0;
  #isStream = false;
  #content = 0; // bytes of content still to come
  #padding = 0; // bytes of padding still to come
  #whole: Buffer | undefined; // collects the content of a discrete record that was cut

  constructor(visitor: RecordVisitor) {
    this.#visitor = visitor;
  }

  /**
   * Parses the next bytes: the first `length` of `chunk`. They are passed on without copying, and not used after the
   * return.
   *
   * @throws {ProtocolError} for a version other than 1: nothing after it can be parsed
   */
  push(chunk: Buffer, length: number = chunk.length): void {
    let at = 0;
    while (at < length) {
      if (this.#content > 0) {
        at = this.#takeContent(chunk, at, length);
      } else if (this.#padding > 0) {
        const skipped = Math.min(this.#padding, length - at);
        this.#padding -= skipped;
        at += skipped;
      } else if (this.#headerFilled === 0 && length - at >= FCGI_HEADER_LEN) {
        this.#readHeader(chunk, at);
        at += FCGI_HEADER_LEN;
      } else {
        at = this.#fillHeader(chunk, at, length);
      }
    }
  }

  #fillHeader(chunk: Buffer, at: number, length: number): number {
    // The version is the first byte: another protocol is refused at once, not after a whole header.
    if (this.#headerFilled === 0) checkVersion(chunk[at]!);
    const end = Math.min(length, at + FCGI_HEADER_LEN - this.#headerFilled);
    this.#headerFilled += chunk.copy(this.#header, this.#headerFilled, at, end);
    if (this.#headerFilled === FCGI_HEADER_LEN) {
      this.#headerFilled = 0;
      this.#readHeader(this.#header, 0);
    }
    return end;
  }

  #readHeader(bytes: Buffer, at: number): void {
    checkVersion(bytes[at]!);
    this.#type = bytes[at + 1]!;
    this.#requestId = (bytes[at + 2]! << 8) | bytes[at + 3]!;
    this.#content = (bytes[at + 4]! << 8) | bytes[at + 5]!;
    this.#padding = bytes[at + 6]!;
    this.#isStream = isStream(this.#type, this.#requestId);
    if (this.#content > 0) return;
    if (this.#isStream) this.#visitor.streamEnd(this.#type, this.#requestId);
    else this.#visitor.discrete(this.#type, this.#requestId, EMPTY, 0, 0);
  }

  #takeContent(chunk: Buffer, at: number, length: number): number {
    const end = Math.min(length, at + this.#content);
    this.#content -= end - at;
    if (this.#isStream) {
      this.#visitor.stream(this.#type, this.#requestId, chunk, at, end);
    } else if (this.#whole === undefined && this.#content === 0) {
      this.#visitor.discrete(this.#type, this.#requestId, chunk, at, end);
    } else {
      this.#collect(chunk, at, end);
    }
    return end;
  }

  /** Collects a discrete record that was cut, in a buffer of its whole size. */
  #collect(chunk: Buffer, at: number, end: number): void {
    const size = end - at + this.#content;
    const whole = (this.#whole ??= Buffer.allocUnsafe(size));
    chunk.copy(whole, whole.length - size, at, end);
    if (this.#content > 0) return;
    this.#whole = undefined;
    this.#visitor.discrete(this.#type, this.#requestId, whole, 0, whole.length);
  }
}

/** With request id 0 a record of these types is a management record of unknown type (§ 4.2). */
function isStream(type: number, requestId: number): boolean {
  return (
    (type === FCGI_STDIN || type === FCGI_PARAMS || type === FCGI_DATA) &&
    requestId !== FCGI_NULL_REQUEST_ID
  );
}

function checkVersion(version: number): void {
  if (version === FCGI_VERSION_1) return;
  const hint = guessProtocol(version);
  throw new ProtocolError(`record version ${version} instead of 1, FastCGI 1.0 § 3.3${hint}`);
}

// Records are encoded as byte strings. Appending strings and writing them at once costs less than filling a buffer and
// making a view of it.

/** Padding up to a multiple of 8 bytes, as the specification recommends (§ 3.3). */
export function paddingFor(contentLength: number): number {
  return -contentLength & 7;
}

/** Zeros: never old bytes of the memory. */
export function encodePadding(length: number): string {
  return PADDING[length] ?? '\0'.repeat(length);
}

const PADDING: readonly string[] = Array.from({ length: 16 }, (_, length) => '\0'.repeat(length));

/** A record header. Content and padding follow it. */
export function encodeHeader(
  type: number,
  requestId: number,
  contentLength: number,
  padding: number = paddingFor(contentLength),
): string {
  return String.fromCharCode(
    FCGI_VERSION_1,
    type,
    requestId >> 8,
    requestId & 0xff,
    contentLength >> 8,
    contentLength & 0xff,
    padding,
    0,
  );
}

/** A whole record. `content` is a byte string of at most 65,535 bytes. */
export function encodeRecord(
  type: number,
  requestId: number,
  content: string,
  padding: number = paddingFor(content.length),
): string {
  const { length } = content;
  return encodeHeader(type, requestId, length, padding) + content + encodePadding(padding);
}

/** END_REQUEST (§ 5.5). */
export function encodeEndRequest(
  requestId: number,
  protocolStatus: number,
  appStatus: number = 0,
): string {
  const status = String.fromCharCode(
    appStatus >>> 24,
    (appStatus >>> 16) & 0xff,
    (appStatus >>> 8) & 0xff,
    appStatus & 0xff,
    protocolStatus,
  );
  return encodeRecord(FCGI_END_REQUEST, requestId, `${status}\0\0\0`);
}

/** The answer to a management record of unknown type (§ 4.2). */
export function encodeUnknownType(type: number): string {
  return encodeRecord(FCGI_UNKNOWN_TYPE, 0, `${String.fromCharCode(type)}\0\0\0\0\0\0\0`);
}
