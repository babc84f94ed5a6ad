/**
 * FastCGI 1.0 from the web server's side, written from the specification for the tests alone: what
 * the implementation sends and takes is not judged by its own codec.
 */

import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';

import { Arrivals } from './arrivals.ts';
import type { Source } from './arrivals.ts';
import type { SuiteRequest, Wire } from './types.ts';
import { bodyOf, cgiPairs } from './variables.ts';

/** § 8, "Values for type component of FCGI_Header". */
export const TYPE = {
  BEGIN_REQUEST: 1,
  ABORT_REQUEST: 2,
  END_REQUEST: 3,
  PARAMS: 4,
  STDIN: 5,
  STDOUT: 6,
  STDERR: 7,
  DATA: 8,
  GET_VALUES: 9,
  GET_VALUES_RESULT: 10,
  UNKNOWN_TYPE: 11,
} as const;

const RESPONDER = 1;
const KEEP_CONN = 1;

export interface FastCgiRecord {
  type: number;
  id: number;
  content: Buffer;
  padding: Buffer;
}

/**
 *     version 1 | type | requestId (2) | contentLength (2) | paddingLength | reserved   (§ 3.3)
 */
export function encodeRecord(type: number, id: number, content: Uint8Array, padding = 0): Buffer {
  const header = Buffer.alloc(8);
  header[0] = 1;
  header[1] = type;
  header.writeUInt16BE(id, 2);
  header.writeUInt16BE(content.length, 4);
  header[6] = padding;
  // What is in the padding is nobody's business (§ 3.3): here it would be seen.
  return Buffer.concat([header, content, Buffer.alloc(padding, 0xff)]);
}

/** A stream of records, closed by an empty one. */
export function encodeStream(type: number, id: number, bytes: Uint8Array, size = 65_535): Buffer {
  const records: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += size) {
    const content = bytes.subarray(at, at + size);
    records.push(encodeRecord(type, id, content, (8 - (content.length % 8)) % 8));
  }
  return Buffer.concat([...records, encodeRecord(type, id, Buffer.alloc(0))]);
}

/** Names and values as byte strings (§ 3.4). */
export function encodePairs(pairs: Iterable<readonly [name: string, value: string]>): Buffer {
  const parts: Buffer[] = [];
  for (const [name, value] of pairs) {
    parts.push(encodeLength(name.length), encodeLength(value.length));
    parts.push(Buffer.from(name, 'latin1'), Buffer.from(value, 'latin1'));
  }
  return Buffer.concat(parts);
}

function encodeLength(length: number): Buffer {
  if (length < 128) return Buffer.from([length]);
  const four = Buffer.alloc(4);
  four.writeUInt32BE(length + 0x80000000);
  return four;
}

export function encodeBegin(id: number, flags: number, role = RESPONDER): Buffer {
  return encodeRecord(TYPE.BEGIN_REQUEST, id, Buffer.from([0, role, flags, 0, 0, 0, 0, 0]));
}

/** Takes records out of a stream of bytes. */
export class RecordParser {
  #pending = Buffer.alloc(0);
  /** Whether the last eight bytes were no record: a broken response, on a unix socket. */
  isBrokenOff = false;

  feed(chunk: Buffer): FastCgiRecord[] {
    this.#pending = Buffer.concat([this.#pending, chunk]);
    const records: FastCgiRecord[] = [];
    while (this.#pending.length >= 8) {
      const bytes = this.#pending;
      this.isBrokenOff = bytes.equals(Buffer.alloc(8));
      if (this.isBrokenOff) break;
      const contentEnd = 8 + bytes.readUInt16BE(4);
      const end = contentEnd + bytes[6]!;
      if (bytes.length < end) break;
      if (bytes[0] !== 1) throw new Error(`FastCGI version ${bytes[0]}`);
      records.push({
        type: bytes[1]!,
        id: bytes.readUInt16BE(2),
        content: bytes.subarray(8, contentEnd),
        padding: bytes.subarray(contentEnd, end),
      });
      this.#pending = bytes.subarray(end);
    }
    return records;
  }
}

/** One request on a connection. */
class Exchange {
  readonly arrivals: Arrivals;
  readonly clean: Promise<boolean>;
  #settle!: (clean: boolean) => void;
  #stdoutClosed = false;

