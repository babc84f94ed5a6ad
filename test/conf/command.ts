/** The command that a configuration says is to be run, run as it says. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

import { accepts, dyingWithUs } from '../servers/launch.ts';
import type { StagedPackage } from '../servers/staging.ts';

const START_TIMEOUT = 15_000;

export interface StartedCommand {
  stop(): Promise<void>;
}

/** Starts `postern APP --GATEWAY ADDRESS …`, and waits until it listens. */
export async function startCommand(line: string, staged: StagedPackage): Promise<StartedCommand> {
  const [command, ...args] = dyingWithUs('/bin/sh', '-c', `exec ${line}`);
  const child = spawn(command, args, {
    env: { PATH: staged.path },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  const [, address] = / --(?:fastcgi|scgi|uwsgi|http) (\S+)/.exec(line)!;
  const place = address!.startsWith('unix:')
    ? address!.slice('unix:'.length)
    : Number(address!.split(':').at(-1));
  for (const deadline = Date.now() + START_TIMEOUT; !(await accepts(place)); await sleep(10)) {
    if (child.exitCode === null && Date.now() < deadline) continue;
    child.kill('SIGKILL');
    throw new Error(`${line} did not start: ${said}`);
  }
  return {
    async stop() {
      const exited = once(child, 'exit');
      child.kill('SIGTERM');
      await exited;
    },
  };
}
