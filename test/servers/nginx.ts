/** nginx with one shipped file in its `http` block. */
import { writeFileSync } from 'node:fs';
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

export async function prepareNginx(options: ServerOptions): Promise<PreparedServer> {
  const { folder, port } = await prepareSite('site.conf', options);
  // What goes into a server{} block is given one that has rules of its own.
  const site =
    options.values.part === 'location'
      ? `server {
        listen 127.0.0.1:${port};
        location ~ \\.(css|js|php)$ { return 418; }
        include site.conf;
    }`
      : 'include site.conf;';
  writeFileSync(
    join(folder, 'nginx.conf'),
    `
${isRoot ? `user ${WORKER_ACCOUNT};` : ''}
daemon off;
worker_processes 1;
pid nginx.pid;
error_log error.log info;
events { worker_connections 512; }
http {
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    scgi_temp_path scgi;
    uwsgi_temp_path uwsgi;
    ${options.extra ?? ''}
    ${site}
}
`,
  );
  const args = ['-p', folder, '-c', 'nginx.conf', '-e', 'error.log'];
  return {
    folder,
    port,
    command: 'nginx',
    startArgs: args,
    checkArgs: [...args, '-t'],
    env: options.env,
  };
}

export async function startNginx(options: ServerOptions): Promise<RunningServer> {
  return launch(await prepareNginx(options));
}
