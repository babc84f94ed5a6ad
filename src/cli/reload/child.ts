/**
 * The process that serves: it loads the application, tells which files that took, and gets its connections
 * from the process that listens. What it does not load is told, and ends it.
 */

import type { Socket } from 'node:net';

import { Gateways } from '../serve/gateways.ts';
import { loadApplication, resolveApplication, traceOf } from '../load/load-app.ts';
import { formatFailure } from '../report.ts';
import { guard } from '../serve/serve.ts';
import { reopenOnSignals } from '../serve/signals.ts';
import { watchImports } from './imports.ts';
import { startGateways } from './start-gateways.ts';
import { isOurs } from './messages.ts';
import type { BoundListener, ImportedFile, Order, Report } from './messages.ts';

type ServeOrder = Extract<Order, { postern: 'serve' }>;

let files: ImportedFile[] = [];
let deliver: ((socket: Socket) => void)[] = [];
let stop = (): Promise<void> => Promise.resolve();
let isEnding = false;
/** Waits until every file has been told of that was imported up to now. */
let flushImports = (): Promise<void> => Promise.resolve();

// Ctrl-C is heard by every process at the terminal: the one that listens says what is to be done.
process.on('SIGINT', () => {}).on('SIGTERM', () => {});
process.on('disconnect', end); // it has been killed
process.on('message', (order: Order, socket?: Socket) => {
  if (!isOurs(order)) return;
  if (order.postern === 'serve') void begin(order);
  else if (order.postern === 'stop') end();
  // It may have been closed on its way.
  else if (socket !== undefined) deliver[order.listener]?.(socket);
});
if (!process.connected) end();

async function begin({ settings, listeners }: ServeOrder): Promise<void> {
  flushImports = watchImports(onFile);
  try {
    const name = resolveApplication(settings.app!);
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
  await sendFiles();
  send({ postern: 'ready' });
}

function end(): void {
  if (isEnding) return;
  isEnding = true;
  // Whatever the application has left open must not keep the process.
  void stop().then(() => process.exit(0));
}

// ---- what is told

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
  // When nobody hears it any more, the end is near.
  if (process.connected) process.send!(report, undefined, undefined, sent);
}
