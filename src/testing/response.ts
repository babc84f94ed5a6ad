/** The response of the test client. */

import { Headers } from '../response/header-list.ts';
import { isHopByHop } from '../response/headers.ts';
import type { HeaderList } from '../types.ts';

/**
 * How a response ended: `complete`; `broken`, so that the client cannot take it for complete; or with
 * the client having `left`.
 */
export type Outcome = 'complete' | 'broken' | 'left';

/** A response as a {@link TestDriver} gives it. */
export interface RawResponse {
  /** `'200 OK'`; `''` when none came. */
  status: string;
  /** In the order in which they came. */
  headers: HeaderList;
  /** The pieces of the body in which it came. */
  chunks: readonly Uint8Array[];
  /** How the response ended. */
  outcome: Outcome;
  /** What was written to `wsgi.errors`, as far as it can be told; default `''`. */
  errors?: string;
  /** What the application threw, where that can be told. A {@link TestClient} throws it unless `throwErrors` is false. */
  error?: unknown;
}

/** The response to a test's request, whole. */
export class TestResponse {
  /** The status code: `200`; 0 when none came. */
  readonly status: number;
  /** The reason phrase: `'OK'`. */
  readonly reason: string;
  /** As sent, without those that belong to the connection. */
  readonly headers: Headers;
  /** The body in the pieces in which it came. Where the pieces went over a network, it may have cut them anew. */
  readonly chunks: readonly Buffer[];
  /** How the response ended. */
  readonly outcome: Outcome;
  /**
   * What was written to `wsgi.errors`, and what the gateway logged: where the application is called
   * directly. A server keeps them to itself.
   */
  readonly errors: string;
  /** What the application threw, first of all; where it is called directly, and `throwErrors` is false. */
  readonly error: unknown;

  /** @throws {HeaderError} for a header that no response may carry */
  constructor(raw: RawResponse) {
    this.status = Number(raw.status.slice(0, 3));
    this.reason = raw.status.slice(4);
    this.headers = new Headers(raw.headers.filter(([name]) => !isHopByHop(name)));
    this.chunks = raw.chunks.map((chunk) => Buffer.from(chunk));
    this.outcome = raw.outcome;
    this.errors = raw.errors ?? '';
    this.error = raw.error;
  }

  /** The body, in one piece. */
  get body(): Buffer {
    return Buffer.concat(this.chunks);
  }

  /** The body as UTF-8. */
  text(): string {
    return this.body.toString('utf8');
  }

  /**
   * The body as JSON.
   *
   * @throws {SyntaxError} when it is none
   */
  json(): unknown {
    return JSON.parse(this.text());
  }
}
