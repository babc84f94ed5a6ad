/**
 * SCGI: one request on each connection.
 *
 * @module postern/scgi
 */

export { runWithScgi } from './serve.ts';
export type { ScgiOptions } from './serve.ts';
export type { RequestLimits, RequestServerOptions } from '../../src/one-request/options.ts';
export type { Server } from '../../src/listening/server.ts';
