/// <reference types="node" preserve="true" />
/**
 * The contract between gateways and applications: types only, no code.
 *
 * It is PEP 3333 made asynchronous. Where that document says "native string", this one has a
 * string whose code units are bytes (latin-1); where it says "bytestring", a `Uint8Array`.
 */

/** A value or the promise of one. */
export type Awaitable<T> = T | PromiseLike<T>;

/** One header, `[name, value]`: the name a token, the value latin-1 without control characters. */
export type Header = readonly [name: string, value: string];

/** Headers in the order in which they are sent; a name may occur more than once. */
export type HeaderList = readonly Header[];

/**
 * Sends a chunk ahead of the body, for applications that push instead of being iterated.
 *
 * @returns `undefined` when the chunk was taken at once, or a promise that is fulfilled when the
 *   client has caught up. Awaiting it is backpressure; ignoring it loses nothing. It never rejects.
 * @throws {ApplicationError} for anything but bytes or a string, or after the response has ended.
 */
export type Write = (chunk: Uint8Array | string) => Promise<void> | undefined;

/**
 * Stores status and headers of the response; they leave with the first non-empty chunk.
 *
 * @param status three digits, a space and a reason: `'200 OK'`
 * @param headers an array of `[name, value]`
 * @param excInfo whatever was thrown, when an error handler replaces the response. It counts by
 *   being passed, not by being truthy. After the headers have left, it is thrown again.
 * @returns the legacy {@link Write} callable of PEP 3333
 * @throws {ApplicationError} for a second call without `excInfo`, and for what a response may not hold
 */
export type StartResponse = (status: string, headers: HeaderList, excInfo?: unknown) => Write;

/** What an application returns: chunks, and optionally a `close()` that is always called, once. */
export type Body = (Iterable<Uint8Array> | AsyncIterable<Uint8Array>) & {
  close?(): unknown;
};

/** An application as a function: the contract itself. */
export type ApplicationFunction = (
  environ: Environ,
  startResponse: StartResponse,
) => Awaitable<Body>;

/** An application as a class: the instance is the body. */
export type ApplicationClass = new (environ: Environ, startResponse: StartResponse) => Body;

/** An application as an object. */
export interface ApplicationObject {
  call: ApplicationFunction;
  /** Every function has `call`, too, and would do as such an object, whatever it returned; it has `bind`. */
  bind?: never;
}

/** What every gateway serves. */
export type Application = ApplicationFunction | ApplicationClass | ApplicationObject;

/**
 * The request body: `wsgi.input`. It ends at CONTENT_LENGTH, whatever the transport holds.
 *
 * Every method rejects with an {@link InputError} when the body ends short, and with what aborts
 * `postern.signal` when the client leaves or a time limit passes.
 */
export interface Input extends AsyncIterable<Buffer> {
  /**
   * Exactly `size` bytes, unless the body ends before, as Python's files do. Without `size`, or with a negative one or
   * NaN, all that is left. Empty at the end.
   */
  read(size?: number): Promise<Buffer>;
  /** What is there, without waiting for more: at most `size` bytes, and at least one until the end. Empty at the end. */
  read1(size?: number): Promise<Buffer>;
  /** Up to and with the next `\n`, at most `limit` bytes. Empty at the end. */
  readline(limit?: number): Promise<Buffer>;
  /** The lines that are left; stops after the line with which `hint` bytes are reached. */
  readlines(hint?: number): Promise<Buffer[]>;
  /** Iterates over the lines that are left. */
  lines(): AsyncIterableIterator<Buffer>;
}

/** The error log of a request: `wsgi.errors`. */
export interface ErrorStream {
  write(text: string): void;
  writelines(lines: Iterable<string>): void;
  flush(): void;
}

/** `wsgi.file_wrapper`: a body that streams from something readable. */
export type FileWrapperConstructor = new (filelike: FileLike, blockSize?: number) => Body;

/** What a file wrapper reads from: a Node stream, a `FileHandle`, or anything with `read(n)`. */
export type FileLike =
  | AsyncIterable<Uint8Array>
  | { read(size: number): Awaitable<Uint8Array | null>; close?(): unknown }
  | {
      read(
        buffer: Uint8Array,
        offset: number,
        length: number,
        position: null,
      ): Promise<{ bytesRead: number }>;
      close?(): unknown;
    };

/** Names of the gateways. */
export type GatewayName = 'cgi' | 'fastcgi' | 'scgi' | 'uwsgi' | 'http';

