/**
 * The members of a handler that differ from gateway to gateway, as wsgiref's handlers have them.
 *
 * Nothing here says when they are called: that is the order of the steps, in base-handler.ts.
 */

import { guessScheme } from '../environ/environ.ts';
import type { Variables } from '../environ/environ.ts';
import { DEFAULT_LOG, formatError } from '../logging/log.ts';
import { FileWrapper } from '../response/file-wrapper.ts';
import { formatDateTime } from '../response/headers.ts';
import type { CheckedHeaders } from '../response/headers.ts';
import { delegateFile } from '../response/sendfile.ts';
import type {
  Awaitable,
  ErrorStream,
  FileWrapperConstructor,
  GatewayName,
  GatewayOptions,
  HeaderList,
  Log,
  Role,
  StartResponse,
} from '../types.ts';
import type { InputStream } from '../input/input-stream.ts';

/** What `Server` says where this is the origin server (HTTP, and CGI without header parsing). */
export const SERVER_SOFTWARE = 'postern';

/** What a gateway fills in, what it may override, and what it can use. */
export abstract class HandlerHooks {
  /** `postern.gateway`: one word, which also begins the lines of the log. A gateway of your own has a name of its own. */
  abstract readonly gateway: GatewayName;
  /** `wsgi.run_once`: whether the process ends after this request. */
  readonly runOnce: boolean = false;
  /** Whether the response goes to the client as it is, with a status line, Date and Server. */
  readonly originServer: boolean = false;
  /** The version in that status line. */
  readonly httpVersion: string = '1.1';
  /** What `Server` says there, and SERVER_SOFTWARE where nothing else does; `''` for neither. */
  readonly serverSoftware: string = SERVER_SOFTWARE;
  /** Whether {@link finish} takes the last of the body as a byte string, where it is one already. */
  readonly takesText: boolean = false;
  /** `wsgi.file_wrapper`. */
  readonly fileWrapper: FileWrapperConstructor = FileWrapper;

  /** Response to an error of the application, before anything was sent (wsgiref's `error_status`). */
  protected readonly errorStatus: string = '500 Internal Server Error';
  /** Headers of that response (wsgiref's `error_headers`). */
  protected readonly errorHeaders: HeaderList = [['Content-Type', 'text/plain; charset=utf-8']];
  /** Body of that response (wsgiref's `error_body`). It never tells of the error itself (SECURITY.md, row 15: CVE-2024-34069). */
  protected readonly errorBody: string =
    'A server error occurred. Please contact the administrator.';

  /** As given to the constructor. */
  protected readonly options: GatewayOptions;
  /** The `log` option, or its default. */
  protected readonly log: Log;

  /** The environ, once it has been made. */
  protected environ: Variables | undefined;
  /** Bytes of the request body as CONTENT_LENGTH tells; -1 when it ends with the stream. */
  protected contentLength = 0;
  #errors: ErrorStream | undefined;

  /** A handler serves one request. */
  constructor(options: GatewayOptions = {}) {
    this.options = options;
    this.log = options.log ?? DEFAULT_LOG;
  }

  // ---- the request: what a gateway fills in

  /** `wsgi.input`, for a body of {@link contentLength} bytes. Called once. */
  protected abstract getStdin(): InputStream;

  /** `wsgi.errors`. Called once. */
  protected abstract getStderr(): ErrorStream;

  /** Adds the CGI variables of the request, with `addVariable` of environ.ts. */
  protected abstract addCgiVars(environ: Variables): void;

  // ---- the response: what a gateway fills in

  /**
   * Sends bytes of the body, which must not be changed afterwards.
   *
   * @param head what goes before them, as a byte string; `''` after the first call
   * @returns whether more can be taken at once; if not, {@link drained} is awaited first
   */
  protected abstract send(head: string, chunk: Uint8Array): boolean;

  /** Resolves when more can be taken, or when nobody is there to take it. Never rejects. */
  protected abstract drained(): Promise<void>;

  /**
   * Completes the response. A small one is whole in this single call.
   *
   * @param head what is still to be sent before the last chunk, or `''`
   * @param last the last bytes of the body, if they are known to be the last; text only with {@link takesText}
   */
  protected abstract finish(head: string, last: Uint8Array | string | undefined): void;

  /** Ends the response so that the client cannot take it for a complete one. */
  protected abstract abandon(): void;

  // ---- what a gateway may override

  /** `wsgi.url_scheme`. */
  protected getScheme(): string {
    return guessScheme(this.environ!);
  }

  /** `postern.role`. */
  protected getRole(): Role {
    return 'responder';
  }

  /** `wsgi.multiprocess`. */
  protected isMultiprocess(): boolean {
    return this.options.multiprocess ?? this.runOnce;
  }

  /** The status line of the response, without the line end. */
  protected formatStatus(status: string): string {
    return this.originServer ? `HTTP/${this.httpVersion} ${status}` : `Status: ${status}`;
  }

  /** Everything before the body, as a byte string: CGI style (RFC 3875 § 6), or HTTP/1.1 for an origin server. */
  protected formatHead(status: string, headers: CheckedHeaders): string {
    let head = `${this.formatStatus(status)}\r\n`;
    if (this.originServer) {
      const { serverSoftware } = this;
      if (!headers.hasDate) head += `Date: ${formatDateTime(Date.now())}\r\n`;
      if (!headers.hasServer && serverSoftware !== '') head += `Server: ${serverSoftware}\r\n`;
      head += 'Connection: close\r\n';
    }
    for (const [name, value] of headers.list) head += `${name}: ${value}\r\n`;
    return `${head}\r\n`;
  }

  /**
   * Lets the front end send a file instead of its bytes, which are then not read (wsgiref's `sendfile`).
   * By default where the `sendfile` option says so.
   *
   * @returns the headers that make it do so, or `undefined` when the bytes are to be sent
   */
  protected sendfile(
    file: FileWrapper,
    status: string,
    headers: CheckedHeaders,
  ): CheckedHeaders | undefined {
    const { sendfile } = this.options;
    if (sendfile === undefined || this.getRole() === 'authorizer') return undefined;
    return delegateFile(sendfile, file, status, headers);
  }

  /**
   * The response to an error of the application before anything was sent; itself an application
   * (wsgiref's `error_output`). It may take its time: nothing that the failed application does meanwhile
   * is sent.
   */
  protected errorOutput(
    _environ: Readonly<Variables>,
    startResponse: StartResponse,
    error: unknown,
  ): Awaitable<Uint8Array[]> {
    startResponse(this.errorStatus, this.errorHeaders, error);
    return [Buffer.from(this.errorBody)];
  }

  /** Tells `wsgi.errors` of an error, with its stack. */
  protected logException(error: unknown): void {
    this.getErrors().write(`${formatError(error)}\n`);
  }

  /** {@link logException}, which may be overridden and may fail. Never throws: what cannot be logged is answered too. @internal */
  protected report(error: unknown): void {
    try {
      this.logException(error);
    } catch (second) {
      DEFAULT_LOG.error(`${this.gateway}: an error could not be logged: ${formatError(second)}`);
    }
  }

  // ---- what a gateway can use

  /** `wsgi.errors` of this request. */
  protected getErrors(): ErrorStream {
    return (this.#errors ??= this.getStderr());
  }
}
