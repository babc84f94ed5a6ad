/** Detects how the process was started, if the command line does not say it. */

import { fstatSync } from 'node:fs';

import { DEFAULT_HOST } from '../../sockets/address.ts';
import type { Listener } from './gateways.ts';

/** Where HTTP is served by default. */
const DEFAULT_LISTENER: Listener = { gateway: 'http', address: { host: DEFAULT_HOST, port: 8000 } };

/** The first descriptor that a service manager passes (sd_listen_fds(3)). */
const FIRST_PASSED_FD = 3;

/**
 * The listeners when no gateway was given: FastCGI on the sockets that a service manager has passed, or on descriptor 0
 * where a FastCGI process manager leaves its socket (FastCGI 1.0 § 2.2); otherwise HTTP.
 *
 * @param environment of the process. Variables that are meant for this process only are removed from it
 */
export async function detectListeners(environment: NodeJS.ProcessEnv): Promise<Listener[]> {
  const passed = takePassedSockets(environment);
  const fds = passed === 0 && (await isListeningSocket(0)) ? [0] : range(FIRST_PASSED_FD, passed);
  if (fds.length === 0) return [DEFAULT_LISTENER];
  return fds.map((fd) => ({ gateway: 'fastcgi', address: { fd } }));
}

/** @returns how many sockets were passed to this process */
function takePassedSockets(environment: NodeJS.ProcessEnv): number {
  const count = environment['LISTEN_FDS'] ?? '';
  if (Number(environment['LISTEN_PID']) !== process.pid || !/^\d{1,4}$/.test(count)) return 0;
  // Otherwise a child process could take them for its own.
  for (const name of ['LISTEN_FDS', 'LISTEN_PID', 'LISTEN_FDNAMES']) delete environment[name];
  return Number(count);
}

function range(start: number, length: number): number[] {
  return Array.from({ length }, (_, i) => start + i);
}

/** Whether a descriptor is a listening socket. It may be a connected one: Node passes these to its children. */
async function isListeningSocket(fd: number): Promise<boolean> {
  if (!isSocket(fd)) return false;
  const { createServer } = await import('node:net');
  const probe = createServer();
  return new Promise((resolve) => {
    // listen(2) changes nothing on a listening socket, and fails on a connected one.
    probe.on('error', () => resolve(false));
    probe.listen({ fd }, () => {
      // Node does not close descriptors 0 to 2, and accepts nothing before the next turn.
      probe.close();
      resolve(true);
    });
  });
}

function isSocket(fd: number): boolean {
  try {
    return fstatSync(fd).isSocket();
  } catch {
    return false; // the descriptor is closed
  }
}
