/** One CGI request (RFC 3875): variables from the environment, body on stdin, response on stdout. */

import { asEnviron } from '../../src/environ/environ.ts';
import type { Variables } from '../../src/environ/environ.ts';
import { checkHeaders } from '../../src/response/headers.ts';
import { describeRequest } from '../../src/handler/process-guard.ts';
import { StreamHandler } from '../../src/handler/stream-handler.ts';
import type { HandlerStreams } from '../../src/handler/stream-handler.ts';
import type { CgiOptions } from './options.ts';

/** Serves the one request of a CGI process. */
export class CgiHandler extends StreamHandler {
  override readonly runOnce = true;
  override readonly originServer: boolean;
  #broken = false;

  /** @param streams when `stdout` is closed or fails, the client has left */
  constructor(streams: HandlerStreams, options: CgiOptions = {}) {
    super(streams, options);
    this.originServer = options.nph ?? hasNphName(streams.environ);
  }

  /** The request, for the log: `GET /path`. */
  get request(): string | undefined {
    return this.environ && describeRequest(asEnviron(this.environ));
  }

  /** Whether the response was broken off after its headers had been sent. */
  get broken(): boolean {
    return this.#broken;
  }

  /**
   * Ends a request whose application waits for what never comes: it is answered with an error, or, after its headers,
   * broken off.
   */
  giveUp(): void {
    if (this.isOver) return;
    this.logException(new Error('the application waits for something that will never happen'));
    if (this.headersSent) this.abandon();
    else this.#sendError();
    this.disconnect();
  }

  #sendError(): void {
    const body = Buffer.from(this.environ?.['REQUEST_METHOD'] === 'HEAD' ? '' : this.errorBody);
    this.send(this.formatHead(this.errorStatus, checkHeaders(this.errorHeaders)), body);
  }

  protected override abandon(): void {
    this.#broken = true;
    super.abandon();
  }
}

/**
 * The same under IIS, where PATH_INFO repeats SCRIPT_NAME unless the server was configured otherwise
 * (wsgiref's `IISCGIHandler`).
 */
export class IisCgiHandler extends CgiHandler {
  protected override addCgiVars(environ: Variables): void {
    super.addCgiVars(environ);
    const script = (environ['SCRIPT_NAME'] ?? '') as string;
    const path = (environ['PATH_INFO'] ?? '') as string;
    if (`${path}/`.startsWith(`${script}/`)) environ['PATH_INFO'] = path.slice(script.length);
  }
}

/** RFC 3875 § 5: servers recognize such a script by its name. */
function hasNphName(environ: Readonly<Record<string, string>>): boolean {
  return [environ['SCRIPT_NAME'], environ['SCRIPT_FILENAME']].some(
    // Looked for first without the expression, which takes a process of one request longer to compile.
    (path) => path?.includes('nph-') === true && /(?:^|[/\\])nph-[^/\\]*$/.test(path),
  );
}
