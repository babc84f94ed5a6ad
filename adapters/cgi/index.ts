/**
 * CGI (RFC 3875): a process serves one request.
 *
 * @module postern/cgi
 */

export { CgiHandler, IisCgiHandler } from './handler.ts';
export type { CgiOptions } from './handler.ts';
export { readEnvironment } from './environment.ts';
export { prepareCgi, runWithCgi } from './run.ts';
export type { RunOptions } from './run.ts';
