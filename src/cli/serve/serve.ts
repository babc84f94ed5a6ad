/** Serves the application in this process, until it is told to stop. */

import { toFunction } from '../../handler/application.ts';
import { createLog } from '../../logging/log.ts';
import { guardProcess, traceRequests } from '../../handler/process-guard.ts';
import type { Application } from '../../types.ts';
import { Gateways } from './gateways.ts';
import type { Listener } from './gateways.ts';
import type { Settings } from '../options/options.ts';
import { isManaged, reopenOnSignals, stopOnSignals } from './signals.ts';
import { announceStart, announceStop, warnOfRoot } from './announce.ts';
import { adviseOnPort, describeListener } from './describe-listener.ts';

/**
 * Serves an application through every given gateway until the process is told to stop.
 *
 * @returns when all of them listen
 * @throws {UsageError} when one of them cannot listen. Then the others are closed again
 */
export async function serve(
  application: Application,
  listeners: readonly Listener[],
  settings: Settings,
): Promise<void> {
  const log = createLog(settings.logLevel);
  const gateways = new Gateways(guard(application, settings), settings);
  // Before the log says that it runs: whoever reads that line may send a signal at once.
  stopOnSignals(() => {
    announceStop(gateways, settings);
    return gateways.stop(settings.shutdownTimeout);
  }, isManaged(listeners));
  const { accessLogFile } = gateways;
  if (accessLogFile !== undefined) reopenOnSignals(() => accessLogFile.reopen());
  warnOfRoot(log);
  for (const listener of listeners) {
    try {
      const server = await gateways.start(listener.gateway, listener.address);
      log.info(`${listener.gateway} on ${describeListener(listener, server.address(), settings)}`);
    } catch (error) {
      await gateways.stop(0);
      throw await adviseOnPort(error, listener, listeners, settings);
    }
  }
  announceStart(log, settings, false);
}

/** Logs errors that escape the application; at the level `debug` with the request from which they come. */
export function guard(application: Application, settings: Settings): Application {
  if (settings.logLevel !== 'debug') {
    guardProcess();
    return application;
  }
  const traced = traceRequests(toFunction(application));
  guardProcess({ request: traced.request });
  return traced.application;
}
