/** Status, headers and length of one response: PEP 3333's rules for them, without any I/O. */

import { ApplicationError } from '../errors.ts';
import { checkHeaders, checkStatus } from './headers.ts';
import type { CheckedHeaders } from './headers.ts';
import { forbidsContentLength, isBodiless } from './status.ts';
import type { HeaderList } from '../types.ts';

/** What was thrown, as `startResponse` was given it; present even when that is undefined. */
export interface ExcInfo {
  error: unknown;
}

/** What an application has said of its response, and how much of it has left. */
export class ResponseState {
  #called = false; // startResponse was called, even if that call threw
  #tooLate: ExcInfo | undefined; // passed to startResponse after the headers had left
  /** `''` until startResponse has succeeded. */
  status = '';
  headers: CheckedHeaders | undefined;
  headersSent = false;
  /** No body follows the headers, whatever the application yields. Known once they have left. */
  isBodiless = false;
  /** Bytes of the body that have been sent. */
  sent = 0;

  /**
   * `startResponse`: stores, and transmits nothing.
   *
   * @throws {ApplicationError} for a second call without `excInfo`
   * @throws {HeaderError} for what no response may carry
   * @throws what `excInfo` holds, when it comes too late
   */
  start(status: string, headers: HeaderList, excInfo: ExcInfo | undefined): void {
    if (excInfo !== undefined) {
      if (this.headersSent) {
        this.#tooLate = excInfo;
        throw excInfo.error;
      }
    } else if (this.#called) {
      throw new ApplicationError('Headers already set: startResponse was called a second time');
    }
    this.#called = true;
    this.status = '';
    checkStatus(status);
    this.headers = checkHeaders(headers);
    this.status = status;
  }

  /**
   * Throws what `startResponse` has thrown because it came too late. Even if the application swallows
   * that, its response has become something else midway.
   */
  check(): void {
    if (this.#tooLate !== undefined) throw this.#tooLate.error;
  }

  /**
   * The headers are about to leave: what depends on the body is settled now.
   *
   * @param isHead whether the request's method is HEAD
   * @param length of the whole body, where it is known
   * @throws {ApplicationError} when startResponse has not been called
   */
  settle(isHead: boolean, length: number | undefined): CheckedHeaders {
    const { headers, status } = this;
    if (headers === undefined || status === '') {
      throw new ApplicationError(
        this.#called
          ? 'startResponse failed, and a body came all the same'
          : 'the application sent a body, or ended it, without calling startResponse',
      );
    }
    const never = isBodiless(status);
    this.isBodiless = isHead || never;
    if (forbidsContentLength(status)) {
      headers.list = headers.list.filter(([name]) => name.toLowerCase() !== 'content-length');
      headers.contentLength = -1;
    } else if (headers.contentLength < 0 && length !== undefined) {
      // An empty body of a HEAD request or a 304 tells nothing of the length that GET would have had.
      if (length > 0 ? !never : !this.isBodiless) {
        headers.list.push(['Content-Length', String(length)]);
        headers.contentLength = length;
      }
    }
    return headers;
  }

  /** How many more bytes Content-Length allows; Infinity when there is none. */
  get allowed(): number {
    const declared = this.headers!.contentLength;
    return declared < 0 ? Infinity : declared - this.sent;
  }

  /** How many bytes Content-Length has promised that were not sent. */
  get missing(): number {
    return this.isBodiless ? 0 : Math.max(0, this.headers!.contentLength - this.sent);
  }
}
