/** `postern/uwsgi`: the uwsgi protocol. */

export { runWithUwsgi } from './serve.ts';
export type { UwsgiOptions } from './serve.ts';
export { UwsgiHandler } from './handler.ts';
