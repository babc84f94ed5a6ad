/** Frameworks on postern, each beside itself on node:http (a fetch handler: on @hono/node-server), behind nginx. */

import { startNginx } from '../servers/nginx.ts';
import type { Load } from './measure.ts';
import { compare, postern } from './side-by-side.ts';

const LOADS: readonly Load[] = [
  { name: 'hello', path: '/', length: 13, upload: 0 },
  { name: '16 KiB', path: '/16k', length: 16 * 1024, upload: 0 },
];

for (const name of ['express', 'koa', 'fastify', 'hono', 'fetch']) {
  const on = (gateway: string) => postern(gateway, `test/bench/peers/frameworks.mjs:${name}`);
  compare(
    `${name} behind nginx`,
    [
      {
        name: `${name} on node:http`,
        args: (socket) => ['test/bench/peers/framework-http.mjs', name, socket],
        conf: 'nginx/http.conf',
        start: startNginx,
      },
      {
        name: `${name} on postern FastCGI`,
        args: on('fastcgi'),
        conf: 'nginx/fastcgi.conf',
        start: startNginx,
      },
      {
        name: `${name} on postern HTTP`,
        args: on('http'),
        conf: 'nginx/http.conf',
        start: startNginx,
      },
    ],
    LOADS,
  );
}
