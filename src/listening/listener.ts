/** Listening sockets: TCP, unix, inherited. Used by every gateway that listens. */

import { closeSync, existsSync, lstatSync, unlinkSync } from 'node:fs';
import { connect } from 'node:net';
import type { Server as NetServer } from 'node:net';
import { dirname } from 'node:path';

import { formatAddress } from '../sockets/address.ts';
import type { Address } from '../sockets/address.ts';
import { UsageError } from '../errors.ts';
import { doubtFolder, doubtOwner, pinFolder } from '../files/ownership.ts';

/** How to listen. */
export interface ListenOptions {
  /** Permission bits of a unix socket. Default 0o660: owner and group may connect. */
  socketMode?: number | undefined;
  /** How many connections the kernel keeps that are not accepted yet (listen(2)). Default 511, as Node's and nginx's. */
  backlog?: number | undefined;
}

const DEFAULT_SOCKET_MODE = 0o660;
const DEFAULT_BACKLOG = 511;
/** Size of `sun_path` without its final NUL, on Linux and elsewhere. */
const MAX_PATH = process.platform === 'linux' ? 107 : 103;

/**
 * Binds a server to an address.
 *
 * A unix socket that a crashed process has left is replaced. One on which a process listens is not.
 *
 * @throws {UsageError} when the address cannot be used
 */
export async function listen(
  server: NetServer,
  address: Address,
  options: ListenOptions = {},
): Promise<void> {
  if ('path' in address) checkPath(address.path);
  try {
    if ('path' in address) pinFolder(address.path);
    await bind(server, address, options).catch(async (error: unknown) => {
      if (!('path' in address) || codeOf(error) !== 'EADDRINUSE') throw error;
      await removeStaleSocket(address.path);
      await bind(server, address, options);
    });
  } catch (error) {
    throw explain(error, address);
  }
}

/**
 * Stops accepting at once. Resolves when the last connection is closed.
 *
 * @param address as given to {@link listen}
 */
export function stopListening(server: NetServer, address: Address): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    // libuv does not close descriptors 0 to 2. On fd 0, the socket of a process manager, the kernel would go on
    // accepting connections that nobody serves.
    if ('fd' in address && address.fd <= 2) closeSync(address.fd);
  });
}

/** Node 20 would truncate the path, and listen on another one. */
function checkPath(path: string): void {
  const length = Buffer.byteLength(path);
  if (length <= MAX_PATH) return;
  throw new UsageError(
    `the path of unix:${path} is too long: ${length} bytes, and the limit is ${MAX_PATH}`,
  );
}

function bind(server: NetServer, address: Address, options: ListenOptions): Promise<void> {
  const backlog = options.backlog ?? DEFAULT_BACKLOG;
  const mode = options.socketMode ?? DEFAULT_SOCKET_MODE;
  return new Promise((resolve, reject) => {
    const settle = (error?: Error): void => {
      server.off('error', settle).off('listening', onListening);
      if (error === undefined) resolve();
      else reject(error);
    };
    const onListening = (): void => settle();
    server.on('error', settle).on('listening', onListening);
    if (!('path' in address)) {
      server.listen({ ...address, backlog });
      return;
    }
    // The socket is made within this call, with this mode (unix(7)). A chmod afterwards would follow a link that
    // somebody has put in its place.
    const umask = process.umask(0o777 & ~mode);
    try {
      server.listen({ path: address.path, backlog });
    } finally {
      process.umask(umask);
    }
  });
}

/** Removes a socket only if it is ours, and only from a folder in which nobody else can replace it meanwhile. */
async function removeStaleSocket(path: string): Promise<void> {
  const entry = pinFolder(path);
  const found = lstatSync(entry, { bigint: true, throwIfNoEntry: false });
  if (found === undefined) return;
  if (!found.isSocket()) throw new UsageError(`${path} exists and is not a socket`);
  if (await isServed(path)) throw inUse(path);
  const doubt = doubtOwner(lstatSync(entry)) ?? doubtFolder(dirname(entry));
  if (doubt !== undefined)
    throw new UsageError(`${path} is a stale socket, but it is not removed: ${doubt}`);
  const { ino, ctimeNs } = lstatSync(entry, { bigint: true });
  // Another process may have replaced it meanwhile.
  if (ino !== found.ino || ctimeNs !== found.ctimeNs) throw inUse(path);
  unlinkSync(entry);
}

function inUse(path: string): UsageError {
  return new UsageError(`unix:${path} is in use by another process`);
}

function isServed(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.on('connect', () => {
      socket.destroy();
      resolve(true);
    });
    // With any other error (no permission, queue full) somebody may listen on it.
    socket.on('error', (error) => resolve(codeOf(error) !== 'ECONNREFUSED'));
  });
}

function explain(error: unknown, address: Address): Error {
  if (error instanceof UsageError) return error;
  const where = formatAddress(address);
  // libuv reports EACCES also when the folder does not exist.
  const isNowhere = 'path' in address && !existsSync(dirname(address.path));
  const code = isNowhere ? 'ENOENT' : codeOf(error);
  const known: Record<string, string> = {
    EADDRINUSE: `${where} is in use by another process`,
    EACCES: `no permission to listen on ${where}`,
    EADDRNOTAVAIL: `${where} is not an address of this machine`,
    ENOTFOUND: `the host of ${where} is not known`,
    ENOENT: `the folder of ${where} does not exist`,
    EINVAL: `${where} is not a listening socket`,
    EBADF: `${where} is not open`,
    ENOTSOCK: `${where} is not a socket`,
  };
  const message = known[code] ?? `cannot listen on ${where}: ${(error as Error).message}`;
  return new UsageError(message, { cause: error });
}

function codeOf(error: unknown): string {
  return String((error as NodeJS.ErrnoException).code);
}
