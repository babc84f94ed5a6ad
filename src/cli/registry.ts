/**
 * The gateways by name. Each is loaded only when it is used: a CGI process never loads the HTTP server. No other file of
 * the command imports an adapter.
 */

import type { Server, ServerOptions } from '../listening/server.ts';
import type { Application, GatewayOptions } from '../types.ts';

/** Starts a gateway that listens: `runWithHttp` and its kin. */
export type RunServer = (
  application: Application,
  options: ServerOptions & GatewayOptions,
) => Promise<Server>;

/** Gateways that listen. */
export const SERVERS = {
  http: async () => (await import('../../adapters/http/index.ts')).runWithHttp,
  fastcgi: async () => (await import('../../adapters/fastcgi/index.ts')).runWithFastCgi,
  scgi: async () => (await import('../../adapters/scgi/index.ts')).runWithScgi,
  uwsgi: async () => (await import('../../adapters/uwsgi/index.ts')).runWithUwsgi,
} satisfies Record<string, () => Promise<RunServer>>;

export type ServerName = keyof typeof SERVERS;
export const SERVER_NAMES = Object.keys(SERVERS) as ServerName[];

/** The gateway that serves one request and ends. */
export const loadCgi = () => import('../../adapters/cgi/index.ts');
