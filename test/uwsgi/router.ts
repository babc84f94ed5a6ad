/** uWSGI's own HTTP server in front of an application that is not its own: `--http-to`. */

import { freePort, launch, temporaryFolder } from '../servers/launch.ts';
import type { RunningServer } from '../servers/launch.ts';

/** @param upstream `HOST:PORT` of the application */
export async function startRouter(upstream: string): Promise<RunningServer> {
  const port = await freePort();
  const here = `127.0.0.1:${port}`;
  return launch({
    folder: temporaryFolder('uwsgi-router'),
    port,
    command: 'uwsgi',
    startArgs: ['--master', '--die-on-term', '--plugins', 'http', '--http', here].concat(
      '--http-to',
      upstream,
    ),
    checkArgs: [],
  });
}
