/** A listening socket on descriptor 0, where FastCGI process managers leave it (FastCGI 1.0 § 2.2). */

import type { ChildProcess } from 'node:child_process';
import { subscribe } from 'node:diagnostics_channel';

/** How a child process is started, as `ChildProcess` itself takes it. */
interface SpawnOptions {
  stdio?: unknown;
}

interface Starting extends ChildProcess {
  spawn?: (options: SpawnOptions) => unknown;
}

let isKept = false;

/**
 * Keeps descriptor 0 from child processes that the application starts: they get /dev/null for it. `fork()` and
 * `stdio: 'inherit'` pass it on. With a child that outlives this process, the kernel would go on accepting connections
 * that nobody serves.
 *
 * `spawnSync()` has no such hook; its child has ended when it returns.
 */
export function keepFromChildren(): void {
  if (isKept) return;
  isKept = true;
  subscribe('child_process', (message) => {
    const { process: child } = message as { process: Starting };
    child.spawn = (options) => {
      delete child.spawn; // leaves that of the prototype
      return child.spawn!({ ...options, stdio: withoutStdin(options.stdio) });
    };
  });
}

function withoutStdin(stdio: unknown): unknown {
  if (stdio === 'inherit') return ['ignore', 'inherit', 'inherit'];
  if (!Array.isArray(stdio) || !isStdin(stdio[0])) return stdio;
  return ['ignore', ...(stdio.slice(1) as unknown[])];
}

function isStdin(entry: unknown): boolean {
  return entry === 'inherit' || entry === 0 || entry === process.stdin;
}
