/** The gateways beside node:http and node-fastcgi, behind the same front end with the shipped configuration. */

import { startHaproxy } from '../servers/haproxy.ts';
import { startNginx } from '../servers/nginx.ts';
import type { Load } from './measure.ts';
import { compare, postern } from './side-by-side.ts';

const MIB = 1024 * 1024;
const LOADS: readonly Load[] = [
  { name: 'hello', path: '/', length: 13, upload: 0 },
  { name: '16 KiB', path: '/16k', length: 16 * 1024, upload: 0 },
  { name: '1 MiB streamed', path: '/1m', length: MIB, upload: 0 },
  { name: '1 MiB upload', path: '/upload', length: 7, upload: MIB },
];

const on = (gateway: string) => postern(gateway, 'test/bench/peers/application.mjs');
const script = (name: string) => (socket: string) => [`test/bench/peers/${name}.mjs`, socket];

const onlyHello = (load: Load): boolean => load.name !== 'hello';

compare(
  'behind nginx',
  [
    { name: 'node:http', args: script('node-http'), conf: 'nginx/http.conf', start: startNginx },
    { name: 'postern HTTP', args: on('http'), conf: 'nginx/http.conf', start: startNginx },
    {
      name: 'postern FastCGI',
      args: on('fastcgi'),
      conf: 'nginx/fastcgi.conf',
      start: startNginx,
    },
    { name: 'postern SCGI', args: on('scgi'), conf: 'nginx/scgi.conf', start: startNginx },
    { name: 'postern uwsgi', args: on('uwsgi'), conf: 'nginx/uwsgi.conf', start: startNginx },
    {
      name: 'node-fastcgi',
      args: script('node-fastcgi'),
      conf: 'nginx/fastcgi.conf',
      start: startNginx,
    },
    {
      name: 'bare FastCGI loop (parses nothing)',
      args: script('bare-loop'),
      conf: 'nginx/fastcgi.conf',
      start: startNginx,
      cannot: onlyHello,
    },
  ],
  LOADS,
);

compare(
  'behind HAProxy',
  [
    { name: 'node:http', args: script('node-http'), conf: 'haproxy/http.cfg', start: startHaproxy },
    {
      name: 'postern FastCGI',
      args: on('fastcgi'),
      conf: 'haproxy/fastcgi.cfg',
      start: startHaproxy,
    },
    {
      name: 'postern FastCGI, multiplexed',
      args: on('fastcgi'),
      conf: 'haproxy/fastcgi.cfg',
      values: { multiplex: 'yes' },
      start: startHaproxy,
      // Large multiplexed uploads fail in HAProxy 2.6, whatever the backend.
      cannot: (load) => load.upload > 0,
    },
  ],
  LOADS,
);
