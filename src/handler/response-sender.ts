/**
 * One response on its way to the gateway: the head leaves with the first bytes, and never more bytes than
 * Content-Length says (PEP 3333, "The start_response() Callable" and "Handling the Content-Length Header").
 */

import { EMPTY, partOf } from '../bytes.ts';
import { ApplicationError } from '../errors.ts';
import { warnOnce } from '../logging/log.ts';
import { toBytes, toLastChunk } from '../response/chunk.ts';
import type { RawChunk } from '../response/chunk.ts';
import type { FileWrapper } from '../response/file-wrapper.ts';
import { addIncremental } from '../response/incremental.ts';
import { ResponseState } from '../response/response.ts';
import type { StartResponse } from '../types.ts';
import { HandlerHooks } from './handler-hooks.ts';

/** What an application says with `startResponse` and `write`, and the chunks of its body, as calls of the gateway. */
export abstract class ResponseSender extends HandlerHooks {
  /** What the application has said of its response, and how much of it has left. @internal */
  protected readonly responseState = new ResponseState();
  /** Whether the method is HEAD: the head is sent, and no body. @internal */
  protected isHead = false;
  /** The response was completed or broken off. @internal */
  protected ended = false;
  /** The client has left, or the request was given up: nothing more is sent. @internal */
  protected gone = false;
  /** An error is being answered, which may take a while: the application has no say any more. @internal */
  protected failed = false;
  #isFile = false; // the body is a FileWrapper, which may have more than is sent
  #isTooLong = false; // the body has more than Content-Length allows, which is said once
  #draining: Promise<void> | undefined; // what write() has returned last

  /** Whether status and headers have left. */
  get headersSent(): boolean {
    return this.responseState.headersSent;
  }

  /** Whether the response is over: completed, broken off, or without anyone to take it. */
  get isOver(): boolean {
    return this.ended || this.gone;
  }

  // ---- what the application calls

  /** @param isErrorAnswer for the answer to an error, after which the application has no say any more @internal */
  protected makeStartResponse(isErrorAnswer = false): StartResponse {
    // `excInfo` counts by being passed: anything can be thrown, undefined too.
    return (status, headers, ...excInfo: unknown[]) => {
      if (this.failed && !isErrorAnswer)
        throw new ApplicationError('startResponse() was called after an error');
      this.responseState.start(
        status,
        headers,
        excInfo.length > 0 ? { error: excInfo[0] } : undefined,
      );
      return (chunk) => this.#write(chunk);
    };
  }

