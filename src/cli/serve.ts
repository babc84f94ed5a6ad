/** Gateways of one process: started together, stopped together. */

import { constants } from 'node:os';

import { formatAddress } from '../address.ts';
import type { Address } from '../address.ts';
import { toFunction } from '../application.ts';
import { createLog } from '../log.ts';
import { guardProcess, traceRequests } from '../process-guard.ts';
import type { Server } from '../server.ts';
import type { Application } from '../types.ts';
import { openAccessLog } from './access-log.ts';
import type { Listener } from './detect.ts';
import type { LogFile } from './log-file.ts';
import { gatewayOptions } from './options.ts';
import type { Settings } from './options.ts';
import { SERVERS } from './registry.ts';

/**
 * Serves an application through every given gateway until the process is told to stop.
 *
 * @returns when all of them listen
 * @throws {UsageError} when one of them cannot; those before it have been closed again
 */
export async function serve(
  application: Application,
  listeners: readonly Listener[],
  settings: Settings,
): Promise<void> {
  const log = createLog(settings.logLevel);
  const accessLog = openAccessLog(settings);
  const options = { ...gatewayOptions(settings), accessLog: accessLog?.log, log };
  const served = guard(application, settings);
  const servers: Server[] = [];
  const stop = async (timeout: number): Promise<void> => {
    await Promise.all(servers.map((server) => server.close({ timeout })));
  };
  // Before anybody is told that it runs: whoever started it may stop it as soon as it says so.
  stopOnSignals(listeners, async () => {
    await stop(settings.shutdownTimeout * 1000);
    accessLog?.file?.flush();
  });
  if (accessLog?.file !== undefined) reopenOnSignals(accessLog.file);
  try {
    for (const { gateway, address } of listeners) {
      const run = await SERVERS[gateway]();
      const server = await run(served, { ...options, listen: address });
      servers.push(server);
      log.info(`${gateway} on ${describe(gateway, address, server)}`);
    }
  } catch (error) {
    await stop(0);
    throw error;
  }
}

/** Errors that escape an application are told of, at the level `debug` with the request they come from. */
function guard(application: Application, settings: Settings): Application {
  if (settings.logLevel !== 'debug') {
    guardProcess();
    return application;
  }
  const traced = traceRequests(toFunction(application));
  guardProcess({ request: traced.request });
  return traced.application;
}

/** Where a server can be reached: the port that it got if it was to take a free one. */
function describe(gateway: string, address: Address, server: Server): string {
  if (!('port' in address)) return formatAddress(address);
  const bound = server.address();
  const port = bound !== null && typeof bound === 'object' ? bound.port : address.port;
  const where = formatAddress({ host: address.host, port });
  return gateway === 'http' ? `http://${where}/` : where;
}

/**
 * Log rotation moves a file away and sends SIGUSR1 (as nginx wants it) or SIGHUP. At a terminal SIGHUP
 * means that the terminal is gone, and ends the process as ever.
 */
function reopenOnSignals(file: LogFile): void {
  const reopen = (): void => file.reopen();
  process.on('SIGUSR1', reopen);
  if (!process.stderr.isTTY) process.on('SIGHUP', reopen);
}

/**
 * The first signal stops gracefully, with exit code 0; the second one at once. SIGWINCH is a stop for
 * the process managers of Apache and lighttpd, but the resizing of its window for a terminal.
 */
function stopOnSignals(listeners: readonly Listener[], stop: () => Promise<void>): void {
  const isManaged = listeners.some(({ address }) => 'fd' in address);
  const signals: NodeJS.Signals[] = isManaged
    ? ['SIGTERM', 'SIGINT', 'SIGWINCH']
    : ['SIGTERM', 'SIGINT'];
  let isStopping = false;
  for (const signal of signals) {
    process.on(signal, () => {
      if (isStopping) process.exit(128 + constants.signals[signal]);
      isStopping = true;
      // Whatever the application has left open must not keep the process.
      void stop().then(() => process.exit(0));
    });
  }
}
