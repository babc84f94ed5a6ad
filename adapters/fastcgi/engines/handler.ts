/** One request that the package node-fastcgi has parsed. */

import { escapeLines } from '../../../src/bytes.ts';
import type { Variables } from '../../../src/environ/environ.ts';
import type { CheckedHeaders } from '../../../src/response/headers.ts';
import type { InputStream } from '../../../src/input/input-stream.ts';
import { StreamHandler, readFrom, writeTo } from '../../../src/handler/stream-handler.ts';
import type { GatewayOptions, Role } from '../../../src/types.ts';
import { formatHead } from '../head.ts';
import { dataLength, deleteResourceVariables, destroyOnAbort } from '../roles.ts';
import type { PackageRequest, PackageResponse } from './node-fastcgi.ts';

/** The connection, as a handler sees it. */
export interface HandlerConnection {
  readonly options: GatewayOptions;
  /** Closes the connection so that a broken response does not look complete. */
  reset(): void;
}

/** Serves one request over the streams of the package. */
export class EngineHandler extends StreamHandler {
  override readonly gateway = 'fastcgi';
  readonly #request: PackageRequest;
  readonly #response: PackageResponse;
  readonly #role: Role;
  readonly #connection: HandlerConnection;

  constructor(
    request: PackageRequest,
    response: PackageResponse,
    role: Role,
    connection: HandlerConnection,
  ) {
    super(
      {
        stdin: request,
        stdout: response.stdout,
        stderr: writeTo((text) => writeError(response, escapeLines(text))),
        environ: bytesOf(request.cgiParams),
      },
      connection.options,
    );
    this.#request = request;
    this.#response = response;
    this.#role = role;
    this.#connection = connection;
    // A stream without a listener for 'error' would end the process. The connection reports the failure.
    for (const stream of [request, request.data, response, response.stderr]) {
      stream.on('error', () => {});
    }
    request.on('aborted', () => this.disconnect());
  }

  protected override getRole(): Role {
    return this.#role;
  }

  protected override addCgiVars(environ: Variables): void {
    super.addCgiVars(environ);
    if (this.#role === 'authorizer') deleteResourceVariables(environ);
  }

  protected override getStdin(): InputStream {
    if (this.#role === 'filter') this.environ!['postern.data'] = this.#openData();
    return super.getStdin();
  }

  #openData(): InputStream {
    const data = readFrom(() => this.#request.data, dataLength(this.environ!));
    return destroyOnAbort(data, this.signal);
  }

  protected override formatHead(status: string, headers: CheckedHeaders): string {
    return formatHead(this.formatStatus(status), headers);
  }

  protected override finish(head: string, last: Uint8Array | string | undefined): void {
    super.finish(head, last);
    this.#endStderr(() => this.#response.stdout.end());
  }

  protected override abandon(): void {
    this.#endStderr(() => this.#connection.reset());
  }

  /** Ends STDERR before the response: the package would send its end after END_REQUEST, on a closed connection. */
  #endStderr(then: () => void): void {
    this.#response.stderr.end(then);
  }

  /** The connection is closed. The package never closes its streams then, but others wait for 'close'. */
  connectionClosed(): void {
    const { stdout } = this.#response;
    if (stdout.closed) return;
    stdout.emit('close');
  }
}

/**
 * Writes STDERR. HAProxy 2.6 crashes if a STDERR record has no padding, and the package adds none to text whose length
 * is a multiple of 8. So such text is sent as two records.
 */
function writeError({ stderr }: PackageResponse, text: string): void {
  if (!stderr.writable) {
    process.stderr.write(text);
    return;
  }
  const bytes = Buffer.from(text);
  if (bytes.length % 8 > 0) stderr.write(bytes);
  else if (bytes.length > 0) {
    stderr.write(bytes.subarray(0, 1));
    stderr.write(bytes.subarray(1));
  }
}

/** The variables as byte strings. The package has decoded them as UTF-8: bytes that were not UTF-8 are lost. */
function bytesOf(params: Readonly<Record<string, string>>): Record<string, string> {
  const variables: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const [name, value] of Object.entries(params)) variables[toBytes(name)] = toBytes(value);
  return variables;
}

function toBytes(text: string): string {
  return Buffer.from(text).toString('latin1');
}
