/** Makes a fetch handler from an application. */

import { toFunction } from '../../handler/application.ts';
import { BaseHandler } from '../../handler/base-handler.ts';
import { addVariable } from '../../environ/environ.ts';
import type { Variables } from '../../environ/environ.ts';
import { DisconnectError } from '../../errors.ts';
import type { CheckedHeaders } from '../../response/headers.ts';
import { InputStream } from '../../input/input-stream.ts';
import type { InputSource } from '../../input/input-source.ts';
import { HIGH_WATER_MARK } from '../../limits.ts';
import { GATEWAY_OPTIONS, checkOptions } from '../../options.ts';
import { writeTo } from '../../handler/stream-handler.ts';
import type { Application, ErrorStream, GatewayOptions } from '../../types.ts';
import { unquotePath } from '../../uri/percent.ts';

/** Statuses with which a Response may have no body (Fetch § 2.2.3). */
const NULL_BODY: ReadonlySet<number> = new Set([101, 103, 204, 205, 304]);

/**
 * Makes a fetch handler of an application, for any runtime that has `Request` and `Response`.
 *
 * @param options `scriptName` mounts the application; `wsgi.errors` and the log go to stderr by default
 * @returns a handler whose promise is always fulfilled: errors of the application become a response
 * @throws {UsageError} when `application` is none, and for an option that there is not
 */
export function toFetch(
  application: Application,
  options: GatewayOptions = {},
): (request: Request) => Promise<Response> {
  const run = toFunction(application);
  checkOptions('toFetch', options, GATEWAY_OPTIONS);
  return (request) =>
    new Promise((resolve) => {
      void new FetchHandler(request, options, resolve).run(run);
    });
}

class FetchHandler extends BaseHandler {
  override readonly gateway = 'http';
  readonly #request: Request;
  readonly #respond: (response: Response) => void;
  #status = 0;
  #reason = '';
  #headers: Headers | undefined;
  #body: ReadableStreamDefaultController<Uint8Array> | undefined;
  #onDrain: (() => void) | undefined;
  readonly #onAbort = (): void => this.disconnect();

  constructor(request: Request, options: GatewayOptions, respond: (response: Response) => void) {
    super(options);
    this.#request = request;
    this.#respond = respond;
    request.signal.addEventListener('abort', this.#onAbort, { once: true });
    if (request.signal.aborted) this.disconnect();
  }

  protected override addCgiVars(environ: Variables): void {
    const { method, url, headers } = this.#request;
    const { protocol, hostname, port, pathname, search, host } = new URL(url);
    const isTls = protocol === 'https:';
    const variables: Record<string, string> = {
      REQUEST_METHOD: method,
      PATH_INFO: unquotePath(pathname),
      QUERY_STRING: search.slice(1),
      REQUEST_URI: pathname + search,
      SERVER_NAME: hostname,
      SERVER_PORT: port || (isTls ? '443' : '80'),
      SERVER_PROTOCOL: 'HTTP/1.1',
      CONTENT_TYPE: headers.get('content-type') ?? '',
      CONTENT_LENGTH: headers.get('content-length') ?? '',
      HTTP_HOST: host,
    };
    if (isTls) variables['HTTPS'] = 'on';
    for (const [name, value] of Object.entries(variables)) addVariable(environ, name, value);
    for (const [name, value] of headers) {
      if (name === 'host' || name.includes('_')) continue; // `_` becomes the same variable as `-` (CVE-2015-0219)
      addVariable(environ, `HTTP_${name.toUpperCase().replaceAll('-', '_')}`, value);
    }
  }

  protected override getStdin(): InputStream {
    const { body } = this.#request;
    if (body === null) return new InputStream(0);
    const length = this.environ!['CONTENT_LENGTH'] === undefined ? -1 : this.contentLength;
    return readFromWeb(body, length);
  }

  protected override getStderr(): ErrorStream {
    return writeTo((text) => void process.stderr.write(text));
  }

  protected override formatHead(status: string, headers: CheckedHeaders): string {
    this.#status = Number(status.slice(0, 3));
    this.#reason = status.slice(4);
    this.#headers = new Headers();
    for (const [name, value] of headers.list) this.#headers.append(name, value);
    return status; // it is not sent: not being empty, it tells send() and finish() to send the head
  }

  protected override send(head: string, chunk: Uint8Array): boolean {
    if (head !== '') this.#start(undefined);
    if (chunk.length > 0) this.#body?.enqueue(chunk);
    return this.#takesMore;
  }

  protected override drained(): Promise<void> {
    if (this.#takesMore) return Promise.resolve();
    return new Promise((resolve) => {
      const before = this.#onDrain; // write() and the body may wait at the same time
      this.#onDrain = (): void => {
        before?.();
        resolve();
      };
    });
  }

  protected override finish(head: string, last: Uint8Array | undefined): void {
    if (head !== '') this.#start(last ?? null);
    else if (last !== undefined) this.#body?.enqueue(last);
    this.#body?.close();
    this.#request.signal.removeEventListener('abort', this.#onAbort);
  }

  protected override abandon(): void {
    this.#request.signal.removeEventListener('abort', this.#onAbort);
    if (this.#body !== undefined) this.#body.error(new Error('the application failed'));
    else this.#respond(Response.error());
  }

  override disconnect(): void {
    if (this.isOver) return;
    super.disconnect();
    this.#wake();
    // The caller may wait for the Response all the same.
    if (this.#headers === undefined) this.#respond(Response.error());
    else this.#body?.error(new DisconnectError());
  }

  get #takesMore(): boolean {
    return this.isOver || this.#body === undefined || (this.#body.desiredSize ?? 0) > 0;
  }

  #wake(): void {
    const onDrain = this.#onDrain;
    this.#onDrain = undefined;
    onDrain?.();
  }

  /** @param body whole, or undefined when it is going to be streamed */
  #start(body: Uint8Array | null | undefined): void {
    const init = { status: this.#status, statusText: this.#reason, headers: this.#headers! };
    if (NULL_BODY.has(this.#status)) this.#respond(new Response(null, init));
    else this.#respond(new Response(body === undefined ? this.#stream() : body, init));
  }

  #stream(): ReadableStream<Uint8Array> {
    return new ReadableStream<Uint8Array>(
      {
        start: (controller) => void (this.#body = controller),
        pull: () => this.#wake(),
        cancel: () => {
          this.#body = undefined;
          this.disconnect();
        },
      },
      new ByteLengthQueuingStrategy({ highWaterMark: HIGH_WATER_MARK }),
    );
  }
}

/** `wsgi.input` over the body of a Request. */
function readFromWeb(body: ReadableStream<Uint8Array>, length: number): InputStream {
  const source = new WebSource(body);
  const input = new InputStream(length, source);
  source.input = input;
  return input;
}

class WebSource implements InputSource {
  input!: InputStream;
  readonly #body: ReadableStream<Uint8Array>;
  #reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  #isWanted = false;
  #isReading = false;

  constructor(body: ReadableStream<Uint8Array>) {
    this.#body = body;
  }

  resume(): void {
    this.#isWanted = true;
    if (!this.#isReading) void this.#read();
  }

  pause(): void {
    this.#isWanted = false;
  }

  async #read(): Promise<void> {
    const { input } = this;
    this.#isReading = true;
    try {
      this.#reader ??= this.#body.getReader();
      while (this.#isWanted && !input.complete) {
        const { done, value } = await this.#reader.read();
        if (done) {
          input.end();
          break;
        }
        input.push(value);
      }
    } catch (error) {
      input.destroy(error as Error);
    }
    this.#isReading = false;
  }
}
