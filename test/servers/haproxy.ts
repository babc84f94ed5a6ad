/** HAProxy with one shipped file beside a global section. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import {
  WORKER_ACCOUNT,
  isRoot,
  launch,
  prepareSite,
  type PreparedServer,
  type RunningServer,
  type ServerOptions,
} from './launch.ts';

export async function prepareHaproxy(options: ServerOptions): Promise<PreparedServer> {
  const { folder, port } = await prepareSite('site.cfg', options);
  // One thread: each has connections of its own, and the tests count those that are multiplexed.
  writeFileSync(
    join(folder, 'main.cfg'),
    `
global
    log stderr format raw local0 info
    maxconn 500
    nbthread 1
    ${isRoot ? `user ${WORKER_ACCOUNT}\n    group ${WORKER_ACCOUNT}` : ''}

defaults
    log global
    option httplog
    option dontlognull

${options.extra ?? ''}

${options.values['part'] === 'location' ? frontend(join(folder, 'site.cfg'), port) : ''}
`,
  );
  const args = ['-f', 'main.cfg', '-f', 'site.cfg'];
  return {
    folder,
    port,
    command: 'haproxy',
    startArgs: ['-db', ...args],
    checkArgs: ['-c', ...args],
    env: options.env,
  };
}

/** A frontend that is there already, with the lines that the head of the file asks for. */
function frontend(file: string, port: number): string {
  const lines = readFileSync(file, 'utf8').matchAll(/^# {5}(.*)$/gm);
  return `frontend main
    mode http
    bind 127.0.0.1:${port}
    timeout client 60s
    ${[...lines].map(([, line]) => line).join('\n    ')}
    default_backend nothing

backend nothing
    mode http
    http-request deny deny_status 404`;
}

export async function startHaproxy(options: ServerOptions): Promise<RunningServer> {
  return launch(await prepareHaproxy(options));
}
