/**
 * Parses what a `ServerResponse` writes to its socket: an HTTP/1.1 response (RFC 9112) in the pieces in which Node writes
 * it. A codec: no I/O.
 *
 *     HTTP/1.1 103 Early Hints CRLF … CRLF CRLF        any number of these, passed over
 *     HTTP/1.1 200 OK CRLF name: value CRLF … CRLF CRLF
 *     body: bytes, or chunks `size CRLF bytes CRLF` … `0 CRLF` trailers `CRLF`
 */

import { asBuffer, copyText, isAscii, memoize } from '../../bytes.ts';
import { isHopByHop } from '../../response/headers.ts';
import { statusLine } from '../../response/status.ts';
import type { Header } from '../../types.ts';

/** Is called with the parts of a response. */
export interface ResponseSink {
  /** The head of the final response. */
  onHead(status: string, headers: Header[]): void;
  /** @param bytes a part of the body; with `keepsText`, its last part may be a string, to be sent as UTF-8 */
  onBody(bytes: Buffer | string): void;
}

const HEAD_END = '\r\n\r\n';

export class ResponseParser {
  readonly #sink: ResponseSink;
  readonly #isHead: boolean;
  readonly #keepsText: boolean;
  #head = ''; // an incomplete head
  #inBody = false;
  #isChunked = false;
  #remaining = Infinity; // bytes to come of the body, or of the chunk if the body is chunked
  #line = ''; // in a chunked body: an incomplete line between two chunks
  #afterChunk = false; // that line is the CRLF behind the data of a chunk
  #isComplete = false;

  /**
   * @param isHead whether it is the response to a HEAD request, which has no body
   * @param keepsText whether text at the end of a body stays text
   */
  constructor(sink: ResponseSink, isHead: boolean, keepsText = false) {
    this.#sink = sink;
    this.#isHead = isHead;
    this.#keepsText = keepsText;
  }

  /** Whether the response is complete according to its framing (RFC 9112 § 6.3). */
  get isComplete(): boolean {
    return this.#isComplete;
  }

  /** Takes one argument of `socket.write`. */
  write(chunk: string | Uint8Array, encoding: BufferEncoding): void {
    if (chunk.length === 0) return; // Node writes an empty string at the end
    if (this.#inBody) {
      if (typeof chunk === 'string' && this.#isLastText(chunk, encoding)) {
        this.#isComplete = true;
        this.#sink.onBody(chunk);
        return;
      }
      const bytes = typeof chunk === 'string' ? Buffer.from(chunk, encoding) : asBuffer(chunk);
      this.#body(bytes);
      return;
    }
    if (typeof chunk !== 'string') {
      this.write(asBuffer(chunk).toString('latin1'), 'latin1');
      return;
    }
    const head = this.#head + chunk;
    const end = head.indexOf(HEAD_END);
    if (end < 0) {
      this.#head = head;
      return;
    }
    this.#head = '';
    this.#parseHead(byteString(head.slice(0, end), encoding));
    const rest = head.slice(end + HEAD_END.length);
    if (rest !== '') this.write(rest, encoding);
  }

  /** Whether text is the whole rest of the body according to Content-Length. If so, each of its characters is one byte. */
  #isLastText(text: string, encoding: BufferEncoding): boolean {
    if (!this.#keepsText || this.#isChunked || encoding !== 'utf8') return false;
    return text.length === this.#remaining && !this.#isComplete;
  }

