/** `postern/fastcgi`. */

export { runWithFastCgi } from './serve.ts';
export type { FastCgiLimits, FastCgiOptions } from './options.ts';
