/** The HTTP gateway: `postern/http`. */

export { runWithHttp } from './serve.ts';
export { makeServer } from './simple-server.ts';
export type { SimpleServer } from './simple-server.ts';
export type { HttpLimits, HttpOptions, TlsOptions } from './options.ts';
export type { ForwardedHeaders, ForwardingOptions } from './forwarded.ts';
