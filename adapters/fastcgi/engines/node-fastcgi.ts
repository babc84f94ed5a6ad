/**
 * The second engine: the npm package node-fastcgi speaks the protocol, and the same handler serves its requests.
 * It is for users who depend on that package, and for comparison. test/fastcgi/engines.test.ts has what it cannot do.
 */

import type { IncomingMessage, ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import type { Server as NetServer, Socket } from 'node:net';
import type { Duplex, Readable, Writable } from 'node:stream';

import { UsageError } from '../../../src/errors.ts';

/** A request of the package. */
export interface PackageRequest extends IncomingMessage {
  /** The FastCGI variables, decoded as UTF-8. Of repeated names the last value counts. */
  readonly cgiParams: Readonly<Record<string, string>>;
  /** The DATA stream of a filter. */
  readonly data: Readable;
}

/** Its response looks like one of node:http. Only these two streams are used. */
export interface PackageResponse extends ServerResponse {
  readonly stdout: Duplex;
  readonly stderr: Writable;
}

/** Called with each request. */
export type Listener = (request: PackageRequest, response: PackageResponse) => void;

/** The values that it announces (§ 4.1). It enforces none of them. */
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
 * Loads the package, only when it is used.
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
 * Wraps the package's listeners on a socket, because two of its faults would end the process. It throws out of 'data' for
 * input that it does not expect. And it emits `hadError` of 'close' as an error, on streams that nobody listens to.
 *
 * @param around called with what the package does with new input
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