  #write(chunk: Uint8Array | string): Promise<void> | undefined {
    const bytes = toBytes(chunk);
    if (this.gone) return undefined;
    if (this.ended || this.failed) {
      throw new ApplicationError('write() was called after the response had ended');
    }
    return this.#transmit(bytes) ? undefined : (this.#draining ??= this.#drain());
  }

  /** One wait for all: an application that does not await its writes would have one for each chunk. */
  async #drain(): Promise<void> {
    await this.drained();
    this.#draining = undefined;
  }

  // ---- the body

  /** Whether nothing more of the body will be sent, so that it need not be asked for more. @internal */
  protected get bodyIsOver(): boolean {
    const response = this.responseState;
    if (this.gone || !response.headersSent) return this.gone;
    if (response.isBodiless || this.#isTooLong) return true;
    // A file is sent as far as its Content-Length (PEP 3333): it may be longer, or never end.
    return this.#isFile && response.allowed === 0;
  }

  /**
   * The body is a file. Lets the front end send it, where that is possible.
   *
   * @returns whether the front end does
   * @internal
   */
  protected delegate(file: FileWrapper): boolean {
    this.#isFile = true;
    const response = this.responseState;
    if (response.headersSent || response.status === '') return false;
    const headers = this.sendfile(file, response.status, response.headers!);
    if (headers !== undefined) response.headers = headers;
    return headers !== undefined;
  }

  /**
   * Sends a chunk of the body.
   *
   * @returns whether the gateway takes more at once
   * @throws {ApplicationError} for what is no chunk, and where startResponse was not called
   * @internal
   */
  protected sendChunk(raw: RawChunk): boolean {
    const bytes = toBytes(raw);
    // An empty chunk does not send the head.
    if (this.gone || bytes.length === 0) return true;
    return this.#transmit(bytes);
  }

  #transmit(bytes: Uint8Array): boolean {
    const response = this.responseState;
    response.check();
    const head = this.#takeHead(undefined);
    const allowed = response.isBodiless ? EMPTY : this.withinLength(bytes);
    if (head === '' && allowed.length === 0) return true;
    response.sent += allowed.length;
    return this.send(head, allowed);
  }

  /**
   * Completes the response with a chunk that nothing follows. @throws as {@link sendChunk} and {@link complete}
   * @internal
   */
  protected completeWith(raw: RawChunk): void {
    this.complete(this.takesText ? toLastChunk(raw) : toBytes(raw));
  }

  /**
   * Completes the response.
   *
   * @param last what nothing follows, a byte string or bytes; unless others have left before, their length is that of
   *   the body
   * @throws {ApplicationError} when the body is shorter than its Content-Length, and where startResponse was not called
   * @internal
   */
  protected complete(last?: Uint8Array | string): void {
    if (this.gone) return;
    const response = this.responseState;
    response.check();
    const head = this.#takeHead(last?.length ?? 0);
    let allowed: Uint8Array | string | undefined;
    if (last !== undefined && last.length > 0 && !response.isBodiless) {
      allowed = this.withinLength(last);
      response.sent += allowed.length;
    }
    const { missing } = response;
    if (missing > 0) {
      if (head !== '') this.send(head, toBytes(allowed ?? EMPTY));
      throw bodyTooShort(missing);
    }
    this.ended = true;
    this.finish(head, allowed);
  }

  /** Ends the response as broken: the client must not take it for a complete one. @internal */
  protected breakOff(): void {
    this.ended = true;
    this.abandon();
  }

  /**
   * What goes before the next bytes of the body: the head, or nothing when it has left.
   *
   * @param length of the whole body, where it is known
   */
  #takeHead(length: number | undefined): string {
    const response = this.responseState;
    if (response.headersSent) return '';
    const headers = response.settle(this.isHead, length);
    const isStreamed = length === undefined && headers.contentLength < 0;
    if (isStreamed && (this.isHead || !response.isBodiless)) {
      addIncremental(headers, this.environ?.['SERVER_SOFTWARE']);
    }
    if (headers.hasLocation && !this.originServer) this.#checkLocation(response.status);
    const head = this.formatHead(response.status, headers);
    response.headersSent = true; // unless the gateway could not make one
    return head;
  }

  /** RFC 3875 § 6.2: to a CGI server Location says which page to send, unless a status says something else. */
  #checkLocation(status: string): void {
    if (!status.startsWith('200')) return;
    warnOnce(
      this.log,
      `${this.gateway}: a response with status 200 has a Location header: Apache sends the page at that location instead. ` +
        'Use Content-Location, or a status 201 or 3xx',
    );
  }

  /** Never more than Content-Length says: what is more is dropped, and said once. @internal */
  protected withinLength<T extends Uint8Array | string>(bytes: T): T {
    const { allowed } = this.responseState;
    if (bytes.length <= allowed) return bytes;
    if (!this.#isTooLong && !this.#isFile) {
      this.#isTooLong = true;
      const declared = this.responseState.headers!.contentLength;
      this.getErrors().write(
        `the application sent more than its Content-Length of ${declared} bytes; the excess was dropped\n`,
      );
    }
    return partOf(bytes, 0, allowed);
  }
}

/** The error of a body that is shorter than its Content-Length. @internal */
export function bodyTooShort(missing: number): ApplicationError {
  return new ApplicationError(`the body ended ${missing} bytes before its Content-Length`);
}
