/**
 * The uwsgi protocol: one request on each connection.
 *
 * @module postern/uwsgi
 */

export { runWithUwsgi } from './serve.ts';
export type { UwsgiOptions } from './serve.ts';
export type { RequestLimits, RequestServerOptions } from '../../src/one-request/options.ts';
export type { Server } from '../../src/listening/server.ts';
