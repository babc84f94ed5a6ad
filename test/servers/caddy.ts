/** Caddy with one shipped file imported, without its admin port. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import {
  launch,
  prepareSite,
  type PreparedServer,
  type RunningServer,
  type ServerOptions,
} from './launch.ts';

export async function prepareCaddy(options: ServerOptions): Promise<PreparedServer> {
  const { folder, port } = await prepareSite('site.caddyfile', options);
  writeFileSync(
    join(folder, 'Caddyfile'),
    `{
	admin off
}
${options.extra ?? ''}
${
  // What goes into the block of a site is given one that has other things as well.
  options.values['part'] === 'location'
    ? `http://:${port} {
	bind 127.0.0.1
	import site.caddyfile
	handle {
		respond 404
	}
}`
    : 'import site.caddyfile'
}
`,
  );
  const args = ['--config', 'Caddyfile', '--adapter', 'caddyfile'];
  return {
    folder,
    port,
    command: 'caddy',
    startArgs: ['run', ...args],
    checkArgs: ['validate', ...args],
    env: { HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder, ...options.env },
  };
}

export async function startCaddy(options: ServerOptions): Promise<RunningServer> {
  return launch(await prepareCaddy(options));
}
