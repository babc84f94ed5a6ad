/**
 * Reads a response strictly, and tells a complete one from one that was cut off. Written for the tests
 * alone: what a lenient client would repair has to be seen here.
 */

import type { Response } from './types.ts';

const STATUS_LINE = /^HTTP\/1\.[01] ([1-9]\d\d) (.*)$/;
const STATUS_FIELD = /^Status: ([1-9]\d\d) (.+)$/;
const FIELD = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*(.*?)[ \t]*$/;

/** The response ended before its end. */
class Cut extends Error {}

export interface Head {
  status: number;
  reason: string;
  /** Names in lower case. */
  headers: [name: string, value: string][];
}

/** A response as it comes in: the head, then pieces of the body. */
export class Incoming {
  readonly #source: AsyncIterator<Uint8Array>;
  readonly #style: 'http' | 'cgi';
  readonly #method: string;
  #pending = Buffer.alloc(0);
  #head: Head | undefined;
  #pieces: AsyncGenerator<Buffer> | undefined;
  #received: Buffer[] = [];
  #size = 0;
  #cut = false;

  /**
   * @param source bytes of the connection; that it throws means that the connection broke
   * @param style whether the head begins with a status line, or with `Status:`
   * @param method of the request: the response to HEAD has no body
   */
  constructor(source: AsyncIterator<Uint8Array>, style: 'http' | 'cgi', method: string) {
    this.#source = source;
    this.#style = style;
    this.#method = method;
  }

  /** Reads until `size` bytes of the body have come, or all of it. Status 0: not even the head came. */
  async read(size: number): Promise<Response> {
    try {
      this.#head ??= await this.#readHead();
      this.#pieces ??= this.#style === 'http' ? this.#httpBody(this.#head) : this.#rest();
      while (this.#size < size) {
        const { done, value } = await this.#pieces.next();
        if (done === true) break;
        this.#received.push(value);
        this.#size += value.length;
      }
    } catch (error) {
      if (!(error instanceof Cut)) throw error;
      this.#cut = true;
      this.#head ??= { status: 0, reason: error.message, headers: [] };
    }
    return toResponse(this.#head, Buffer.concat(this.#received), !this.#cut && this.#isWhole());
  }

  /** Bytes that came behind a response which says where it ends. */
  async trailing(): Promise<Buffer> {
    try {
      while (await this.#more());
    } catch (error) {
      if (!(error instanceof Cut)) throw error;
    }
    return this.#pending;
  }

  /** Whether the body has its announced length. HTTP's framing is checked as it is read. */
  #isWhole(): boolean {
    if (this.#style === 'http' || hasNoBody(this.#head!, this.#method)) return true;
    const length = valueOf(this.#head!.headers, 'content-length');
    return length === undefined || Number(length) === this.#size;
  }

  async #readHead(): Promise<Head> {
    for (;;) {
      const lines: string[] = [];
      for (let line = await this.#line(); line !== ''; line = await this.#line()) lines.push(line);
      const head = parseHead(lines, this.#style);
      // An interim response precedes the real one (RFC 9110 § 15.2). CGI has none.
      if (this.#style === 'cgi' || head.status >= 200) return head;
    }
  }

  async *#httpBody({ status, headers }: Head): AsyncGenerator<Buffer> {
    const length = valueOf(headers, 'content-length');
    const coding = valueOf(headers, 'transfer-encoding');
    if (length !== undefined && coding !== undefined) throw new Error('both lengths');
    if (hasNoBody({ status }, this.#method)) return;
    if (coding !== undefined) {
      if (coding !== 'chunked') throw new Error(`Transfer-Encoding: ${coding}`);
      yield* this.#chunked();
    } else if (length !== undefined) {
      if (!/^\d+$/.test(length)) throw new Error(`Content-Length: ${length}`);
      yield* this.#exactly(Number(length));
    } else {
      yield* this.#rest();
    }
  }

  async *#chunked(): AsyncGenerator<Buffer> {
    for (;;) {
      const size = await this.#line();
      if (!/^[0-9A-Fa-f]+$/.test(size)) throw new Error(`chunk size ${JSON.stringify(size)}`);
      const length = parseInt(size, 16);
      if (length === 0) break;
      yield* this.#exactly(length);
      if ((await this.#line()) !== '') throw new Error('a chunk is longer than its size');
    }
    if ((await this.#line()) !== '') throw new Error('trailers, which nobody asked for');
  }

  async *#exactly(length: number): AsyncGenerator<Buffer> {
    for (let left = length; left > 0;) {
      if (this.#pending.length === 0 && !(await this.#more())) throw new Cut('ended short');
      const piece = this.#pending.subarray(0, left);
      this.#pending = this.#pending.subarray(piece.length);
      left -= piece.length;
      yield piece;
    }
  }

  async *#rest(): AsyncGenerator<Buffer> {
    for (;;) {
      if (this.#pending.length > 0) {
        const piece = this.#pending;
        this.#pending = Buffer.alloc(0);
        yield piece;
      }
      if (!(await this.#more())) return;
    }
  }

  /** The next line, which ends with CR LF and with nothing else. */
  async #line(): Promise<string> {
    for (let searched = 0; ;) {
      const end = this.#pending.indexOf('\n', searched);
      if (end >= 0) {
        const line = this.#pending.toString('latin1', 0, end);
        this.#pending = this.#pending.subarray(end + 1);
        if (!line.endsWith('\r')) throw new Error(`line without CR: ${JSON.stringify(line)}`);
        return line.slice(0, -1);
      }
      searched = this.#pending.length;
      if (!(await this.#more())) throw new Cut(`ended in ${JSON.stringify(String(this.#pending))}`);
    }
  }

  async #more(): Promise<boolean> {
    const step = await this.#source.next().catch((error: unknown) => {
      throw new Cut('the connection broke', { cause: error });
    });
    if (step.done === true) return false;
    this.#pending = Buffer.concat([this.#pending, step.value]);
    return true;
  }
}

function parseHead(lines: readonly string[], style: 'http' | 'cgi'): Head {
  // `Status` may stand anywhere among the headers (RFC 3875 § 6.3), but has to be there.
  const at = style === 'http' ? 0 : lines.findIndex((line) => STATUS_FIELD.test(line));
  const match = (style === 'http' ? STATUS_LINE : STATUS_FIELD).exec(lines[at] ?? '');
  if (match === null) throw new Error(`no status in ${JSON.stringify(lines)}`);
  const headers = lines.toSpliced(at, 1).map((line): [string, string] => {
    const field = FIELD.exec(line);
    if (field === null) throw new Error(`header ${JSON.stringify(line)}`);
    return [field[1]!.toLowerCase(), field[2]!];
  });
  if (style === 'cgi' && headers.some(([name]) => name === 'status')) throw new Error('two Status');
  return { status: Number(match[1]), reason: match[2]!, headers };
}

/** RFC 9112 § 6.3, 1. */
function hasNoBody({ status }: Pick<Head, 'status'>, method: string): boolean {
  return method === 'HEAD' || status < 200 || status === 204 || status === 304;
}

function valueOf(headers: Head['headers'], name: string): string | undefined {
  const values = headers.filter((header) => header[0] === name).map((header) => header[1]);
  return values.length === 0 ? undefined : values.join(', ');
}

function toResponse(head: Head, body: Buffer, complete: boolean): Response {
  return {
    ...head,
    header: (name) => valueOf(head.headers, name),
    body,
    text: body.toString(),
    complete,
  };
}
