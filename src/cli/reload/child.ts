/**
 * The process that serves. It loads the application, reports which files that needed, and gets its connections from the
 * process that listens. If the application cannot be loaded, it reports why and ends.
 */

import type { Socket } from 'node:net';

import { announceStop } from '../serve/announce.ts';
import { Gateways } from '../serve/gateways.ts';
import { closeInspector, openInspector } from '../load/inspect.ts';
import { loadApplication, traceOf } from '../load/load-app.ts';
import { resolveModuleOrFolder } from '../load/resolve.ts';
import { formatFailure } from '../report.ts';
import { guard } from '../serve/serve.ts';
import { reopenOnSignals } from '../serve/signals.ts';
import { watchImports } from './watch/imports.ts';
import { startGateways } from './start-gateways.ts';
import { isOurs } from './messages.ts';
import type { BoundListener, ImportedFile, Order, Report } from './messages.ts';

type ServeOrder = Extract<Order, { postern: 'serve' }>;

let files: ImportedFile[] = [];
let deliver: ((socket: Socket) => void)[] = [];
let stop = (): Promise<void> => Promise.resolve();
/** Says what a stop waits for. */
let announce = (): void => {};
let isEnding = false;
/** Resolves when every file that was imported up to now has been reported. */
let flushImports = (): Promise<void> => Promise.resolve();

// Ctrl-C sends a signal to every process at the terminal. It is ignored here: the process that listens sends 'stop'.
process.on('SIGINT', () => {}).on('SIGTERM', () => {});
process.on('disconnect', () => end()); // the process that listens was killed
process.on('message', (order: Order, socket?: Socket) => {
  if (!isOurs(order)) return;
  if (order.postern === 'serve') void begin(order);
  else if (order.postern === 'stop') end(order.final);
  // The socket is undefined if it was closed on its way.
  else if (socket !== undefined) deliver[order.listener]?.(socket);
});
if (!process.connected) end();

async function begin({ settings, listeners }: ServeOrder): Promise<void> {
  flushImports = watchImports(onFile);
  try {
    await openInspector(settings);
    const name = resolveModuleOrFolder(settings.app!);
    const application = await loadApplication(name, settings.interface, onFile);
    await start(new Gateways(guard(application, settings), settings), listeners, settings);
  } catch (error) {
    await sendLast({
      postern: 'failed',
      message: formatFailure(error, settings.logLevel),
      stack: traceOf(error),
    });
  }
}

async function start(
  gateways: Gateways,
  listeners: readonly BoundListener[],
  settings: ServeOrder['settings'],
): Promise<void> {
  try {
    deliver = await startGateways(gateways, listeners);
  } catch (error) {
    await sendLast({ postern: 'fatal', message: formatFailure(error, settings.logLevel) });
    return;
  }
  const { accessLogFile } = gateways;
  if (accessLogFile !== undefined) reopenOnSignals(() => accessLogFile.reopen());
  stop = () => gateways.stop(settings.shutdownTimeout);
  announce = () => announceStop(gateways, settings);
  await sendFiles();
  send({ postern: 'ready' });
}

function end(isFinal = false): void {
  if (isFinal) announce();
  if (isEnding) return;
  isEnding = true;
  void closeInspector();
  // exit(), because the application may have timers and connections open.
  void stop().then(() => process.exit(0));
}

// ---- reports

function onFile(path: string, at = Date.now()): void {
  if (files.length === 0) setImmediate(sendCollected);
  files.push({ path, at });
}

async function sendFiles(): Promise<void> {
  await flushImports();
  sendCollected();
}

function sendCollected(): void {
  if (files.length > 0) send({ postern: 'files', files });
  files = [];
}

async function sendLast(report: Report): Promise<void> {
  await sendFiles();
  send(report, () => process.exit(1));
}

function send(report: Report, sent = (): void => {}): void {
  // Not when the process that listens is gone: then this one is about to end.
  if (process.connected) process.send!(report, undefined, undefined, sent);
}
