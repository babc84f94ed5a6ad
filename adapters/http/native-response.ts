/**
 * The response of a Node listener: node:http's own, with the rules that hold for every response.
 *
 * Three methods of the object are replaced. They are properties of its own, because Express replaces the prototype; and
 * functions that all responses share, because a closure for each would cost more. What they find goes to the handler, where
 * the rules are.
 */

import type { ServerResponse } from 'node:http';

import { isLate, refuseLate } from '../../src/apps/node/objects/late-write.ts';
import { ApplicationError } from '../../src/errors.ts';
import { forbidsContentLength } from '../../src/response/status.ts';
import { isCoded, lengthIn, valueOf, withoutLength } from './native-head.ts';
import type { GivenHeaders } from './native-head.ts';

/** The head of a response, before node:http writes it. */
export interface NativeHead {
  /** `200 OK`. */
  status: string;
  /** -1 when there is none. */
  contentLength: number;
  hasServer: boolean;
}

/** The handler, as its response sees it. */
export interface ResponseOwner {
  /** Whether bytes have to be counted although no Content-Length bounds them. */
  readonly countsBytes: boolean;
  /** Value of the `Server` header, or false. */
  readonly serverHeader: string | false;
  /** The head is about to be written. Called before and after node:http has done it. @throws to refuse it */
  beforeHead(head: NativeHead): void;
  afterHead(head: NativeHead): void;
  /** Bytes of the body. @returns those that may be sent */
  takeBytes(bytes: Uint8Array): Uint8Array;
  /** Bytes that Content-Length has promised and that were not sent. */
  readonly missing: number;
  /** How many more bytes Content-Length allows. */
  readonly allowed: number;
  addSent(length: number): void;
  /** The listener has ended the response before its Content-Length. */
  endedShort(): void;
  /** The listener has ended the response. */
  endedWhole(): void;
  /** The listener has written after the end. */
  wroteLate(error: ApplicationError): void;
  /** Output waits for the client. */
  watchOutput(): void;
}

const OWNER = Symbol('handler');

/** Members of node:http's class that its types do not have. */
export interface NativeResponse extends Omit<ServerResponse, 'end'> {
  [OWNER]: ResponseOwner;
  end: (...args: unknown[]) => this;
  _header: string | null;
  _hasBody: boolean;
  _last: boolean;
  _contentLength: number | null;
  _keepAliveTimeout: number;
  _storeHeader(firstLine: string, headers: GivenHeaders): void;
  _implicitHeader(): void;
}

type Callback = (error?: Error | null) => void;

/** Applies the rules to a response. */
export function bindResponse(response: ServerResponse, owner: ResponseOwner): void {
  const native = response as unknown as NativeResponse;
  native[OWNER] = owner;
  native._storeHeader = storeHeader;
  native.write = write;
  native.end = end as NativeResponse['end'];
}

/** Ignores what the listener still writes. */
export function silenceResponse(response: ServerResponse): void {
  response.write = ignoreWrite;
  response.end = ignoreEnd as ServerResponse['end'];
}

function ignoreWrite(...args: unknown[]): boolean {
  tellIgnored(args);
  return false;
}

function ignoreEnd(this: ServerResponse, ...args: unknown[]): ServerResponse {
  tellIgnored(args);
  return this;
}

function tellIgnored(args: readonly unknown[]): void {
  const callback = args.find((arg): arg is Callback => typeof arg === 'function');
  const error = new ApplicationError('the request has been answered by the gateway');
  if (callback !== undefined) process.nextTick(callback, error);
}

// ---- the head

/** Called by node:http with the status line, line end included, and the headers. */
function storeHeader(this: NativeResponse, firstLine: string, given: GivenHeaders): void {
  const owner = this[OWNER];
  const status = firstLine.slice('HTTP/1.1 '.length, -2);
  let headers = given;
  let contentLength = lengthIn(this, headers);
  if (contentLength >= 0 && (forbidsContentLength(status) || isCoded(this, headers))) {
    headers = withoutLength(this, headers);
    contentLength = -1;
  }
  const head: NativeHead = {
    status,
    contentLength,
    hasServer: valueOf(this, headers, 'server') !== undefined,
  };
  owner.beforeHead(head);
  const addsServer = !head.hasServer && owner.serverHeader !== false;
  const start = addsServer ? `${firstLine}Server: ${owner.serverHeader}\r\n` : firstLine;
  prototypeOf(this)._storeHeader.call(this, start, headers);
  owner.afterHead(head);
}

