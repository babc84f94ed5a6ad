/** Messages on where a gateway listens: for HTTP, a URL that can be clicked. */

import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';

import { formatAddress } from '../../sockets/address.ts';
import { UsageError } from '../../errors.ts';
import { listen } from '../../listening/listener.ts';
import type { Listener } from './gateways.ts';
import type { Settings } from '../options/options.ts';

/** Wildcard addresses, and the loopback address of the same family. */
const WILDCARDS = new Map([
  ['0.0.0.0', '127.0.0.1'],
  ['::', '::1'],
]);

/**
 * Describes a listener.
 *
 * @param bound the server's `address()`. It has the real port when port 0 was given
 */
export function describeListener(
  { gateway, address }: Listener,
  bound: AddressInfo | string | null,
  settings: Settings,
): string {
  if (!('port' in address)) return formatAddress(address);
  const port = bound !== null && typeof bound === 'object' ? bound.port : address.port;
  if (gateway !== 'http') return formatAddress({ host: address.host, port });
  const scheme = settings.cert === undefined ? 'http' : 'https';
  const host = WILDCARDS.get(address.host) ?? address.host;
  const url = `${scheme}://${formatAddress({ host, port })}/`;
  return host === address.host ? url : `${url} and every other address of this machine`;
}

/** How many ports after one that is in use are tried. */
const PORTS_TO_TRY = 100;

/** Adds a free port to the error that a port is in use. Any other error is returned as it is. */
export async function adviseOnPort(
  error: unknown,
  { gateway, address }: Listener,
  settings: Settings,
): Promise<unknown> {
  const { code } = ((error as Error).cause ?? {}) as NodeJS.ErrnoException;
  if (!(error instanceof UsageError) || code !== 'EADDRINUSE' || !('port' in address)) return error;
  const port = await nextFreePort(address.host, address.port);
  if (port === undefined) return error;
  const free = address.host === '127.0.0.1' ? port : formatAddress({ host: address.host, port });
  const { app = 'APP' } = settings;
  const advice = `postern ${/[^\w./:@-]/.test(app) ? JSON.stringify(app) : app} --${gateway} ${free}`;
  return new UsageError(`${error.message}; port ${port} is free: ${advice}`, {
    cause: error.cause,
  });
}

async function nextFreePort(host: string, taken: number): Promise<number | undefined> {
  for (let port = taken + 1; port <= Math.min(taken + PORTS_TO_TRY, 65535); port++) {
    const probe = createServer();
    try {
      await listen(probe, { host, port });
      return port;
    } catch {
      // This port is not free either.
    } finally {
      probe.close();
    }
  }
  return undefined;
}
