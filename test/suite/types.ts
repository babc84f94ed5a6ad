/**
 * The conformance suite: rows `(name, request, application, check)`, each of them shown through
 * every gateway.
 *
 * A row's application runs wherever its gateway runs, mostly in another process, its check in the
 * test. So the two share no variables: the application tells of what it saw with `report()`, and
 * the check learns of it through {@link Visit.event}.
 */

import type { ApplicationFunction, GatewayName } from '../../src/types.ts';

/** What not every gateway, or not every front end, can show. */
export type Capability =
  /** A response that breaks without a Content-Length is told from a complete one. */
  | 'cut'
  /** A response that is shorter than its Content-Length is told from a complete one. */
  | 'shortResponse'
  /** A response can begin to come while the upload is still going. */
  | 'duplex'
  /** Each piece of a response arrives when it was sent. */
  | 'streams'
  /** The gateway learns that the client left while nothing is being sent. */
  | 'idleDeparture'
  /** An upload reaches the application before it is complete. */
  | 'partialUpload'
  /** A large upload that the application does not read is answered every time. */
  | 'unreadUpload'
  /** The transport can end a request body before its CONTENT_LENGTH. */
  | 'shortUpload'
  /** The transport can hold bytes behind the end of the request body. */
  | 'excessUpload'
  /** Nothing is made up about the body that a 304 does not have. */
  | 'bare304'
  /** The gateway can tell that a header has come twice. */
  | 'repeats'
  /** Where it comes twice, both values arrive. */
  | 'bothValues'
  /** Variables hold any bytes, UTF-8 or not. */
  | 'anyBytes'
  /** An error that nobody catches may be thrown: the gateway's process is not the test's own. */
  | 'uncaught';

export interface SuiteRequest {
  /** Default GET. */
  method?: string;
  /** Request target as sent. Default `/`. */
  target?: string;
  /** Byte strings. Content-Length is added for a body, unless it is given here. */
  headers?: readonly (readonly [name: string, value: string])[];
  body?: string | Uint8Array;
  /** The client has announced more, and leaves it open whether that will come. */
  unfinished?: boolean;
  /** Sent behind the body, where the transport can hold it. */
  excess?: string;
}

/** A row of the suite. */
export interface Row {
  /** The rule of the contract that it shows (src/README.md). */
  rule: number;
  /** In words; unique, for it is how the application is found. */
  name: string;
  /** Default: GET /. */
  request?: SuiteRequest;
  application: ApplicationFunction | Alone;
  check(visit: Visit): Promise<void> | void;
  /** What it takes to be shown. */
  needs?: readonly Capability[];
  /** Why the application breaks the contract on purpose, so that the validator may not be around it. */
  breaks?: string;
}

/** An application that is served by itself, because its shape is what the row is about. */
export interface Alone {
  /** The name under which `shapes.mjs` exports it. */
  alone: string;
}

/** A response as the client of a gateway or front end got it. */
export interface Response {
  status: number;
  reason: string;
  /** Names in lower case. */
  headers: [name: string, value: string][];
  /** All values of a header, joined; undefined when there is none. */
  header(name: string): string | undefined;
  body: Buffer;
  text: string;
  /** Whether the client could take it for a whole response. */
  complete: boolean;
}

/** What an application has reported. */
export interface SuiteEvent {
  name: string;
  data?: unknown;
}

/** One request, as a row's check sees it. */
export interface Visit {
  readonly gateway: GatewayName;
  /** The response, read to its end. */
  response(): Promise<Response>;
  /** Reads until at least `size` bytes of the body have come, and then nothing more until told. */
  begin(size: number): Promise<Response>;
  /** The client goes away. */
  leave(): void;
  /** Lets the application go on that waits with `signalled()`. */
  signal(): void;
  /** Waits until the application has reported `name`; its data. */
  event(name: string): Promise<unknown>;
  /** Everything reported so far. */
  events(): SuiteEvent[];
  /** Waits until the gateway, or the front end for it, has logged something that matches. */
  logged(pattern: RegExp): Promise<void>;
  /** What the gateway, or the front end for it, has logged since the request began. */
  log(): string;
  /** Another request to the same application. */
  again(request?: SuiteRequest): Promise<Visit>;
}

/** One request under way on whatever carries it. */
export interface Wire {
  /** The response's bytes. */
  readonly output: AsyncIterator<Uint8Array>;
  /** How they begin: with a status line, or as a CGI script's (RFC 3875 § 6). */
  readonly style: 'http' | 'cgi';
  /** Once `output` has ended: whether the gateway ended the response as one that is complete. */
  readonly clean: Promise<boolean>;
  /** Whether the whole request has gone out. The other end need not take more than it wants. */
  isSent?(): boolean;
  leave(): void;
}

/** A gateway that serves an application, perhaps with a front end before it. */
export interface Service {
  open(request: SuiteRequest): Promise<Wire>;
  /** All that the gateway has said so far, and what the front end has said on its behalf: its logs. */
  logs(): readonly string[];
  stop(): Promise<void>;
}

/** What makes the suite run through one gateway. */
export interface Driver {
  /** `'FastCGI behind nginx'`. */
  readonly name: string;
  readonly gateway: GatewayName;
  /** What cannot be shown through it, and why. */
  readonly cannot: Partial<Record<Capability, string>>;
  /** @param application `path[:export]`, as on the command line */
  start(application: string): Promise<Service>;
}
