/**
 * CGI (RFC 3875): a process serves one request.
 *
 * @module postern/cgi
 */

export { CgiHandler, IisCgiHandler } from './handler.ts';
export { readEnvironment } from './environment.ts';
export { prepareCgi, runWithCgi } from './run.ts';
export type { CgiOptions, RunOptions } from './options.ts';
