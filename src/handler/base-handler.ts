/**
 * One request's run through an application, the same behind every gateway (PEP 3333, "The Server /
 * Gateway Side").
 *
 *     run → environ → application → chunks → finish → close
 *                         └── error → 500, or a broken response
 */

import { BodyReader } from './body.ts';
import { isPromise, toBytes, toLastChunk } from '../response/chunk.ts';
import type { Step } from './body.ts';
import { EMPTY, partOf } from '../bytes.ts';
import { asEnviron, completeEnviron, createEnviron, guessScheme } from '../environ/environ.ts';
import type { Variables } from '../environ/environ.ts';
import { ApplicationError, DisconnectError, RequestError } from '../errors.ts';
import { FileWrapper } from '../response/file-wrapper.ts';
import { formatDateTime } from '../response/headers.ts';
import type { CheckedHeaders } from '../response/headers.ts';
import { DEFAULT_LOG, formatError } from '../logging/log.ts';
import { ResponseState } from '../response/response.ts';
import { delegateFile } from '../response/sendfile.ts';
import type {
  ApplicationFunction,
  Awaitable,
  Body,
  Environ,
  ErrorStream,
  FileWrapperConstructor,
  GatewayName,
  GatewayOptions,
  HeaderList,
  Log,
  Role,
  StartResponse,
} from '../types.ts';
import type { InputStream } from './input.ts';

/** What `Server` says where this is the origin server (HTTP, and CGI without header parsing). */
export const SERVER_SOFTWARE = 'postern';

/**
 * The steps of a request, in their order. A gateway subclasses it and fills in seven members:
 * {@link getStdin}, {@link getStderr}, {@link addCgiVars}; {@link send}, {@link drained},
 * {@link finish} and {@link abandon}. What else differs between gateways is a flag.
 */
export abstract class BaseHandler {
  /** `postern.gateway`. */
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

  /** The environ, once {@link setupEnviron} has made it. */
  protected environ: Variables | undefined;
  /** Bytes of the request body as CONTENT_LENGTH tells; -1 when it ends with the stream. */
  protected contentLength = 0;
  #input: InputStream | undefined;
  #isHead = false;

  readonly #response = new ResponseState();
  #failed = false; // an error is being answered, which may take a while
  #ended = false; // finished, or abandoned
  #gone = false; // the client has left, or the request was given up
  #reason: Error | undefined; // why
  #excess = false; // more was yielded than Content-Length allows: said already
  #isFile = false; // the body is a FileWrapper, which may have more

  #reader: BodyReader | undefined;
  #controller: AbortController | undefined;
  #draining: Promise<void> | undefined; // what write() has returned last
  #startedAt = 0; // by the clock that nobody sets
  #isSettled = false; // nothing of the request is left to be done
  #onSettled: (() => void) | undefined;

  /** A handler serves one request. */
  constructor(options: GatewayOptions = {}) {
    this.options = options;
    this.log = options.log ?? DEFAULT_LOG;
  }

  // ---- what a gateway fills in

  /** `wsgi.input`, for a body of {@link contentLength} bytes. Called once. */
  protected abstract getStdin(): InputStream;

  /** `wsgi.errors`. Called once. */
  protected abstract getStderr(): ErrorStream;

  /** Adds the CGI variables of the request, with `addVariable` of environ.ts. */
  protected abstract addCgiVars(environ: Variables): void;

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

