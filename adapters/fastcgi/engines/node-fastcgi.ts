/**
 * The second engine: the npm package node-fastcgi speaks the protocol, and the same handler serves its requests.
 * It is for those who depend on that package, and a peer to be compared with. What it cannot do is in
 * test/fastcgi/engines.test.ts.
 */

import type { IncomingMessage, ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import type { Server as NetServer, Socket } from 'node:net';
import type { Duplex, Readable, Writable } from 'node:stream';

import { UsageError } from '../../../src/errors.ts';

/** A request, as the package has it. */
export interface PackageRequest extends IncomingMessage {
  /** The FastCGI variables, taken for UTF-8. Of a name that comes twice the last. */
  readonly cgiParams: Readonly<Record<string, string>>;
  /** The DATA stream of a filter. */
  readonly data: Readable;
}

/** Its response: an HTTP one; and the streams below, which are all that is used of it. */
export interface PackageResponse extends ServerResponse {
  readonly stdout: Duplex;
  readonly stderr: Writable;
}

/** What is done with a request. */
export type Listener = (request: PackageRequest, response: PackageResponse) => void;

/** What it announces of itself (§ 4.1), and nothing more. */
export interface PackageConfig {
  maxConns: number;
  maxReqs: number;
  multiplex: boolean;
}

interface Package {
  createServer(
    responder: Listener,
    authorizer: Listener,
    filter: Listener,
    config: PackageConfig,
  ): NetServer;
}

/**
 * Loads the package: now, and not before.
 *
 * @throws {UsageError} when it is not installed
 */
export function loadPackage(): Package {
  try {
    return createRequire(import.meta.url)('node-fastcgi') as Package;
  } catch (error) {
    const { message } = error as Error;
    const [reason] = message.split('\n');
    throw new UsageError(`engine node-fastcgi cannot be loaded: ${reason}`, { cause: error });
  }
}

/**
 * Puts a guard around what the package does with a connection. It throws for input that it does not expect, out of
 * an event, which would end the process; and it hands `hadError` of `'close'` on as if it were an error, to streams
 * nobody listens to, which would end it as well.
 *
 * @param around is called with the work that new input makes
 */
export function guardSocket(socket: Socket, around: (work: () => void) => void): void {
  for (const listener of socket.listeners('data') as ((chunk: Buffer) => void)[]) {
    socket.off('data', listener);
    socket.on('data', (chunk: Buffer) => around(() => listener.call(socket, chunk)));
  }
  for (const listener of socket.listeners('close') as ((hadError: boolean) => void)[]) {
    socket.off('close', listener);
    socket.on('close', () => listener.call(socket, false));
  }
}