/** FastCGI roles (FastCGI 1.0 § 6); every other gateway is a responder. */
export type Role = 'responder' | 'authorizer' | 'filter';

/**
 * One request, as a null-prototype object: CGI meta-variables (RFC 3875 § 4.1) as byte strings,
 * `wsgi.*` as in PEP 3333, and `postern.*`. What is absent is absent, never null.
 */
export interface Environ {
  REQUEST_METHOD: string;
  /** Where the application is mounted: `''`, or a path that begins with `/` and is not just `/`. */
  SCRIPT_NAME: string;
  /** The rest of the path, decoded exactly once. */
  PATH_INFO: string;
  QUERY_STRING: string;
  /** Path and query as the client sent them: raw, in origin form. */
  REQUEST_URI: string;
  SERVER_NAME: string;
  SERVER_PORT: string;
  SERVER_PROTOCOL: string;
  CONTENT_TYPE?: string;
  CONTENT_LENGTH?: string;
  // As far as a front end tells (RFC 3875 § 4.1).
  AUTH_TYPE?: string;
  GATEWAY_INTERFACE?: string;
  HTTPS?: string;
  PATH_TRANSLATED?: string;
  REMOTE_ADDR?: string;
  REMOTE_HOST?: string;
  REMOTE_IDENT?: string;
  REMOTE_USER?: string;
  SERVER_SOFTWARE?: string;

  'wsgi.version': readonly [1, 0];
  'wsgi.url_scheme': string;
  'wsgi.input': Input;
  'wsgi.errors': ErrorStream;
  'wsgi.multithread': boolean;
  'wsgi.multiprocess': boolean;
  'wsgi.run_once': boolean;
  'wsgi.file_wrapper': FileWrapperConstructor;

  'postern.gateway': GatewayName;
  'postern.role': Role;
  /** Aborted when the client has gone away. Made when it is first looked at. */
  readonly 'postern.signal': AbortSignal;
  /** The DATA stream of a FastCGI filter (FastCGI 1.0 § 6.4). */
  'postern.data'?: Input;

  [name: `HTTP_${string}`]: string | undefined;
  [name: string]: unknown;
}

/** One response, as an access log wants it. */
export interface AccessEntry {
  environ: Environ;
  /** As sent: `'200 OK'`. */
  status: string;
  /** Bytes of the body that were sent, headers excluded. */
  bytes: number;
  /** When the request was complete enough to start the application: `Date.now()`. */
  startedAt: number;
  /** From there to the end of the response, in milliseconds and fractions of them. */
  duration: number;
  /** Headers of the response, as sent. */
  headers: HeaderList;
}

/** Where a gateway tells of itself: one line a message, control characters escaped. */
export interface Log {
  error(message: string): void;
  warn(message: string): void;
  info(message: string): void;
  debug(message: string): void;
}

/**
 * How a front end is told to send a file by itself. It has to be configured for it, and what it makes of
 * the application's other headers is its own affair: nginx keeps Content-Type, Content-Disposition,
 * Cache-Control, Expires and Set-Cookie; the others its internal location has to add.
 */
export interface SendfileOptions {
  /** `X-Accel-Redirect`: nginx, a URI. `X-Sendfile`: lighttpd, Apache's mod_xsendfile; a path. */
  header: 'X-Accel-Redirect' | 'X-Sendfile';
  /** Absolute path of a folder: files that lie below it, symbolic links followed, and no others. */
  root: string;
  /** For `X-Accel-Redirect`: the internal location that nginx maps to `root`. Default `/`. */
  prefix?: string | undefined;
}

/** Options that every gateway takes. */
export interface GatewayOptions {
  /**
   * Mount prefix: SCRIPT_NAME + PATH_INFO is split again so that SCRIPT_NAME is this prefix.
   * Default: as the front end split it.
   */
  scriptName?: string | undefined;
  /** Called once for every response, after its end. Default: none. */
  accessLog?: ((entry: AccessEntry) => void) | undefined;
  /** Messages of the gateway itself. Default: warnings and errors to stderr. */
  log?: Log | undefined;
  /** Value of `wsgi.multiprocess`. Default: what the gateway knows. */
  multiprocess?: boolean | undefined;
  /** Lets the front end send the files of {@link FileWrapperConstructor file wrappers}. Default: the gateway does. */
  sendfile?: SendfileOptions | undefined;
}
