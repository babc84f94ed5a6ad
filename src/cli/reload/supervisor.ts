/**
 * Serves an application in development. This process listens, and another one serves. It is replaced when a file that the
 * application imports has changed. Connections are accepted here and handed over: while there is no other process they
 * wait, so that none is refused.
 */

import { createServer } from 'node:net';
import type { Server as NetServer, Socket } from 'node:net';
import { relative } from 'node:path';
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';

import { listen } from '../../listening/listener.ts';
import { createLog } from '../../logging/log.ts';
import type { Log } from '../../types.ts';
import type { Listener } from '../serve/gateways.ts';
import { closeInspector } from '../load/inspect.ts';
import { resolveModuleOrFolder } from '../load/resolve.ts';
import type { Settings } from '../options/options.ts';
import { isManaged, reopenOnSignals, stopOnSignals } from '../serve/signals.ts';
import { announceStart } from '../serve/announce.ts';
import { adviseOnPort, describeListener } from '../serve/describe-listener.ts';
import type { BoundListener, Failure, ImportedFile } from './messages.ts';
import { ServingProcess } from './process.ts';
import type { Backend } from './process.ts';
import { Unavailable } from './unavailable.ts';
import { FileTree } from './watch/file-tree.ts';
import type { Globs } from './watch/globs.ts';
import { Watcher } from './watch/watcher.ts';

/** Milliseconds in which the old process may end before the new one starts: it may lock something that this one needs. */
const HANDOVER_TIME = 250;

/**
 * Serves an application through every given gateway, and reloads it, until the process is told to stop.
 *
 * @returns when all of them listen
 * @throws {UsageError} when one of them cannot listen, or there is no such application
 */
export async function serveWithReload(
  listeners: readonly Listener[],
  settings: Settings,
): Promise<void> {
  // The debugger is for the other process: here it would hold the port.
  await closeInspector();
  const supervisor = new Supervisor(settings, await globsOf(settings));
  stopOnSignals(() => supervisor.stop(), isManaged(listeners));
  // Without a log file the signals have their default action, in both processes.
  if (isFile(settings.accessLog)) reopenOnSignals((signal) => supervisor.reopen(signal));
  for (const listener of listeners) {
    try {
      await supervisor.listen(listener);
    } catch (error) {
      supervisor.close();
      throw await adviseOnPort(error, listener, listeners, settings);
    }
  }
  announceStart(createLog(settings.logLevel), settings, true);
  supervisor.reload();
}

/** Their code is loaded only if there are some. */
async function globsOf({
  reloadInclude,
  reloadExclude,
}: Settings): Promise<{ include: Globs; exclude: Globs } | undefined> {
  if (reloadInclude.length === 0 && reloadExclude.length === 0) return undefined;
  const { Globs } = await import('./watch/globs.ts');
  return { include: new Globs(reloadInclude), exclude: new Globs(reloadExclude) };
}

function isFile(accessLog: Settings['accessLog']): boolean {
  return typeof accessLog === 'string' && accessLog !== '' && accessLog !== '-';
}

class Supervisor {
  readonly #settings: Settings;
  readonly #log: Log;
  readonly #application: string;
  readonly #watcher: Watcher;
  readonly #excluded: Globs | undefined;
  /** Watches what is read and not imported. */
  readonly #tree: FileTree | undefined;
  readonly #sockets: NetServer[] = [];
  readonly #listeners: BoundListener[] = [];
  /** Connections that wait for a backend. */
  #waiting: { readonly socket: Socket; readonly listener: number }[] = [];
  /** Takes the connections. */
  #backend: Backend | undefined;
  #starting: ServingProcess | undefined;
  /** Backends that serve or are stopping. */
  readonly #alive = new Set<Backend>();
  #isReloading = false;
  #isOutdated = false;
  #isStopping = false;
  #starts = 0;
  #lastFailure = '';
  #hasWatchFailed = false;

