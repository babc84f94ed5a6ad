/** A process that serves one request and ends. */

import { closeSync, fstatSync } from 'node:fs';
import { finished } from 'node:stream/promises';
import type { Writable } from 'node:stream';

import { escapeLines } from '../../src/bytes.ts';
import { toFunction } from '../../src/handler/application.ts';
import { guardProcess } from '../../src/handler/process-guard.ts';
import { writeTo } from '../../src/handler/stream-handler.ts';
import type { HandlerStreams } from '../../src/handler/stream-handler.ts';
import type { Application, ApplicationFunction } from '../../src/types.ts';
import { readEnvironment } from './environment.ts';
import { CgiHandler, IisCgiHandler } from './handler.ts';
import type { CgiOptions } from './handler.ts';
import { takeStdout } from './stdout.ts';

/** Options of {@link runWithCgi}. */
export interface RunOptions extends CgiOptions {
  /** Whether PATH_INFO repeats SCRIPT_NAME, as under IIS. Default false. */
  iis?: boolean | undefined;
  /**
   * Milliseconds for which the process may go on after its response, or after SIGTERM: for a log that
   * is still being written, say. Timers, servers and connections that the application has left open do
   * not keep it longer. The web server does not wait for it. Default 500.
   */
  graceTimeout?: number | undefined;
}

const DEFAULT_GRACE_TIMEOUT = 500;

/** Exit code of a process that was ended by SIGTERM, as a shell has it. */
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
 * @throws {UsageError} when `application` is none
 */
export async function runWithCgi(
  application: Application,
  options: RunOptions = {},
): Promise<void> {
  const run = toFunction(application);
  prepareCgi();
  const stdout = takeStdout();
  const environ = readEnvironment();
  const stdin = new Stdin(environ);
  const streams: HandlerStreams = {
    get stdin() {
      return stdin.open();
    },
    stdout,
    // What applications log often comes from outside, and servers write it to their logs as it is.
    stderr: writeTo((text) => void process.stderr.write(escapeLines(text))),
    environ,
  };
  const handler = new (options.iis === true ? IisCgiHandler : CgiHandler)(streams, options);
  const grace = options.graceTimeout ?? DEFAULT_GRACE_TIMEOUT;
  const end = (): unknown => setTimeout(() => process.exit(), grace).unref();
  onTerminate(stdout, end);
  await serve(handler, run);
  const drained = stdin.close();
  await flush(stdout);
  await drained;
  if (handler.broken) process.exitCode = 1;
  closeDescriptor(1);
  end();
}

/** Runs the request to its end, whatever ends it. */
async function serve(handler: CgiHandler, application: ApplicationFunction): Promise<void> {
  guardProcess({ request: () => handler.request, onError: () => (process.exitCode = 1) });
  const stuck = new Promise<void>((resolve) => {
    // The event loop has nothing left to wait for, but the application is waiting.
    process.once('beforeExit', () => {
      if (!handler.isOver) process.exitCode = 1;
      handler.giveUp();
      resolve();
    });
  });
  await Promise.race([handler.run(application), stuck]);
}

/**
 * Apache and lighttpd end a CGI program by SIGTERM when the client has left. When they have read all
 * of the response Apache does it too; then the process is ending anyway.
 */
function onTerminate(stdout: Writable, end: () => void): void {
  process.on('SIGTERM', () => {
    if (!stdout.writableFinished) process.exitCode = TERMINATED;
    // To the handler this is a client that has left: the body is closed.
    stdout.destroy();
    end();
  });
}

/** Resolves when all has been written, or cannot be written any more. */
async function flush(stdout: Writable): Promise<void> {
  stdout.end();
  // The callback of end() is never called for a stream that was destroyed, as that of a broken response is.
  await finished(stdout, { readable: false }).catch(() => {});
}

/** Standard input: opened by the first read of the body, since opening it takes time. */
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
   * What the application left unread is left. A server that still writes it is told by a closed pipe,
   * as Apache has to be, which reads no response before it has written all.
   *
   * Not so under Apache's mod_cgid, where both are one socket: closed with bytes unread it is reset, and
   * the response that is still in it lost. There it is read to its end.
   *
   * @returns a promise of that end
   */
  async close(): Promise<void> {
    if (this.#mayHaveBody && isSameSocket(0, 1)) {
      process.stdin.removeAllListeners('data').resume();
      await finished(process.stdin, { writable: false }).catch(() => {}); // the server has left: so may we
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
 * Node never closes descriptors 0 and 1, and as long as they are open the web server waits for more,
 * or for less.
 */
function closeDescriptor(fd: 0 | 1): void {
  // Windows has handles instead, which end with the process.
  if (process.platform === 'win32') return;
  try {
    closeSync(fd);
  } catch {
    // Already closed.
  }
}
