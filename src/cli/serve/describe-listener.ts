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

/**
 * Adds what can be done to the error that a port is in use, or that it needs root. Any other error is returned as it is.
 *
 * @param others the listeners of this command
 */
export async function adviseOnPort(
  error: unknown,
  listener: Listener,
  others: readonly Listener[],
  settings: Settings,
): Promise<unknown> {
  const { address } = listener;
  const { code } = ((error as Error).cause ?? {}) as NodeJS.ErrnoException;
  if (!(error instanceof UsageError) || !('port' in address)) return error;
  const { cause } = error;
  if (code === 'EACCES' && address.port < FIRST_UNPRIVILEGED_PORT)
    return new UsageError(`${error.message}; ${PRIVILEGED}`, { cause });
  if (code !== 'EADDRINUSE') return error;
  const own = others.find(
    (other) => other !== listener && 'port' in other.address && other.address.port === address.port,
  );
  if (own !== undefined) {
    const by = `--${own.gateway} ${formatAddress(own.address)}`;
    return new UsageError(`${formatAddress(address)} is in use by this command itself: ${by}`, {
      cause,
    });
  }
  const port = await nextFreePort(address.host, address.port);
  if (port === undefined) return error;
  const free = address.host === '127.0.0.1' ? port : formatAddress({ host: address.host, port });
  const { app = 'APP' } = settings;
  const advice = `postern ${/[^\w./:@-]/.test(app) ? JSON.stringify(app) : app} --${listener.gateway} ${free}`;
  return new UsageError(`${error.message}; port ${port} is free: ${advice}`, { cause });
}

const FIRST_UNPRIVILEGED_PORT = 1024;

/** What can be done without root. */
const PRIVILEGED =
  'ports below 1024 belong to root: take another port behind a web server (postern conf nginx APP), let systemd open it ' +
  '(postern conf systemd APP), or allow it with sysctl net.ipv4.ip_unprivileged_port_start=80';

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
