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
 * @param chunk bytes, which must not be changed afterwards; a string is encoded as UTF-8
 * @returns `undefined` when the chunk was taken at once, or a promise that is fulfilled when the
 *   client has caught up. Awaiting it is backpressure; ignoring it loses nothing. It never rejects.
 * @throws {ApplicationError} for anything but bytes or a string, or after the response has ended
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
 * @throws {ApplicationError} for a second call without `excInfo`, and for a call after an error was answered
 * @throws {HeaderError} for a status or a header that no response may carry
 */
export type StartResponse = (status: string, headers: HeaderList, excInfo?: unknown) => Write;

/** What an application returns: chunks, and optionally a `close()` that is always called, once. */
export type Body = (Iterable<Uint8Array> | AsyncIterable<Uint8Array>) & {
  /**
   * Frees what the body holds (PEP 3333, "Specification Details"). It is called once, after the response or when the
   * client has left. The request is over when a promise that it returns is settled. What it throws is logged.
   */
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
  /** Serves one request. It is called as a method, so `this` is the object. */
  call: ApplicationFunction;
  /** Absent. Without it every function, which has `call` and `bind`, would pass as such an object. */
  bind?: never;
}

/** What every gateway serves. */
export type Application = ApplicationFunction | ApplicationClass | ApplicationObject;

/**
 * The request body: `wsgi.input` (PEP 3333, "Input and Error Streams"). It ends at CONTENT_LENGTH, whatever the
 * transport holds.
 *
 * Every method rejects with
 *
 * - an {@link InputError} when the body ends short, while another read is pending, and after the request;
 * - a {@link LimitError} when a time limit passes (`bodyTimeout`, `unreadTimeout`, `responseTimeout`), or when the
 *   server has no memory for more (`maxBufferedSize`);
 * - a {@link DisconnectError} when the client has left.
 */
export interface Input extends AsyncIterable<Buffer> {
  /**
   * Reads bytes, and waits until there are enough, as Python's files do.
   *
   * @param size in bytes; negative, NaN, or not given: all that is left
   * @returns exactly `size` bytes, or fewer when the body ends before; an empty buffer at the end
   */
  read(size?: number): Promise<Buffer>;
  /**
   * Reads what has come, and waits only if that is nothing.
   *
   * @param size in bytes, as for {@link read}
   * @returns at most `size` bytes, and at least one before the end; an empty buffer at the end
   */
  read1(size?: number): Promise<Buffer>;
  /**
   * Reads a line.
   *
   * @param limit in bytes; negative, or not given: none
   * @returns the bytes up to and with the next `\n`, at most `limit` of them; an empty buffer at the end
   */
  readline(limit?: number): Promise<Buffer>;
  /**
   * Reads the lines that are left.
   *
   * @param hint in bytes: it stops after the line with which that many are reached. Zero, negative or not given: all
   */
  readlines(hint?: number): Promise<Buffer[]>;
  /** Iterates over the lines that are left. */
  lines(): AsyncIterableIterator<Buffer>;
}

/** The error log of a request: `wsgi.errors` (PEP 3333, "Input and Error Streams"). */
export interface ErrorStream {
  /** Writes text. No line end is added. */
  write(text: string): void;
  /** Writes one string after the other. No line ends are added. */
  writelines(lines: Iterable<string>): void;
  /** Does nothing on postern's gateways: what was written leaves by itself. */
  flush(): void;
}

/**
 * `wsgi.file_wrapper`: a body that streams from something readable. `blockSize` is in bytes, default 65,536 (PEP 3333,
 * "Optional Platform-Specific File Handling").
 */
export type FileWrapperConstructor = new (filelike: FileLike, blockSize?: number) => Body;

/** What a file wrapper reads from: a Node stream, a `FileHandle`, or anything with `read(n)`. */
export type FileLike =
  | AsyncIterable<Uint8Array>
  | {
      /** Reads at most `size` bytes. No bytes, or null, are the end. */
      read(size: number): Awaitable<Uint8Array | null>;
      /** Called once, with the end of the response. */
      close?(): unknown;
    }
  | {
      /** Reads at most `length` bytes into a buffer, from the current position of the file. */
      read(
        buffer: Uint8Array,
        offset: number,
        length: number,
        position: null,
      ): Promise<{
        /** How many bytes were read; 0 is the end. */
        bytesRead: number;
      }>;
      /** Called once, with the end of the response. */
      close?(): unknown;
    };

/** Name of a gateway, a token: postern's own, or that of another one. (`string & {}`: editors still suggest the known ones.) */
export type GatewayName = 'cgi' | 'fastcgi' | 'scgi' | 'uwsgi' | 'http' | (string & {});

/** FastCGI roles (FastCGI 1.0 § 6); every other gateway is a responder. */
export type Role = 'responder' | 'authorizer' | 'filter';

/**
 * One request, as a null-prototype object: CGI meta-variables (RFC 3875 § 4.1) as byte strings,
 * `wsgi.*` as in PEP 3333, and `postern.*`. What is absent is absent, never null.
 */
