/** What the command says of itself when it starts and when it stops. */

import { createLog } from '../../logging/log.ts';
import type { Log } from '../../types.ts';
import { formatTime } from '../options/units.ts';
import type { Settings } from '../options/options.ts';
import { readVersion } from '../package.ts';
import type { Gateways } from './gateways.ts';

/** At a terminal: the version, whether the application is loaded again, and how to stop. */
export function announceStart(log: Log, { app }: Settings, reloads: boolean): void {
  if (!process.stderr.isTTY) return;
  const what = reloads ? `${app} is loaded again when it changes` : `${app} is loaded once`;
  log.info(`postern ${readVersion()}, Node ${process.versions.node}; ${what}; Ctrl-C stops`);
}

/** Root need not serve, and what the application does by mistake root does. In development nobody else can reach it. */
export function warnOfRoot(log: Log): void {
  if (process.getuid?.() !== 0) return;
  log.warn(ROOT);
}

const ROOT =
  'this is root, and so is the application: start it from another account (User= in a unit of systemd, USER in a Dockerfile)';

/** Milliseconds of stopping about which nothing is said. */
const SHORT = 100;

/** Says what a stop waits for, if it takes a while. */
export function announceStop(gateways: Gateways, settings: Settings): void {
  const { shutdownTimeout, logLevel } = settings;
  const timer = setTimeout(() => {
    const { running } = gateways;
    const what =
      running === 0 ? 'connections' : running === 1 ? '1 request' : `${running} requests`;
    const again = process.stderr.isTTY ? 'Ctrl-C again ends it' : 'a second signal ends it';
    const most = formatTime(shutdownTimeout * 1000);
    createLog(logLevel).info(`stopping: waits for ${what}, ${most} at the most; ${again} at once`);
  }, SHORT);
  timer.unref();
}
