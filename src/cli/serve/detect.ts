/** How the process was started, where the command line does not say it. */

import { fstatSync } from 'node:fs';

import { DEFAULT_HOST } from '../../sockets/address.ts';
import type { Listener } from './gateways.ts';

/** Where HTTP is served when nothing says otherwise. */
const DEFAULT_LISTENER: Listener = { gateway: 'http', address: { host: DEFAULT_HOST, port: 8000 } };

/** The first descriptor that a service manager passes (sd_listen_fds(3)). */
const FIRST_PASSED_FD = 3;

/** Whether a web server started this process for one request (RFC 3875 § 4.1). */
export function isCgi(environment: NodeJS.ProcessEnv): boolean {
  return isSet(environment['GATEWAY_INTERFACE']) || isSet(environment['REQUEST_METHOD']);
}

function isSet(value: string | undefined): boolean {
  return value !== undefined && value !== '';
}

/**
 * What to serve when no gateway was asked for: FastCGI on the sockets that a service manager passed
 * or on the one that a FastCGI process manager left on descriptor 0 (FastCGI 1.0 § 2.2); else HTTP.
 *
 * @param environment of the process; variables that were meant for this process alone are removed
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
  // A child process of this one must not take them for its own.
  for (const name of ['LISTEN_FDS', 'LISTEN_PID', 'LISTEN_FDNAMES']) delete environment[name];
  return Number(count);
}

function range(start: number, length: number): number[] {
  return Array.from({ length }, (_, i) => start + i);
}

/** Whether a descriptor is a listening socket. Node itself passes connected ones to its children. */
async function isListeningSocket(fd: number): Promise<boolean> {
  if (!isSocket(fd)) return false;
  const { createServer } = await import('node:net');
  const probe = createServer();
  return new Promise((resolve) => {
    // listen(2) changes nothing for a socket that listens, and fails for one that is connected.
    probe.on('error', () => resolve(false));
    probe.listen({ fd }, () => {
      // Node leaves descriptors 0 to 2 open, and nothing is accepted before the next turn.
      probe.close();
      resolve(true);
    });
  });
}

function isSocket(fd: number): boolean {
  try {
    return fstatSync(fd).isSocket();
  } catch {
    return false; // closed
  }
}
