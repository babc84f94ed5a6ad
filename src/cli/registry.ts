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
  http: async () => {
    const { runWithHttp } = await import('../../adapters/http/index.ts');
    const { HTTP_OPTIONS } = await import('../../adapters/http/options.ts');
    return withKnown(runWithHttp, HTTP_OPTIONS);
  },
  fastcgi: async () => {
    const { runWithFastCgi } = await import('../../adapters/fastcgi/index.ts');
    const { FASTCGI_OPTIONS } = await import('../../adapters/fastcgi/options.ts');
    return withKnown(runWithFastCgi, FASTCGI_OPTIONS);
  },
  scgi: async () => {
    const { runWithScgi } = await import('../../adapters/scgi/index.ts');
    const { REQUEST_SERVER_OPTIONS } = await import('../one-request/options.ts');
    return withKnown(runWithScgi, REQUEST_SERVER_OPTIONS);
  },
  uwsgi: async () => {
    const { runWithUwsgi } = await import('../../adapters/uwsgi/index.ts');
    const { REQUEST_SERVER_OPTIONS } = await import('../one-request/options.ts');
    return withKnown(runWithUwsgi, REQUEST_SERVER_OPTIONS);
  },
} satisfies Record<string, () => Promise<RunServer>>;

export type ServerName = keyof typeof SERVERS;
export const SERVER_NAMES = Object.keys(SERVERS) as ServerName[];

/** The gateway that serves one request and ends. */
export async function loadCgi() {
  const { prepareCgi, runWithCgi } = await import('../../adapters/cgi/index.ts');
  const { CGI_OPTIONS } = await import('../../adapters/cgi/options.ts');
  return { prepareCgi, runWithCgi: withKnown(runWithCgi, CGI_OPTIONS) };
}

/** The settings of the command are for all gateways. Each is given those that it knows. */
function withKnown<Options extends object, Result>(
  run: (application: Application, options: Options) => Result,
  known: Readonly<Record<string, unknown>>,
): (application: Application, options: Options) => Result {
  return (application, options) => {
    const entries = Object.entries(options).filter(([name]) => Object.hasOwn(known, name));
    return run(application, Object.fromEntries(entries) as Options);
  };
}
