/** Runs a CGI process: it serves one request and ends. */

import { closeSync, fstatSync } from 'node:fs';

import { escapeLines } from '../../src/bytes.ts';
import { checkOptions } from '../../src/options.ts';
import { toFunction } from '../../src/handler/application.ts';
import { guardProcess } from '../../src/handler/process-guard.ts';
import { writeTo } from '../../src/handler/stream-handler.ts';
import type { HandlerStreams } from '../../src/handler/stream-handler.ts';
import type { Application, ApplicationFunction } from '../../src/types.ts';
import { readEnvironment } from './environment.ts';
import { CgiHandler, IisCgiHandler } from './handler.ts';
import { CGI_OPTIONS } from './options.ts';
import type { RunOptions } from './options.ts';
import { takeStdout } from './stdout.ts';
import type { ResponseOutput } from './stdout.ts';

const DEFAULT_GRACE_TIMEOUT = 500;

/** Exit code of a process that SIGTERM has ended, as shells report it. */
const TERMINATED = 128 + 15;

/**
 * Makes the process a CGI program: standard output belongs to the response (what else is printed
 * goes to standard error), and HTTP_PROXY, which would be the client's `Proxy:` header
 * (CVE-2016-5385), is gone from its environment.
 *
 * {@link runWithCgi} does it too. Calling it before the application is loaded covers what the
 * application does while it is loaded.
 */
export function prepareCgi(): void {
  takeStdout();
  delete process.env['HTTP_PROXY'];
}

/**
 * Serves the one request that the process environment describes (RFC 3875).
 *
 * The process is then expected to end by itself, with exit code 0, or 1 when the response was broken
 * off or an error escaped. Arguments are never read.
 *
 * @returns a promise that is fulfilled when the response has been written to standard output and the
 *   body is closed. It never rejects.
 * @throws {UsageError} when `application` is none, or for an option that there is not or that cannot be used
 */
export async function runWithCgi(application: Application, given: RunOptions = {}): Promise<void> {
  const run = toFunction(application);
  checkOptions('runWithCgi', given, CGI_OPTIONS);
  prepareCgi();
  const options = given.forwardedAllowIps === undefined ? given : await withForwarding(given);
  const stdout = takeStdout();
  const environ = readEnvironment();
  const stdin = new Stdin(environ);
  const streams: HandlerStreams = {
    get stdin() {
      return stdin.open();
    },
    stdout,
    // Applications log text of clients, and servers write stderr to their logs unescaped.
    stderr: writeTo((text) => void process.stderr.write(escapeLines(text))),
    environ,
  };
  const handler = new (options.iis === true ? IisCgiHandler : CgiHandler)(streams, options);
  const grace = options.graceTimeout ?? DEFAULT_GRACE_TIMEOUT;
  const end = (): void => {
    // Otherwise the process ends by itself.
    if (process.getActiveResourcesInfo().length > 0)
      setTimeout(() => process.exit(), grace).unref();
  };
  onTerminate(stdout, end);
  await serve(handler, run);
  const drained = stdin.close();
  await stdout.end();
  await drained;
  if (handler.broken) process.exitCode = 1;
  closeDescriptor(1);
  setImmediate(end);
}

/** Loaded only where it is used: few CGI programs have a proxy in front of their web server. */
async function withForwarding(options: RunOptions): Promise<RunOptions> {
  const { createForwarding } = await import('../../src/environ/forwarded/forwarding.ts');
  return { ...options, forwarding: createForwarding(options) };
}

/** Runs the request until it ends, or until the application waits for nothing. */
async function serve(handler: CgiHandler, application: ApplicationFunction): Promise<void> {
  guardProcess({ request: () => handler.request, onError: () => (process.exitCode = 1) });
  const stuck = new Promise<void>((resolve) => {
    // The event loop is empty, but the application still waits.
    process.once('beforeExit', () => {
      if (!handler.isOver) process.exitCode = 1;
      handler.giveUp();
      resolve();
    });
  });
  await Promise.race([handler.run(application), stuck]);
}

/**
 * Apache and lighttpd send SIGTERM to a CGI program when the client has left. Apache sends it also when it has read the
 * whole response, but then the process is ending anyway.
 */
function onTerminate(stdout: ResponseOutput, end: () => void): void {
  process.on('SIGTERM', () => {
    if (!stdout.isFinished) process.exitCode = TERMINATED;
    // The handler takes it for a client that has left, and closes the body.
    stdout.destroy();
    end();
  });
}

/** Standard input. Opening it takes time, so it is opened by the first read of the body. */
class Stdin {
  readonly #mayHaveBody: boolean;
  #isOpen = false;

  constructor({ CONTENT_LENGTH, HTTP_TRANSFER_ENCODING }: Readonly<Record<string, string>>) {
    this.#mayHaveBody = Number(CONTENT_LENGTH ?? 0) !== 0 || HTTP_TRANSFER_ENCODING !== undefined;
  }

  open(): typeof process.stdin {
    this.#isOpen = true;
    return process.stdin;
  }

  /**
   * Closes the body. What the application has not read stays unread. A server that still writes it gets a broken pipe:
   * Apache needs that, because it does not read the response before it has written the whole body.
   *
   * Under Apache's mod_cgid stdin and stdout are one socket. Closing it with bytes unread would reset it, and the end of
   * the response would be lost. So there the body is read to its end.
   *
   * @returns a promise of that end
   */
  async close(): Promise<void> {
    if (this.#mayHaveBody && isSameSocket(0, 1)) {
      const { finished } = await import('node:stream/promises');
      process.stdin.removeAllListeners('data').resume();
      await finished(process.stdin, { writable: false }).catch(() => {}); // on an error the server has left
      return;
    }
    if (this.#isOpen) process.stdin.destroy();
    closeDescriptor(0);
  }
}

function isSameSocket(a: number, b: number): boolean {
  try {
    const [first, second] = [fstatSync(a), fstatSync(b)];
    return first.isSocket() && first.dev === second.dev && first.ino === second.ino;
  } catch {
    return false; // one of them is closed
  }
}

/**
 * Node never closes descriptors 0 and 1. While they are open, the web server waits: for more of the response, or to
 * write more of the body.
 */
function closeDescriptor(fd: 0 | 1): void {
  // Windows has handles instead. They are closed when the process ends.
  if (process.platform === 'win32') return;
  try {
    closeSync(fd);
  } catch {
    // Already closed.
  }
}
