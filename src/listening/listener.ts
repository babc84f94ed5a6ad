/** Listening sockets: TCP, unix, inherited. Used by every gateway that listens. */

import {
  closeSync,
  existsSync,
  lchownSync,
  lstatSync,
  openSync,
  renameSync,
  unlinkSync,
} from 'node:fs';
import type { BigIntStats } from 'node:fs';
import { connect } from 'node:net';
import type { Server as NetServer } from 'node:net';
import { devNull } from 'node:os';
import { dirname, join } from 'node:path';

import { formatAddress } from '../sockets/address.ts';
import type { Address } from '../sockets/address.ts';
import { UsageError } from '../errors.ts';
import { doubtFolder, doubtOwner, pinFolder } from '../files/ownership.ts';
import { keepFromChildren } from './descriptor-zero.ts';

/** How to listen. */
export interface ListenOptions {
  /** Permission bits of a unix socket. Default 0o660: owner and group may connect. */
  socketMode?: number | undefined;
  /** User id of the owner of a unix socket. Default: the account of this process. Only root can give it to another one. */
  socketOwner?: number | undefined;
  /** Group id of a unix socket. Default: the group of this process. Only root and members of a group can give it to it. */
  socketGroup?: number | undefined;
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
    if ('path' in address) keepForeignFile(server, address.path, close);
    else close();
    function close(): void {
      server.close(() => resolve());
    }
    if ('fd' in address && address.fd <= 2) releaseStdio(address.fd);
  });
}

/**
 * Closes a descriptor from 0 to 2, which libuv does not. On fd 0, the socket of a process manager, the kernel would go on
 * accepting connections that nobody serves.
 */
function releaseStdio(fd: number): void {
  closeSync(fd);
  openSync(devNull, 'r+'); // takes the free number: a connection that got it would never be closed
}

/** The files that servers have made. A server removes its own only. */
const files = new WeakMap<NetServer, BigIntStats>();

/**
 * Closes a server on a unix socket. libuv removes whatever is at its path, within the call of `close`: also the socket of
 * a process that has started meanwhile, after the file was removed. Such a file is put aside for the time of the call.
 */
function keepForeignFile(server: NetServer, path: string, close: () => void): void {
  const found = lstat(path);
  if (found === undefined || isSameFile(found, files.get(server))) {
    close();
    return;
  }
  const aside = join(dirname(path), `.postern-${process.pid}`);
  try {
    renameSync(path, aside);
  } catch {
    close(); // who may not rename it may not remove it either
    return;
  }
  try {
    close();
  } finally {
    renameSync(aside, path);
  }
}

/** @returns undefined when there is nothing, or where this account may not look */
function lstat(path: string): BigIntStats | undefined {
  try {
    return lstatSync(path, { bigint: true });
  } catch {
    return undefined;
  }
}

/** The number of an inode is not given to another file as long as a socket is bound to it. */
function isSameFile(one: BigIntStats, other: BigIntStats | undefined): boolean {
  return one.ino === other?.ino && one.dev === other.dev;
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
    const onListening = (): void => {
      const made = 'path' in address ? lstat(address.path) : undefined;
      if (made !== undefined) files.set(server, made);
      try {
        if ('path' in address) giveAway(address.path, options);
        settle();
      } catch (error) {
        server.close();
        settle(error as Error);
      }
    };
    server.on('error', settle).on('listening', onListening);
    if ('fd' in address && address.fd === 0) keepFromChildren();
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

/** Gives a socket to the account that is to connect, in a folder in which nobody can put another file in its place. */
function giveAway(path: string, { socketOwner, socketGroup }: ListenOptions): void {
  if (socketOwner === undefined && socketGroup === undefined) return;
  const entry = pinFolder(path);
  const doubt = doubtFolder(dirname(entry));
  if (doubt !== undefined)
    throw new UsageError(`${path} is not given to another account: ${doubt}`);
  const { uid, gid } = lstatSync(entry);
  try {
    lchownSync(entry, socketOwner ?? uid, socketGroup ?? gid);
  } catch (error) {
    if (codeOf(error) !== 'EPERM') throw error;
    const to = socketOwner === undefined ? `group ${socketGroup}` : `account ${socketOwner}`;
    const who = socketOwner === undefined ? 'root and the members of that group' : 'root';
    throw new UsageError(`${path} cannot be given to ${to}: only ${who} may do that`, {
      cause: error,
    });
  }
}

/** Removes a socket only if it is ours, and only from a folder in which nobody else can replace it meanwhile. */
async function removeStaleSocket(path: string): Promise<void> {
  const entry = pinFolder(path);
  const found = lstat(entry);
  if (found === undefined) return;
  if (!found.isSocket()) throw new UsageError(`${path} exists and is not a socket`);
  if (await isServed(path)) throw inUse(path);
  const doubt = doubtOwner(lstatSync(entry)) ?? doubtFolder(dirname(entry));
  if (doubt !== undefined)
    throw new UsageError(`${path} is a stale socket, but it is not removed: ${doubt}`);
  const now = lstat(entry);
  // Another process may have replaced it meanwhile.
  if (!isSameFile(found, now) || found.ctimeNs !== now?.ctimeNs) throw inUse(path);
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