// ---- the body

function write(
  this: NativeResponse,
  chunk: string | Uint8Array,
  encoding?: BufferEncoding | Callback,
  callback?: Callback,
): boolean {
  if (typeof encoding === 'function') return write.call(this, chunk, undefined, encoding);
  const base = prototypeOf(this).write;
  let bytes = chunk;
  if (isUnheard(this, chunk)) {
    this[OWNER].wroteLate(refuseLate(callback));
    return false;
  }
  if (isChunk(chunk) && !isOver(this)) {
    if (this._header === null) this._implicitHeader();
    bytes = take(this, chunk, encoding);
  }
  const takesMore = base.call(this, bytes as string, encoding as BufferEncoding, callback);
  if (!takesMore) this[OWNER].watchOutput();
  return takesMore;
}

function end(
  this: NativeResponse,
  chunk?: string | Uint8Array | Callback | null,
  encoding?: BufferEncoding | Callback | null,
  callback?: Callback,
): NativeResponse {
  if (typeof chunk === 'function') return end.call(this, undefined, undefined, chunk);
  if (typeof encoding === 'function') return end.call(this, chunk, undefined, encoding);
  const owner = this[OWNER];
  let last = chunk;
  if (isUnheard(this, chunk)) {
    owner.wroteLate(refuseLate(callback));
    return this;
  }
  if (!isOver(this)) {
    // node:http adds the length of the last chunk if there is no other.
    if (this._header === null && this.hasHeader('content-length')) this._implicitHeader();
    if (this._header === null) {
      prototypeOf(this).end.call(this, chunk, encoding, callback);
      if (owner.countsBytes && isChunk(chunk) && this._hasBody) counted(owner, chunk, encoding);
      owner.endedWhole();
      return this;
    }
    if (isChunk(chunk)) last = take(this, chunk, encoding);
    if (owner.missing > 0) {
      if (isChunk(last)) prototypeOf(this).write.call(this, last, encoding as BufferEncoding);
      owner.endedShort();
      return this;
    }
  }
  prototypeOf(this).end.call(this, last, encoding, callback);
  owner.endedWhole();
  return this;
}

/** Whether a chunk comes after the end, and nobody listens for the error: node:http would throw it at the process. */
function isUnheard(response: NativeResponse, chunk: unknown): boolean {
  return (
    isLate(response as unknown as ServerResponse, chunk) && response.listenerCount('error') === 0
  );
}

/** node:http has an error for what comes then. */
function isOver(response: NativeResponse): boolean {
  return response.writableEnded || response.destroyed;
}

/** node:http throws for any other. */
function isChunk(chunk: unknown): chunk is string | Uint8Array {
  return typeof chunk === 'string' || chunk instanceof Uint8Array;
}

/** Never more bytes than Content-Length. Text stays text as long as all of it may be sent. */
function take(
  response: NativeResponse,
  chunk: string | Uint8Array,
  encoding: BufferEncoding | null | undefined,
): string | Uint8Array {
  const owner = response[OWNER];
  if (!response._hasBody) return chunk; // node:http drops it
  if (owner.allowed === Infinity)
    return owner.countsBytes ? counted(owner, chunk, encoding) : chunk;
  if (sizeOf(chunk, encoding) <= owner.allowed) return counted(owner, chunk, encoding);
  const bytes = typeof chunk === 'string' ? Buffer.from(chunk, encoding ?? 'utf8') : chunk;
  return owner.takeBytes(bytes);
}

function counted<T extends string | Uint8Array>(
  owner: ResponseOwner,
  chunk: T,
  encoding: BufferEncoding | null | undefined,
): T {
  owner.addSent(sizeOf(chunk, encoding));
  return chunk;
}

function sizeOf(chunk: string | Uint8Array, encoding: BufferEncoding | null | undefined): number {
  return typeof chunk === 'string' ? Buffer.byteLength(chunk, encoding ?? 'utf8') : chunk.length;
}

function prototypeOf(response: NativeResponse): NativeResponse {
  return Object.getPrototypeOf(response) as NativeResponse;
}
