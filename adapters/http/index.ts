/**
 * HTTP/1.1 and HTTPS: a server of its own, or one behind a proxy.
 *
 * @module postern/http
 */

export { runWithHttp } from './serve.ts';
export { makeServer } from './simple-server.ts';
export type { SimpleServer } from './simple-server.ts';
export type { HttpLimits, HttpOptions, TlsOptions } from './options.ts';
export type {
  ForwardedHeaders,
  ForwardingOptions,
} from '../../src/environ/forwarded/forwarding.ts';
export type { Server } from '../../src/listening/server.ts';
