/** Makes a Node listener from an application, to mount it in Express and similar frameworks. */

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Http2ServerRequest } from 'node:http2';

import { toFunction } from '../../handler/application.ts';
import { BaseHandler } from '../../handler/base-handler.ts';
import { escapeLines } from '../../bytes.ts';
import { addVariable } from '../../environ/environ.ts';
import type { Variables } from '../../environ/environ.ts';
import type { CheckedHeaders } from '../../response/headers.ts';
import { InputStream } from '../../input/input-stream.ts';
import { readFrom, writeTo } from '../../handler/stream-handler.ts';
import type { Application, ErrorStream, GatewayOptions } from '../../types.ts';
import type { MountedRequest } from './native.ts';
import { unquotePath } from '../../uri/percent.ts';

/**
 * Makes a listener of an application: `app.use('/x', toNode(application))`.
 *
 * What the listener is mounted at (`req.baseUrl`, as Express sets it) is SCRIPT_NAME. It answers every
 * request and never calls a `next`. A body that a parser has read before cannot be read again.
 *
 * @param options `wsgi.errors` and the log go to stderr by default
 * @throws {UsageError} when `application` is none
 */
export function toNode(
  application: Application,
  options: GatewayOptions = {},
): (req: IncomingMessage, res: ServerResponse) => void {
  const run = toFunction(application);
  return (req, res) => void new NodeHandler(req, res, options).run(run);
}

class NodeHandler extends BaseHandler {
  override readonly gateway = 'http';
  readonly #req: MountedRequest;
  readonly #res: ServerResponse;
  #head: string[] = [];

  constructor(req: IncomingMessage, res: ServerResponse, options: GatewayOptions) {
    super(options);
    this.#req = req;
    this.#res = res;
    res.on('close', () => this.disconnect());
    res.on('error', () => this.disconnect());
  }

  protected override addCgiVars(environ: Variables): void {
    const { method = 'GET', url = '/', httpVersion, headers, socket } = this.#req;
    const mount = this.#req.baseUrl ?? '';
    const query = url.indexOf('?');
    const path = query < 0 ? url : url.slice(0, query);
    // HTTP/2 has `:authority` in place of Host; if both are there, it counts (RFC 9113 § 8.3.1).
    const authority = headers[':authority'] as string | undefined;
    const isTls = 'encrypted' in socket && socket.encrypted === true;
    const variables: Record<string, string | undefined> = {
      REQUEST_METHOD: method,
      SCRIPT_NAME: unquotePath(mount),
      // Below a mount, Express writes what has no path at all as `/`.
      PATH_INFO: unquotePath(path),
      QUERY_STRING: query < 0 ? '' : url.slice(query + 1),
      REQUEST_URI: this.#req.originalUrl ?? mount + url,
      SERVER_NAME: socket.localAddress,
      SERVER_ADDR: socket.localAddress,
      SERVER_PORT: socket.localPort?.toString(),
      SERVER_PROTOCOL: `HTTP/${httpVersion}`,
      REMOTE_ADDR: socket.remoteAddress,
      REMOTE_PORT: socket.remotePort?.toString(),
      CONTENT_TYPE: headers['content-type'],
      CONTENT_LENGTH: headers['content-length'],
      HTTP_HOST: authority ?? headers.host,
      HTTPS: isTls ? 'on' : undefined,
    };
    for (const [name, value = ''] of Object.entries(variables)) addVariable(environ, name, value);
    for (const [name, value] of Object.entries(headers)) {
      // A `_` becomes the same variable as a `-` (CVE-2015-0219). With a colon begin what is no header in HTTP/2.
      if (value === undefined || name === 'host' || /_|^:/.test(name)) continue;
      const key = `HTTP_${name.toUpperCase().replaceAll('-', '_')}`;
      addVariable(environ, key, Array.isArray(value) ? value.join(', ') : value);
    }
  }

  protected override getStdin(): InputStream {
    const req = this.#req;
    const isEndless = req.headers['transfer-encoding'] !== undefined || hasStreamedBody(req);
    if (!isEndless && this.contentLength === 0) return new InputStream(0);
    return readFrom(() => req, isEndless ? -1 : this.contentLength);
  }

  protected override getStderr(): ErrorStream {
    return writeTo((text) => void process.stderr.write(escapeLines(text)));
  }

  protected override formatHead(status: string, headers: CheckedHeaders): string {
    this.#head = headers.list.flat();
    return status; // it is not sent: send() and finish() pass it to #writeHead
  }

  #writeHead(status: string): void {
    // Headers that middleware has set before (X-Powered-By, CORS) stay, unless the application sets them too.
    const res = this.#res;
    res.statusCode = Number(status.slice(0, 3));
    // HTTP/2 has none, and node:http2 warns of it.
    if (this.#req.httpVersionMajor < 2) res.statusMessage = status.slice(4);
    for (let i = 0; i < this.#head.length; i += 2) res.removeHeader(this.#head[i]!);
    for (let i = 0; i < this.#head.length; i += 2) {
      res.appendHeader(this.#head[i]!, this.#head[i + 1]!);
    }
  }

  protected override send(head: string, chunk: Uint8Array): boolean {
    if (head !== '') this.#writeHead(head);
    if (chunk.length > 0) return this.#res.write(chunk);
    this.#res.flushHeaders();
    return true;
  }

  protected override drained(): Promise<void> {
    const res = this.#res;
    if (this.isOver || !res.writableNeedDrain) return Promise.resolve();
    return new Promise((resolve) => {
      const settle = (): void => {
        res.off('drain', settle).off('close', settle);
        resolve();
      };
      res.on('drain', settle).on('close', settle);
    });
  }

  protected override finish(head: string, last: Uint8Array | undefined): void {
    if (head !== '') this.#writeHead(head);
    this.#res.end(last);
  }

  protected override abandon(): void {
    this.#res.destroy();
  }
}

/** Whether a request of HTTP/2 has a body without a length, which ends with the stream (RFC 9113 § 8.1.1). */
function hasStreamedBody(
  req: IncomingMessage & Partial<Pick<Http2ServerRequest, 'stream'>>,
): boolean {
  if (req.stream === undefined || req.headers['content-length'] !== undefined) return false;
  return !req.stream.endAfterHeaders;
}