  /** @throws {UsageError} when there is no such application */
  constructor(settings: Settings, globs: { include: Globs; exclude: Globs } | undefined) {
    this.#settings = settings;
    this.#log = createLog(settings.logLevel);
    this.#application = resolveModuleOrFolder(settings.app!).path;
    this.#watcher = new Watcher({
      changed: (paths) => this.#onChange(paths),
      failed: (folder, error) => this.#onWatchFailure(folder, error),
    });
    this.#excluded = globs?.exclude;
    this.#tree =
      globs &&
      new FileTree(globs.include, globs.exclude, {
        changed: (path) => this.#watcher.touch(path),
        failed: (folder, error) => this.#onWatchFailure(folder, error),
      });
  }

  async listen(listener: Listener): Promise<void> {
    const server = createServer({ pauseOnConnect: true, allowHalfOpen: true });
    const number = this.#sockets.push(server) - 1;
    server.on('connection', (socket) => this.#accept(socket, number));
    await listen(server, listener.address, this.#settings);
    server.on('error', (error) => this.#log.error(`${listener.gateway}: ${error.message}`));
    const bound = server.address();
    this.#listeners.push({ gateway: listener.gateway, bound });
    this.#log.info(`${listener.gateway} on ${describeListener(listener, bound, this.#settings)}`);
  }

  /** Stops listening. */
  close(): void {
    for (const socket of this.#sockets) socket.close();
    this.#watcher.close();
    this.#tree?.close();
  }

  async stop(): Promise<void> {
    // Connections that have arrived are still served: one turn to accept them, one to hand them over.
    for (let turn = 0; turn < 2; turn++) await setImmediate();
    this.#isStopping = true;
    this.close();
    this.#starting?.kill();
    for (const { socket } of this.#waiting) socket.destroy();
    await Promise.all([...this.#alive].map((backend) => this.#retire(backend, true)));
  }

  reopen(signal: NodeJS.Signals): void {
    for (const backend of this.#alive) backend.reopen(signal);
  }

  // ---- connections

  #accept(socket: Socket, listener: number): void {
    socket.on('error', () => {});
    if (this.#backend === undefined) this.#waiting.push({ socket, listener });
    else this.#backend.take(socket, listener);
  }

  #serveWith(backend: Backend): void {
    this.#backend = backend;
    this.#alive.add(backend);
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { socket, listener } of waiting) backend.take(socket, listener);
  }

  async #retire(backend: Backend, isFinal = false): Promise<void> {
    if (this.#backend === backend) this.#backend = undefined;
    await backend.stop(isFinal);
    this.#alive.delete(backend);
  }

  // ---- changes

  #onFiles(process: ServingProcess, files: readonly ImportedFile[]): void {
    if (process !== this.#starting && process !== this.#backend) return;
    for (const { path, at } of files)
      if (this.#excluded?.matches(path) !== true) this.#watcher.add(path, at);
  }

  /** Warns only once: the reason is a limit of the system, and the same for all folders. */
  #onWatchFailure(folder: string, error: Error): void {
    if (this.#hasWatchFailed) return;
    this.#hasWatchFailed = true;
    this.#log.warn(`some changes will not be noticed: cannot watch ${folder}: ${error.message}`);
  }

  #onChange(paths: readonly string[]): void {
    const [first, ...others] = paths.map((path) => relative('', path));
    const more = others.length === 0 ? '' : ` and ${others.length} more`;
    this.#log.info(`${first}${more} changed: reloading`);
    this.reload();
  }

  /** Replaces the backend, and replaces it again if something changes meanwhile. */
  reload(): void {
    this.#isOutdated = true;
    this.#starting?.kill();
    if (!this.#isReloading) void this.#reload();
  }

  async #reload(): Promise<void> {
    this.#isReloading = true;
    while (this.#isOutdated && !this.#isStopping) {
      const old = this.#backend;
      if (old !== undefined) await Promise.race([this.#retire(old), sleep(HANDOVER_TIME)]);
      this.#isOutdated = false;
      await this.#start();
    }
    this.#isReloading = false;
  }

  async #start(): Promise<void> {
    this.#watcher.add(this.#application, Date.now());
    const started = new ServingProcess(
      { postern: 'serve', settings: this.#settings, listeners: this.#listeners },
      (process, files) => this.#onFiles(process, files),
    );
    this.#starting = started;
    this.#starts++;
    const outcome = await started.outcome;
    this.#starting = undefined;
    if (this.#isOutdated || this.#isStopping) {
      started.kill();
      return;
    }
    switch (outcome.postern) {
      case 'ready':
        this.#onReady(started);
        return;
      case 'fatal':
        this.#log.error(outcome.message);
        process.exit(1);
      // eslint-disable-next-line no-fallthrough -- the process has ended
      case 'failed':
        return this.#fail(outcome);
      case 'ended':
        return this.#fail({ message: `the application has ${outcome.how} while it was loaded` });
    }
  }

  #onReady(started: ServingProcess): void {
    this.#watcher.keep(new Set([this.#application, ...started.files]));
    this.#serveWith(started);
    this.#lastFailure = '';
    if (this.#starts > 1) this.#log.info('reloaded');
    void started.ended.then((how) => {
      this.#alive.delete(started);
      if (this.#backend !== started || this.#isStopping) return;
      this.#backend = undefined;
      return this.#fail({ message: `the application has ${how}` });
    });
  }

  /** Logs why the application cannot be served, and answers requests with this error. */
  async #fail(failure: Failure): Promise<void> {
    const { message } = failure;
    if (message !== this.#lastFailure) this.#log.error(message);
    this.#lastFailure = message;
    this.#log.info('waiting for a change');
    const backend = await Unavailable.start(failure, this.#listeners, this.#settings);
    if (!this.#isOutdated && !this.#isStopping) this.#serveWith(backend);
  }
}
