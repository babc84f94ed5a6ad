/** Addresses that a gateway listens on: `HOST:PORT`, `:PORT`, `PORT`, `[::1]:PORT`, `unix:PATH`, `fd:N`. */

import { UsageError } from '../errors.ts';

/** A TCP address. */
export interface TcpAddress {
  /** IP address, or a host name; an IPv6 address without brackets. */
  host: string;
  /** 0 takes a free one. */
  port: number;
}

/** A unix socket. */
export interface UnixAddress {
  /** Path of the socket, at most 107 bytes on Linux and 103 elsewhere. */
  path: string;
}

/** A listening socket that was inherited from the process that started this one. */
export interface FdAddress {
  /** Its file descriptor. */
  fd: number;
}

/** Where a server listens. */
export type Address = TcpAddress | UnixAddress | FdAddress;

/** Where a server listens when no host is given: loopback, so that nothing is open to the network by accident. */
export const DEFAULT_HOST = '127.0.0.1';

/**
 * Parses an address as it is written on the command line.
 *
 * @throws {UsageError} for anything else
 */
export function parseAddress(text: string | number): Address {
  const spec = String(text).trim();
  if (spec.startsWith('unix:')) {
    const path = spec.slice('unix:'.length);
    if (path === '') throw new UsageError('address "unix:" has no path');
    return { path };
  }
  if (spec.startsWith('fd:')) {
    const number = spec.slice('fd:'.length);
    if (!/^\d{1,9}$/.test(number))
      throw new UsageError(`address ${JSON.stringify(spec)} has no descriptor`);
    return { fd: Number(number) };
  }
  const match = /^(?:(\[[0-9A-Fa-f:.%a-z]+\]|[^:[\]]*):)?(\d{1,5})$/.exec(spec);
  const port = match === null ? NaN : Number(match[2]);
  if (match === null || port > 65535) {
    throw new UsageError(
      `${JSON.stringify(spec)} is not an address: HOST:PORT, :PORT, PORT, [IPV6]:PORT, unix:PATH or fd:N`,
    );
  }
  const host = (match[1] ?? '').replace(/^\[|\]$/g, '');
  return { host: host === '' ? DEFAULT_HOST : host, port };
}

/** An address as {@link parseAddress} takes it. */
export function formatAddress(address: Address): string {
  if ('path' in address) return `unix:${address.path}`;
  if ('fd' in address) return `fd:${address.fd}`;
  const { host, port } = address;
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