  #parseHead(head: string): void {
    let end = lineEnd(head, 0);
    const code = head.slice('HTTP/1.1 '.length, 'HTTP/1.1 200'.length);
    // 100, 102, 103: no gateway but HTTP itself can send these ahead of a response.
    if (code[0] === '1' && code !== '101') return;
    const status = head.slice('HTTP/1.1 '.length, end);
    const headers: Header[] = [];
    for (let i = 0; end < head.length; i++) {
      const start = end + '\r\n'.length;
      const field = fieldAt(i, head, start);
      end = lineEnd(head, start);
      this.#parseField(field, head.slice(start + field.start.length, end), headers);
    }
    this.#inBody = true;
    const isBodiless = this.#isHead || code === '204' || code === '304' || code === '101';
    this.#isComplete = isBodiless || (this.#remaining === 0 && !this.#isChunked);
    this.#sink.onHead(status.length > 4 ? status : statusLine(Number(code)), headers);
  }

  #parseField({ name, kind }: Field, value: string, headers: Header[]): void {
    switch (kind) {
      case 'dropped':
        return;
      case 'transfer-encoding':
        // The coding is removed here: the gateway does its own framing.
        if (/chunked/i.test(value)) this.#setChunked();
        return;
      case 'content-length':
        if (!this.#isChunked) this.#remaining = Number(value);
        break;
      case 'passed':
        break;
    }
    headers.push([name, value]);
  }

  #setChunked(): void {
    this.#isChunked = true;
    this.#remaining = 0;
  }

  #body(bytes: Buffer): void {
    if (this.#isChunked) {
      this.#chunks(bytes);
      return;
    }
    // The handler checks for more bytes than Content-Length.
    this.#sink.onBody(bytes);
    this.#remaining -= bytes.length;
    if (this.#remaining <= 0) this.#isComplete = true;
  }

  /** RFC 9112 § 7.1. */
  #chunks(bytes: Buffer): void {
    let at = 0;
    while (at < bytes.length && !this.#isComplete) {
      if (this.#remaining > 0) {
        const data = bytes.subarray(at, at + this.#remaining);
        at += data.length;
        this.#remaining -= data.length;
        this.#afterChunk = this.#remaining === 0;
        this.#sink.onBody(data);
        continue;
      }
      const newline = bytes.indexOf(0x0a, at);
      this.#line += bytes.toString('latin1', at, newline < 0 ? bytes.length : newline);
      if (newline < 0) return;
      at = newline + 1;
      this.#endLine();
    }
  }

  #endLine(): void {
    const line = this.#line;
    this.#line = '';
    if (this.#afterChunk) {
      this.#afterChunk = false;
      return;
    }
    this.#remaining = Number.parseInt(line, 16);
    // Trailers follow. Only HTTP could send them, so they are dropped.
    if (this.#remaining === 0) this.#isComplete = true;
  }
}

/** How a header is handled. */
type Kind = 'passed' | 'dropped' | 'transfer-encoding' | 'content-length';

interface Field {
  readonly name: string;
  /** `name: `, as Node writes it. */
  readonly start: string;
  readonly kind: Kind;
}

const fieldOf = memoize((text: string): Field => {
  const name = copyText(text);
  return { name, start: `${name}: `, kind: kindOf(name) };
});

function kindOf(name: string): Kind {
  const lower = name.toLowerCase();
  if (lower === 'transfer-encoding' || lower === 'content-length') return lower;
  // In CGI, `Status` is the status line itself (RFC 3875 § 6.3.3).
  return isHopByHop(lower) || lower === 'status' ? 'dropped' : 'passed';
}

/** Fields of the last response. Mostly the next response has the same ones in the same order: then comparing is enough. */
const lastFields: Field[] = [];

/** The field of the line that begins at `start`, the `i`th of the head. */
function fieldAt(i: number, head: string, start: number): Field {
  const last = lastFields[i];
  if (last !== undefined && head.slice(start, start + last.start.length) === last.start) {
    return last;
  }
  return (lastFields[i] = fieldOf(head.slice(start, head.indexOf(':', start))));
}

function lineEnd(head: string, start: number): number {
  const end = head.indexOf('\r', start);
  return end < 0 ? head.length : end;
}

/** The bytes of a head. If Node writes it together with text, it has the encoding of the text. */
function byteString(head: string, encoding: BufferEncoding): string {
  if (encoding === 'latin1' || isAscii(head)) return head;
  return Buffer.from(head, encoding).toString('latin1');
}
