/** What signals mean to the command. */

import { constants } from 'node:os';

import type { Listener } from './gateways.ts';

/** Whether a process manager has opened the sockets. */
export function isManaged(listeners: readonly Listener[]): boolean {
  return listeners.some(({ address }) => 'fd' in address);
}

/**
 * The first signal stops gracefully, with exit code 0; the second one at once. SIGWINCH is a stop for
 * the process managers of Apache and lighttpd, but the resizing of its window for a terminal.
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
      // Whatever the application has left open must not keep the process.
      void stop().then(() => process.exit(0));
    });
  }
}

/**
 * Log rotation moves a file away and sends SIGUSR1 (as nginx wants it) or SIGHUP. At a terminal SIGHUP
 * means that the terminal is gone, and ends the process as ever.
 */
export function reopenOnSignals(reopen: (signal: NodeJS.Signals) => void): void {
  process.on('SIGUSR1', reopen);
  if (!process.stderr.isTTY) process.on('SIGHUP', reopen);
}
