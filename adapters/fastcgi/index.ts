/** `postern/fastcgi`. */

export { runWithFastCgi } from './serve.ts';
export type { Engine, FastCgiLimits, FastCgiOptions } from './options.ts';
