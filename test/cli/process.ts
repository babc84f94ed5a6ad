/** The command as a process. */

import { spawn } from 'node:child_process';
import type { ChildProcess, StdioOptions } from 'node:child_process';
import { once } from 'node:events';
import type { Server } from 'node:net';
import { fileURLToPath } from 'node:url';

import { onTestFinished } from 'vitest';

import { dyingWithUs } from '../servers/launch.ts';

export const POSTERN = fileURLToPath(new URL('../../dist/src/cli/main.cjs', import.meta.url));

/** The path of a file under fixtures/. */
export const fixture = (name: string): string =>
  fileURLToPath(new URL(`fixtures/${name}`, import.meta.url));

/** The descriptor of a listening socket, to be handed to a process. Node has no public name for it. */
export function descriptorOf(server: Server): number {
  return (server as unknown as { _handle: { fd: number } })._handle.fd;
}

/** How the process is started. */
export interface Setup {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Descriptors from 0 on; 1 and 2 are always pipes. Default: none. */
  readonly stdio?: readonly ('ignore' | 'pipe' | number)[];
  /** A shell command in which `"$@"` is the program. */
  readonly shell?: string;
}

/** What became of it. */
export interface Outcome {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** Whether the tests run as root makes no difference to what they look at. */
export const ROOT_WARNING = /^postern: this is root, .*\n/m;

/** A process, ended with the test that started it. */
export class CommandProcess {
  readonly child: ChildProcess;
  /** Its end. */
  readonly ended: Promise<Outcome>;
  #stdout = '';
  #stderr = '';

  constructor(args: readonly string[], { env, cwd, stdio = ['ignore'], shell }: Setup = {}) {
    const command: [string, ...string[]] = [process.execPath, POSTERN, ...args];
    const [file, ...rest] =
      shell === undefined ? dyingWithUs(...command) : ['/bin/sh', '-c', shell, 'sh', ...command];
    const [stdin, , , ...more] = stdio;
    this.child = spawn(file, rest, {
      cwd,
      env: { PATH: process.env['PATH'], ...env },
      stdio: [stdin, 'pipe', 'pipe', ...more] as StdioOptions,
    });
    this.child.stdout!.on('data', (chunk: Buffer) => (this.#stdout += chunk.toString()));
    this.child.stderr!.on('data', (chunk: Buffer) => {
      this.#stderr = (this.#stderr + chunk.toString()).replace(ROOT_WARNING, '');
    });
    this.ended = once(this.child, 'close').then(([code, signal]) => ({
      stdout: this.#stdout,
      stderr: this.#stderr,
      code: code as number | null,
      signal: signal as NodeJS.Signals | null,
    }));
    onTestFinished(() => void this.child.kill('SIGKILL'));
  }

  /** What it has said on stderr so far. */
  get stderr(): string {
    return this.#stderr;
  }

  /**
   * Waits until it has said something on stderr.
   *
   * @throws when it ends without having said it
   */
  async says(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this.#stderr);
      if (match !== null) return match;
      if (this.child.exitCode !== null || this.child.signalCode !== null) {
        throw new Error(`it ended without saying ${pattern}: ${this.#stderr}`);
      }
      await Promise.race([once(this.child.stderr!, 'data'), this.ended]);
    }
  }

  /** Ends it. */
  stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<Outcome> {
    this.child.kill(signal);
    return this.ended;
  }
}

/** Runs the command to its end. */
export function run(args: readonly string[], setup: Setup = {}): Promise<Outcome> {
  return new CommandProcess(args, setup).ended;
}
