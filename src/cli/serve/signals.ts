/** How the command handles signals. */

import { constants } from 'node:os';

import type { Listener } from './gateways.ts';

/** Whether a process manager or a service manager has opened the sockets. */
export function isManaged(listeners: readonly Listener[]): boolean {
  return listeners.some(({ address }) => 'fd' in address);
}

/**
 * The first signal stops gracefully, with exit code 0. The second one stops at once. The process managers of Apache and
 * lighttpd stop with SIGWINCH. At a terminal the same signal means that the window was resized, so it is ignored there.
 */
export function stopOnSignals(stop: () => Promise<void>, isManaged: boolean): void {
  const signals: NodeJS.Signals[] = isManaged
    ? ['SIGTERM', 'SIGINT', 'SIGWINCH']
    : ['SIGTERM', 'SIGINT'];
  let isStopping = false;
  for (const signal of signals) {
    process.on(signal, () => {
      if (isStopping) process.exit(128 + constants.signals[signal]);
      isStopping = true;
      // exit(), because the application may have timers and connections open.
      void stop().then(() => process.exit(0));
    });
  }
}

/**
 * Reopens the log on SIGUSR1 (as nginx does) or SIGHUP: log rotation sends it after it has moved the file away. At a
 * terminal SIGHUP means that the terminal was closed, and ends the process as usual.
 */
export function reopenOnSignals(reopen: (signal: NodeJS.Signals) => void): void {
  process.on('SIGUSR1', reopen);
  if (!process.stderr.isTTY) process.on('SIGHUP', reopen);
}
