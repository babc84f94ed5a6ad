/** A gateway that listens, as users start it: the command in a process of its own. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import type { ServerName } from '../../../src/cli/registry.ts';
import { accepts, dyingWithUs, freePort } from '../../servers/launch.ts';

export const POSTERN = join(import.meta.dirname, '../../../dist/src/cli/main.cjs');

const START_TIMEOUT = 15_000;

/** A running gateway. */
export interface Gateway {
  port: number;
  /** What it has said on standard error. */
  log(): string;
  /** @throws when it does not end by itself, with exit code 0 */
  stop(): Promise<void>;
}

/**
 * @param application `path[:export]`
 * @param options more of the command line
 */
export async function startGateway(
  gateway: ServerName,
  application: string,
  ...options: string[]
): Promise<Gateway> {
  const port = await freePort();
  const [command, ...args] = dyingWithUs(
    process.execPath,
    POSTERN,
    application,
    `--${gateway}`,
    `127.0.0.1:${port}`,
    ...options,
  );
  const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let log = '';
  child.stderr.on('data', (chunk: Buffer) => (log += chunk.toString()));
  const closed = once(child, 'close');
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    const [code] = await closed;
    if (code !== 0) throw new Error(`the gateway ended with ${code}:\n${log}`);
  };
  for (const deadline = Date.now() + START_TIMEOUT; !(await accepts(port)); await sleep(10)) {
    if (child.exitCode === null && Date.now() < deadline) continue;
    child.kill('SIGKILL');
    throw new Error(`the gateway did not start:\n${log}`);
  }
  return { port, log: () => log, stop };
}
