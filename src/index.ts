/** The core's public surface. Gateways have subpaths of their own: `postern/cgi`, `postern/fastcgi`, … */

export { BaseHandler } from './base-handler.ts';
export { StreamHandler } from './stream-handler.ts';
export type { HandlerStreams } from './stream-handler.ts';
export { FileWrapper } from './file-wrapper.ts';
export { Headers, formatDateTime, isHopByHop } from './headers.ts';
export type { CheckedHeaders, HeaderParams } from './headers.ts';
export { InputStream } from './input.ts';
export type { InputSource } from './input.ts';
export { addVariable, guessScheme } from './environ.ts';
export type { Variables } from './environ.ts';
export { createLog } from './log.ts';
export type { LogLevel } from './log.ts';
export { applicationUri, requestUri, setupTestingDefaults, shiftPathInfo } from './util.ts';
export { VALIDATION_RULES, validator } from './validate.ts';
export type { ValidationRule } from './validate.ts';
export { demoApp } from './apps/demo.ts';
export { fromFetch } from './apps/fetch.ts';
export type { FetchContext, FetchFunction, FetchObject } from './apps/fetch.ts';
export { toFetch } from './apps/to-fetch.ts';
export { fromNode } from './apps/node.ts';
export { toNode } from './apps/to-node.ts';
export * from './errors.ts';
export type * from './types.ts';
