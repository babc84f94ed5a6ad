/** lighttpd with one shipped file included in a minimal configuration. */
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
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

export async function prepareLighttpd(options: ServerOptions): Promise<PreparedServer> {
  const { folder, port } = await prepareSite('site.conf', options);
  const [modules] = /server\.modules \+= \( .* \)/.exec(
    readFileSync(join(folder, 'site.conf'), 'utf8'),
  ) ?? [''];
  mkdirSync(join(folder, 'www'));
  // Written to by the worker account. Errors go to standard error, which needs no permission.
  mkdirSync(join(folder, 'uploads'));
  chmodSync(join(folder, 'uploads'), 0o777);
  writeFileSync(
    join(folder, 'lighttpd.conf'),
    `
server.bind = "127.0.0.1"
server.port = ${port}
server.document-root = "${join(folder, 'www')}"
server.upload-dirs = ( "${join(folder, 'uploads')}" )
${isRoot ? `server.username = "${WORKER_ACCOUNT}"\nserver.groupname = "${WORKER_ACCOUNT}"` : ''}
${options.extra ?? ''}
${
  // What goes into the block of a host is given one.
  options.values['part'] === 'location'
    ? `${modules}\n$HTTP["host"] =~ "^localhost(:\\d+)?$" { include "site.conf" }`
    : 'include "site.conf"'
}
`,
  );
  const args = ['-f', join(folder, 'lighttpd.conf')];
  return {
    folder,
    port,
    command: 'lighttpd',
    startArgs: ['-D', ...args],
    checkArgs: ['-tt', ...args],
    env: options.env,
  };
}

export async function startLighttpd(options: ServerOptions): Promise<RunningServer> {
  return launch(await prepareLighttpd(options));
}
