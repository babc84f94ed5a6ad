/** `postern/scgi`: SCGI. */

export { runWithScgi } from './serve.ts';
export type { ScgiOptions } from './serve.ts';
export { ScgiHandler } from './handler.ts';
