/** Real web servers with the shipped configuration, in front of a gateway in the test's own process. */

import { get } from 'node:http';
import type { OutgoingHttpHeaders } from 'node:http';
import { chmodSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

import type { FastCgiOptions } from '../../adapters/fastcgi/index.ts';
import type { Application } from '../../src/types.ts';
import { startApache } from '../servers/apache.ts';
import { startCaddy } from '../servers/caddy.ts';
import { startHaproxy } from '../servers/haproxy.ts';
import { temporaryFolder } from '../servers/launch.ts';
import type { RunningServer, ServerOptions } from '../servers/launch.ts';
import { startLighttpd } from '../servers/lighttpd.ts';
import { startNginx } from '../servers/nginx.ts';
import { serve } from './kit.ts';
import type { Running } from './kit.ts';

/** A front end: what `describeWithServer` calls it, its shipped file, and how it is started. */
export interface FrontEnd {
  readonly server: string;
  readonly conf: string;
  /** What tests call it. Default: the file. */
  readonly title?: string;
  /** Values of the file beside those that every test fills in. */
  readonly values?: Readonly<Record<string, string>>;
  readonly start: (options: ServerOptions) => Promise<RunningServer>;
}

export const FRONT_ENDS: readonly FrontEnd[] = [
  { server: 'nginx', conf: 'nginx/fastcgi.conf', start: startNginx },
  { server: 'apache/proxy_fcgi.conf', conf: 'apache/proxy_fcgi.conf', start: startApache },
  { server: 'lighttpd', conf: 'lighttpd/fastcgi.conf', start: startLighttpd },
  { server: 'haproxy', conf: 'haproxy/fastcgi.cfg', start: startHaproxy },
  {
    server: 'haproxy',
    conf: 'haproxy/fastcgi.cfg',
    title: 'haproxy/fastcgi.cfg, multiplexed',
    values: { multiplex: 'yes' },
    start: startHaproxy,
  },
  { server: 'caddy', conf: 'caddy/Caddyfile.fastcgi', start: startCaddy },
];

/** Transports between a front end and the gateway. */
export const TRANSPORTS = ['TCP', 'a unix socket'] as const;

/** Serves an application behind a front end until the end of the test. */
export async function serveBehind(
  { conf, values, start }: FrontEnd,
  application: Application,
  transport: (typeof TRANSPORTS)[number] = 'TCP',
  options: Partial<FastCgiOptions> & Pick<ServerOptions, 'extra'> = {},
): Promise<{ gateway: Running; server: RunningServer }> {
  const { extra, ...own } = options;
  const path = join(temporaryFolder('socket'), 'app.sock');
  const listen = transport === 'TCP' ? '127.0.0.1:0' : `unix:${path}`;
  const gateway = await serve(application, { listen, ...own });
  // The front end has an account of its own.
  if (transport !== 'TCP') chmodSync(path, 0o666);
  const address = gateway.server.address();
  const upstream =
    transport === 'TCP' ? `127.0.0.1:${(address as AddressInfo).port}` : `unix:${path}`;
  const server = await start({ conf, values: { ...values, mount: '', upstream }, extra });
  return { gateway, server };
}

/** What a visitor gets. */
export interface Visit {
  /** Undefined when there was no response at all. */
  status: number | undefined;
  headers: OutgoingHttpHeaders;
  body: string;
  /** Whether the response could be taken for a whole one. */
  complete: boolean;
}

/** Makes a request on a connection of its own. */
export function visit(
  url: string,
  path: string,
  headers: OutgoingHttpHeaders = {},
): Promise<Visit> {
  return new Promise((resolve) => {
    const nothing = { status: undefined, headers: {}, body: '', complete: false };
    const request = get(`${url}${path}`, { agent: false, headers }, (response) => {
      let body = '';
      response.setEncoding('latin1').on('data', (text: string) => (body += text));
      response.on('error', () => {}); // 'close' follows
      response.on('close', () => {
        const { statusCode: status, headers, complete } = response;
        resolve({ status, headers, body, complete });
      });
    });
    request.on('error', () => resolve(nothing));
  });
}
