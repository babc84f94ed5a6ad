/**
 * FastCGI 1.0: a process serves many requests, on connections that a web server keeps.
 *
 * @module postern/fastcgi
 */

export { runWithFastCgi } from './serve.ts';
export type { Engine, FastCgiLimits, FastCgiOptions } from './options.ts';
export type { Server } from '../../src/listening/server.ts';