  /** Tells `wsgi.errors` of an error, with its stack. */
  protected logException(error: unknown): void {
    this.getErrors().write(`${formatError(error)}\n`);
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

  // ---- the run

  /**
   * Serves the request. Never throws and never rejects.
   *
   * @returns `undefined` when all was done at once, or a promise of the end: response sent as far as
   *   the gateway is concerned, body closed
   */
  run(application: ApplicationFunction): Awaitable<void> {
    if (this.options.accessLog !== undefined) this.#startedAt = performance.now();
    try {
      const environ = this.setupEnviron();
      const body = application(environ, this.#makeStartResponse());
      if (isPromise(body)) this.#after(body, (made) => this.#complete(made));
      else this.#complete(body);
    } catch (error) {
      this.#breakOff(error);
    }
    if (this.#isSettled) return undefined;
    return new Promise((resolve) => (this.#onSettled = resolve));
  }

  /** Goes on when there is a result. */
  #after<T>(result: PromiseLike<T>, goOn: (value: T) => void): void {
    // Not a `then` of unknown origin: it might call both, or twice.
    Promise.resolve(result).then(goOn, (error: unknown) => this.#breakOff(error));
  }

  /** Sends a body, and settles. */
  #complete(body: Body): void {
    try {
      if (this.#deliver(body)) this.#settle();
    } catch (error) {
      this.#breakOff(error);
    }
  }

  /** Answers an error, and settles. */
  #breakOff(error: unknown): void {
    const answer = this.#fail(error);
    if (answer === undefined) this.#settle();
    else this.#settleAfter(answer);
  }

  #settleAfter(rest: Promise<void>): void {
    this.#after(rest, () => this.#settle());
  }

  /**
   * The client has gone away (reset, broken pipe, abort record): the application is told, and nothing
   * more is sent. After the end of the response it does nothing.
   */
  disconnect(): void {
    if (!this.isOver) this.#leave(new DisconnectError());
  }

  #leave(reason: Error): void {
    this.#gone = true;
    this.#reason = reason;
    this.#input?.destroy(reason);
    this.#controller?.abort(reason);
    // A body that waits for something would never notice; one that is running will, after its chunk.
    if (this.#reader?.isAsync === true) void this.#closeBody();
    this.#reader?.interrupt();
  }

  /**
   * Gives the request up from outside, at a time limit: answered with the error's status if nothing was
   * sent, else broken. The application is told through `postern.signal`; what it does then is not sent.
   */
  cancel(error: RequestError): void {
    if (this.isOver) return;
    void this.#fail(error); // at once: a RequestError has no page to be made
    this.#leave(error);
  }

  /** `postern.signal`. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#gone) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  /** Whether status and headers have left. */
  get headersSent(): boolean {
    return this.#response.headersSent;
  }

  /** Whether the response is over: finished, abandoned, or without anyone to take it. */
  get isOver(): boolean {
    return this.#ended || this.#gone;
  }

  // ---- environ

  /** Makes the environ: variables of the gateway, repaired and completed, then `wsgi.*` and `postern.*`. */
  protected setupEnviron(): Environ {
    const environ = (this.environ = createEnviron(this));
    this.addCgiVars(environ);
    if (this.originServer && this.serverSoftware !== '') {
      environ['SERVER_SOFTWARE'] ??= this.serverSoftware;
    }
    environ['postern.gateway'] = this.gateway;
    environ['postern.role'] = this.getRole();
    environ['wsgi.errors'] = this.getErrors();
    environ['wsgi.multiprocess'] = this.isMultiprocess();
    environ['wsgi.run_once'] = this.runOnce;
    environ['wsgi.file_wrapper'] = this.fileWrapper;
    this.#isHead = environ['REQUEST_METHOD'] === 'HEAD';
    this.contentLength = completeEnviron(environ, this.options);
    environ['wsgi.url_scheme'] = this.getScheme();
    environ['wsgi.input'] = this.#input = this.getStdin();
    if (this.#reason !== undefined) this.#input.destroy(this.#reason);
    return asEnviron(environ);
  }

  #errors: ErrorStream | undefined;

  /** `wsgi.errors` of this request. */
  protected getErrors(): ErrorStream {
    return (this.#errors ??= this.getStderr());
  }

  // ---- startResponse and write

  /** @param isOurs for the answer to an error, after which the application has no say any more */
  #makeStartResponse(isOurs = false): StartResponse {
    // `excInfo` counts by being passed: anything can be thrown, undefined too.
    return (status, headers, ...excInfo: unknown[]) => {
      if (this.#failed && !isOurs)
        throw new ApplicationError('startResponse() was called after an error');
      this.#response.start(status, headers, excInfo.length > 0 ? { error: excInfo[0] } : undefined);
      return (chunk) => this.#write(chunk);
    };
  }

  #write(chunk: Uint8Array | string): Promise<void> | undefined {
    const bytes = toBytes(chunk);
    if (this.#gone) return undefined;
    if (this.#ended || this.#failed) {
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

  /** Sends a body to its end. @returns false when that takes more than this turn; it then settles by itself */
  #deliver(body: unknown): boolean {
    // One piece of text or bytes is one chunk, not one per character or number.
    const chunks = typeof body === 'string' || body instanceof Uint8Array ? [body] : body;
    if (!Array.isArray(chunks) || 'close' in chunks) this.#reader = new BodyReader(chunks);
    if (this.#gone) return true;
    if (Array.isArray(chunks) && chunks.length === 1) {
      this.#finishWith(chunks[0]);
      return true;
    }
    if (body instanceof FileWrapper) {
      this.#isFile = true;
      if (this.#isSentElsewhere(body)) {
        this.#finish();
        return true;
      }
    }
    const reader = (this.#reader ??= new BodyReader(chunks));
    if (!reader.isAsync || this.#bodyIsOver) return this.#pump(reader);
    this.#pumpAsync(reader);
    return false;
  }

  /** Whether the front end is going to send the file by itself. */
  #isSentElsewhere(file: FileWrapper): boolean {
    const response = this.#response;
    if (response.headersSent || response.status === '') return false;
    const headers = this.sendfile(file, response.status, response.headers!);
    if (headers !== undefined) response.headers = headers;
    return headers !== undefined;
  }

  /** @returns as {@link #deliver} */
  #pump(reader: BodyReader): boolean {
    while (!this.#bodyIsOver) {
      const step = reader.next() as Step;
      if (step.done === true) break;
      if (step.isLast === true) {
        this.#finishWith(step.value);
        return true;
      }
      if (!this.#chunk(step.value)) {
        this.#settleAfter(this.#pumpLater(reader));
        return false;
      }
    }
    this.#finish();
    return true;
  }

  /** The first chunk of many bodies is the last: that takes no promise. */
  #pumpAsync(reader: BodyReader): void {
    const onStep = (step: Step | undefined): void => {
      if (step?.isLast === true) this.#complete([step.value as Uint8Array]);
      else this.#settleAfter(this.#pumpOn(reader, step));
    };
    reader.take(onStep, (error) => this.#breakOff(error));
  }

  async #pumpOn(reader: BodyReader, first: Step | undefined): Promise<void> {
    for (let step = first; step !== undefined; step = await reader.next()) {
      if (step.done === true) return this.#finish();
      if (step.isLast === true) return this.#finishWith(step.value);
      if (!this.#chunk(step.value)) await this.drained();
      if (this.#bodyIsOver) return this.#finish();
    }
    // The client left meanwhile.
  }

  async #pumpLater(reader: BodyReader): Promise<void> {
    await this.drained();
    return this.#bodyIsOver ? this.#finish() : this.#pumpOn(reader, await reader.next());
  }

  /** Whether nothing more of the body will be sent, so that it need not be asked for more. */
  get #bodyIsOver(): boolean {
    const response = this.#response;
    if (this.#gone || !response.headersSent) return this.#gone;
    if (response.isBodiless || this.#excess) return true;
    // A file is sent as far as its Content-Length (PEP 3333): it may be longer, or never end.
    return this.#isFile && response.allowed === 0;
  }

  /** @returns whether the sink takes more at once */
  #chunk(raw: unknown): boolean {
    const bytes = toBytes(raw);
    if (this.#gone || bytes.length === 0) return true;
    return this.#transmit(bytes);
  }

  #transmit(bytes: Uint8Array): boolean {
    const response = this.#response;
    response.check();
    const head = this.#takeHead(undefined);
    const allowed = response.isBodiless ? EMPTY : this.#withinLength(bytes);
    if (head === '' && allowed.length === 0) return true;
    response.sent += allowed.length;
    return this.send(head, allowed);
  }

  /** Ends the response with a chunk that nothing follows. */
  #finishWith(raw: unknown): undefined {
    return this.#finish(this.takesText ? toLastChunk(raw) : toBytes(raw));
  }

  /**
   * Ends the response.
   *
   * @param last what nothing follows, a byte string or bytes; unless others have left before, their length is that of
   *   the body
   */
  #finish(last?: Uint8Array | string): undefined {
    if (this.#gone) return undefined;
    const response = this.#response;
    response.check();
    const head = this.#takeHead(last?.length ?? 0);
    let allowed: Uint8Array | string | undefined;
    if (last !== undefined && last.length > 0 && !response.isBodiless) {
      allowed = this.#withinLength(last);
      response.sent += allowed.length;
    }
    const { missing } = response;
    if (missing > 0) {
      if (head !== '') this.send(head, toBytes(allowed ?? EMPTY));
      throw new ApplicationError(`the body ended ${missing} bytes before its Content-Length`);
    }
    this.#ended = true;
    this.finish(head, allowed);
    return undefined;
  }

  /**
   * What goes before the next bytes of the body: the head, or nothing when it has left.
   *
   * @param length of the whole body, where it is known
   */
  #takeHead(length: number | undefined): string {
    const response = this.#response;
    if (response.headersSent) return '';
    const head = this.formatHead(response.status, response.settle(this.#isHead, length));
    response.headersSent = true; // unless the gateway could not make one
    return head;
  }

  /** Never more than Content-Length says: what is more is dropped, and said once. */
  #withinLength<T extends Uint8Array | string>(bytes: T): T {
    const { allowed } = this.#response;
    if (bytes.length <= allowed) return bytes;
    if (!this.#excess && !this.#isFile) {
      this.#excess = true;
      const declared = this.#response.headers!.contentLength;
      this.getErrors().write(
        `the application sent more than its Content-Length of ${declared} bytes; the excess was dropped\n`,
      );
    }
    return partOf(bytes, 0, allowed);
  }

  // ---- the end

  /** @returns a promise when the answer takes more than this turn; it is never rejected */
  #fail(error: unknown): Promise<void> | undefined {
    if (this.#gone || this.#ended) {
      // A client that left is nobody's error; what the application throws then follows from it.
      if (!this.#gone) this.logException(error);
      return undefined;
    }
    if (error instanceof RequestError) {
      const peer = this.environ?.['REMOTE_ADDR'];
      const source = peer === undefined ? this.gateway : `${this.gateway}: ${peer as string}`;
      this.log.warn(`${source}: ${error.status.slice(0, 3)}: ${error.message}`);
    } else {
      this.logException(error);
    }
    if (this.headersSent) {
      this.#ended = true;
      this.abandon();
      return undefined;
    }
    this.#failed = true;
    try {
      return this.#respondWithError(error);
    } catch (second) {
      this.#failAgain(second);
      return undefined;
    }
  }

  /** The answer to an error has failed. Only an overridden errorOutput can get here. */
  #failAgain(error: unknown): void {
    this.logException(error);
    if (this.isOver) return;
    this.#ended = true;
    this.abandon();
  }

  #respondWithError(error: unknown): Promise<void> | undefined {
    const startResponse = this.#makeStartResponse(true);
    if (error instanceof RequestError) {
      startResponse(error.status, this.errorHeaders, error);
      return this.#finish(Buffer.from(`${error.status.slice(4)}\n`));
    }
    const chunks = this.errorOutput(this.environ ?? {}, startResponse, error);
    if (isPromise(chunks)) return this.#finishError(chunks);
    return this.#finish(Buffer.concat(chunks));
  }

  async #finishError(chunks: PromiseLike<Uint8Array[]>): Promise<void> {
    try {
      const body = Buffer.concat(await chunks);
      // Unless a time limit has answered in between.
      if (!this.#ended) this.#finish(body);
    } catch (error) {
      this.#failAgain(error);
    }
  }

  /** After the response: what is left of the input given up, access logged, body closed. */
  #settle(): void {
    this.#input?.discard();
    if (this.options.accessLog !== undefined) this.#logAccess();
    const closing = this.#reader === undefined ? undefined : this.#closeBody();
    if (closing === undefined) this.#settled();
    else void closing.then(() => this.#settled());
  }

  #settled(): void {
    this.#isSettled = true;
    this.#onSettled?.();
  }

  /** @returns a promise when there is something to wait for; it is never rejected */
  #closeBody(): Promise<void> | undefined {
    try {
      const closed = this.#reader!.close();
      // With the client gone nobody waits for it, and it may never settle.
      if (!isPromise(closed)) return undefined;
      const quiet = Promise.resolve(closed).then(undefined, (error: unknown) =>
        this.#closeFailed(error),
      );
      return this.#gone ? undefined : quiet;
    } catch (error) {
      this.#closeFailed(error);
      return undefined;
    }
  }

  #closeFailed(error: unknown): void {
    if (!this.#gone) this.logException(error);
  }

  #logAccess(): void {
    const { headers, headersSent, status, sent } = this.#response;
    if (headers === undefined || !headersSent || this.environ === undefined) return;
    const duration = performance.now() - this.#startedAt;
    try {
      this.options.accessLog!({
        environ: asEnviron(this.environ),
        status,
        bytes: sent,
        startedAt: Math.round(Date.now() - duration),
        duration,
        headers: headers.list,
      });
    } catch (error) {
      this.logException(error); // it is the response that counts
    }
  }
}
