/** The process that serves, as the one that listens sees it. */

import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import type { Socket } from 'node:net';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';

import { isOurs } from './messages.ts';
import type { ImportedFile, Order, Report } from './messages.ts';

/** The result of starting a process. */
export type Outcome =
  | Extract<Report, { postern: 'ready' | 'failed' | 'fatal' }>
  | { readonly postern: 'ended'; readonly how: string };

/** Milliseconds after its own shutdownTimeout until a process is killed. */
const KILL_DELAY = 1000;

const PROGRAM = fileURLToPath(new URL(`child${extname(import.meta.filename)}`, import.meta.url));

/** What takes the connections: the process that serves, or its substitute when the application cannot be loaded. */
export interface Backend {
  /** Takes a connection to the gateway with this number. */
  take(socket: Socket, listener: number): void;
  /** Ends after the requests in flight. @param isFinal whether the command stops */
  stop(isFinal?: boolean): Promise<void>;
  /** Reopens its log. */
  reopen(signal: NodeJS.Signals): void;
}

/** A process that serves, from its start to its end. */
export class ServingProcess implements Backend {
  /** Files that it has imported. */
  readonly files = new Set<string>();
  readonly outcome: Promise<Outcome>;
  /** Its end, as a participle: `ended with exit code 1`. */
  readonly ended: Promise<string>;
  readonly #child: ChildProcess;
  readonly #timeout: number;
  readonly #killAtExit = (): void => void this.#child.kill('SIGKILL');

  constructor(
    order: Extract<Order, { postern: 'serve' }>,
    onFiles: (process: ServingProcess, files: readonly ImportedFile[]) => void,
  ) {
    this.#timeout = order.settings.shutdownTimeout * 1000 + KILL_DELAY;
    this.#child = fork(PROGRAM, { serialization: 'advanced' });
    process.on('exit', this.#killAtExit);
    this.ended = new Promise((resolve) => {
      this.#child.on('error', (error) => resolve(`ended: ${error.message}`));
      this.#child.on('exit', (code, signal) => {
        process.off('exit', this.#killAtExit);
        resolve(signal === null ? `ended with exit code ${code}` : `been ended by ${signal}`);
      });
    });
    this.outcome = new Promise((resolve) => {
      this.#child.on('message', (report: Report) => {
        if (!isOurs(report)) return;
        if (report.postern !== 'files') resolve(report);
        else {
          for (const { path } of report.files) this.files.add(path);
          onFiles(this, report.files);
        }
      });
      void this.ended.then((how) => resolve({ postern: 'ended', how }));
    });
    this.#send(order);
  }

  take(socket: Socket, listener: number): void {
    const order: Order = { postern: 'connection', listener };
    this.#child.send(order, socket, (error) => {
      if (error !== null) socket.destroy();
    });
  }

  async stop(isFinal = false): Promise<void> {
    this.#send({ postern: 'stop', final: isFinal });
    const timer = setTimeout(() => this.kill(), this.#timeout);
    await this.ended;
    clearTimeout(timer);
  }

  /** Ends it at once. */
  kill(): void {
    this.#child.kill('SIGKILL');
  }

  reopen(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  #send(order: Order): void {
    this.#child.send(order, () => {}); // an error means that it has ended, which 'exit' reports
  }
}