  constructor(source: Source) {
    this.arrivals = new Arrivals(source);
    this.clean = new Promise((resolve) => (this.#settle = resolve));
  }

  stdout(content: Buffer): void {
    if (this.#stdoutClosed) throw new Error('STDOUT after its end');
    if (content.length > 0) this.arrivals.push(content);
    else this.#stdoutClosed = true;
  }

  /** `appStatus (4) | protocolStatus | reserved (3)` (§ 5.5). */
  end(content: Buffer): void {
    if (content.length !== 8) throw new Error('END_REQUEST of a wrong size');
    this.#settle(this.#stdoutClosed && content.readUInt32BE(0) === 0 && content[4] === 0);
    this.arrivals.end();
  }

  broke(): void {
    this.#settle(false);
    this.arrivals.end(new Error('the connection was closed before END_REQUEST'));
  }
}

/** A connection to an application. Requests on it may overlap. */
export class FastCgiConnection {
  readonly #socket: Socket;
  readonly #keep: boolean;
  readonly #stderr: (text: string) => void;
  readonly #parser = new RecordParser();
  readonly #exchanges = new Map<number, Exchange>();
  readonly #wanted = new Set<number>(); // requests of which somebody wants to read
  #lastId = 0;

  /**
   * @param keep whether the connection is for more than one request (FCGI_KEEP_CONN)
   * @param stderr takes what the application writes to its errors
   */
  static async open(
    port: number,
    keep: boolean,
    stderr: (text: string) => void,
  ): Promise<FastCgiConnection> {
    const socket = connect({ port, host: '127.0.0.1' });
    await once(socket, 'connect');
    return new FastCgiConnection(socket, keep, stderr);
  }

  private constructor(socket: Socket, keep: boolean, stderr: (text: string) => void) {
    this.#socket = socket;
    this.#keep = keep;
    this.#stderr = stderr;
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('error', () => {});
    socket.on('close', () => {
      for (const exchange of this.#exchanges.values()) exchange.broke();
    });
  }

  get closed(): boolean {
    return this.#socket.destroyed || this.#socket.readableEnded;
  }

  request(request: SuiteRequest): Wire {
    const id = ++this.#lastId;
    const exchange = new Exchange({
      resume: () => this.#want(id),
      pause: () => this.#leaveUnread(id),
    });
    this.#exchanges.set(id, exchange);
    const body = Buffer.concat([bodyOf(request), Buffer.from(request.excess ?? '')]);
    const stdin = encodeStream(TYPE.STDIN, id, body);
    this.#socket.write(
      Buffer.concat([
        encodeBegin(id, this.#keep ? KEEP_CONN : 0),
        encodeStream(TYPE.PARAMS, id, encodePairs(cgiPairs(request))),
        request.unfinished === true ? stdin.subarray(0, -8) : stdin,
      ]),
    );
    return {
      output: exchange.arrivals,
      style: 'cgi',
      clean: exchange.clean,
      leave: () => this.#leave(id),
    };
  }

  /** What comes for the others is kept for them meanwhile. */
  #want(id: number): void {
    this.#wanted.add(id);
    this.#socket.resume();
  }

  #leaveUnread(id: number): void {
    this.#wanted.delete(id);
    if (this.#wanted.size === 0) this.#socket.pause();
  }

  /** A connection of its own is closed; on a shared one, ABORT_REQUEST says it (§ 5.4). */
  #leave(id: number): void {
    const exchange = this.#exchanges.get(id);
    if (!this.#keep) this.close();
    if (exchange === undefined || this.closed) return;
    this.#socket.write(encodeRecord(TYPE.ABORT_REQUEST, id, Buffer.alloc(0)));
    exchange.arrivals.discard(); // its END_REQUEST is still to come
  }

  close(): void {
    this.#socket.destroy();
  }

  #receive(chunk: Buffer): void {
    for (const { type, id, content, padding } of this.#parser.feed(chunk)) {
      const exchange = this.#exchanges.get(id);
      if (exchange === undefined) throw new Error(`record of type ${type} for request ${id}`);
      if (padding.some((byte) => byte !== 0)) throw new Error('something is in the padding');
      if (type === TYPE.STDOUT) exchange.stdout(content);
      else if (type === TYPE.STDERR) {
        if (content.length > 0 && padding.length === 0) throw new Error('HAProxy would crash');
        this.#stderr(content.toString('latin1'));
      } else if (type !== TYPE.END_REQUEST) throw new Error(`record of type ${type}`);
      else {
        this.#exchanges.delete(id);
        exchange.end(content);
        this.#leaveUnread(id);
      }
    }
  }
}