export interface Environ {
  /** The method, as the client wrote it: `'GET'` (RFC 3875 § 4.1.12). */
  REQUEST_METHOD: string;
  /** Mount of the application: `''`, or a path that begins with `/` and is not just `/` (RFC 3875 § 4.1.13). */
  SCRIPT_NAME: string;
  /** The rest of the path, decoded exactly once: `''`, or it begins with `/` (RFC 3875 § 4.1.5). */
  PATH_INFO: string;
  /** What follows `?`, percent-encoded; `''` without a query (RFC 3875 § 4.1.7). */
  QUERY_STRING: string;
  /** Path and query as the client sent them: raw, in origin form (RFC 9112 § 3.2.1). */
  REQUEST_URI: string;
  /** Host name or address of the server; an IPv6 address has brackets (RFC 3875 § 4.1.14). */
  SERVER_NAME: string;
  /** Port of the server, in decimal digits (RFC 3875 § 4.1.15). */
  SERVER_PORT: string;
  /** Protocol of the request: `'HTTP/1.1'` (RFC 3875 § 4.1.16). */
  SERVER_PROTOCOL: string;
  /** Media type of the body, as the client sent it (RFC 3875 § 4.1.3). */
  CONTENT_TYPE?: string;
  /** Length of the body in bytes, in decimal digits; absent without a body or where it is unknown (RFC 3875 § 4.1.2). */
  CONTENT_LENGTH?: string;
  // As far as a front end tells (RFC 3875 § 4.1).
  /** How the front end has authenticated the user: `'Basic'` (RFC 3875 § 4.1.1). */
  AUTH_TYPE?: string;
  /** Version of CGI that the front end speaks: `'CGI/1.1'` (RFC 3875 § 4.1.4). */
  GATEWAY_INTERFACE?: string;
  /** `'on'` where the client speaks TLS. It is no variable of RFC 3875; {@link guessScheme} reads it. */
  HTTPS?: string;
  /** PATH_INFO as a path in the front end's file system (RFC 3875 § 4.1.6). */
  PATH_TRANSLATED?: string;
  /** IP address of the client, or of the last proxy before the front end (RFC 3875 § 4.1.8). */
  REMOTE_ADDR?: string;
  /** Host name of the client (RFC 3875 § 4.1.9). */
  REMOTE_HOST?: string;
  /** Name of the user as RFC 1413 tells it (RFC 3875 § 4.1.10). */
  REMOTE_IDENT?: string;
  /** Name of the user whom the front end has authenticated (RFC 3875 § 4.1.11). */
  REMOTE_USER?: string;
  /** Name and version of the front end: `'nginx/1.26.3'` (RFC 3875 § 4.1.17). */
  SERVER_SOFTWARE?: string;

  /** Version of the contract: `[1, 0]`, as in PEP 3333. */
  'wsgi.version': readonly [1, 0];
  /** `'http'` or `'https'`. */
  'wsgi.url_scheme': string;
  /** The request body. */
  'wsgi.input': Input;
  /** The error log. */
  'wsgi.errors': ErrorStream;
  /** Whether another thread may call the application at the same time: false on every gateway. */
  'wsgi.multithread': boolean;
  /** Whether another process may call the application at the same time. The `multiprocess` option sets it. */
  'wsgi.multiprocess': boolean;
  /** Whether the process ends after this request: true on CGI. */
  'wsgi.run_once': boolean;
  /** Makes a body of a file. */
  'wsgi.file_wrapper': FileWrapperConstructor;

  /** The gateway that serves the request. */
  'postern.gateway': GatewayName;
  /** What the application is to do; `'responder'` except on FastCGI. */
  'postern.role': Role;
  /** Aborted when the client has gone away. Made when it is first looked at. */
  readonly 'postern.signal': AbortSignal;
  /** The DATA stream of a FastCGI filter (FastCGI 1.0 § 6.4). */
  'postern.data'?: Input;

  /** A header of the request: `HTTP_ACCEPT_LANGUAGE` (RFC 3875 § 4.1.18). */
  [name: `HTTP_${string}`]: string | undefined;
  /** What else was added. `declare module 'postern' { interface Environ { 'app.user': User } }` gives it a type. */
  [name: string]: unknown;
}

/** One response, as an access log wants it. */
export interface AccessEntry {
  /** The request. Its body cannot be read any more. */
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
  /** Something does not work, and somebody has to see to it. */
  error(message: string): void;
  /** A request or a connection was refused or given up. */
  warn(message: string): void;
  /** The gateway has started, stopped or reloaded. */
  info(message: string): void;
  /** What is normal, and helps to find a fault: a peer that has reset its connection. */
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
   * Mount prefix, `''` or `'/app'`: SCRIPT_NAME + PATH_INFO is split again so that SCRIPT_NAME is this prefix. A path
   * that is not below it stays as it is. Default: as the front end split it.
   */
  scriptName?: string | undefined;
  /** Called once for every response, after its end. Default: none. */
  accessLog?: ((entry: AccessEntry) => void) | undefined;
  /** Messages of the gateway itself. Default: warnings and errors to stderr. */
  log?: Log | undefined;
  /** Value of `wsgi.multiprocess`. Default: true on CGI, else false. */
  multiprocess?: boolean | undefined;
  /** Lets the front end send the files of {@link FileWrapperConstructor file wrappers}. Default: the gateway does it. */
  sendfile?: SendfileOptions | undefined;
  /**
   * Replaces the variables of the peer by what trusted proxies tell of the client. The gateway makes it from
   * `forwardedAllowIps`.
   *
   * @internal
   */
  forwarding?: { applyVariables(environ: Record<string, unknown>): void } | undefined;
}
