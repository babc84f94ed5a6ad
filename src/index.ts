/**
 * The contract between gateways and applications, and what stands on either side of it. Each gateway has a subpath of
 * its own: `postern/cgi`, `postern/fastcgi`, …
 *
 * These types use those of Node, `@types/node`, which is a peer dependency: `npm install --save-dev @types/node`. Without it
 * what is a `Buffer` or a stream is `any`, or an error if `skipLibCheck` is off.
 *
 * @module postern
 */

export { toFunction } from './handler/application.ts';
export { BaseHandler } from './handler/base-handler.ts';
export { StreamHandler, writeTo as createErrorStream } from './handler/stream-handler.ts';
export type { HandlerStreams, OutputStream } from './handler/stream-handler.ts';
export { FileWrapper } from './response/file-wrapper.ts';
export { formatDateTime, isHopByHop } from './response/headers.ts';
export type { CheckedHeaders } from './response/headers.ts';
export { Headers } from './response/header-list.ts';
export type { HeaderParams } from './response/header-list.ts';
export { InputStream } from './input/input-stream.ts';
export type { InputSource } from './input/input-source.ts';
export { addVariable, guessScheme } from './environ/environ.ts';
export type { Variables } from './environ/environ.ts';
export type { ForwardedHeaders, ForwardingOptions } from './environ/forwarded/forwarding.ts';
export { createAccessLog } from './logging/access-log.ts';
export type { AccessLogOptions } from './logging/access-log.ts';
export { createLog } from './logging/log.ts';
export type { LogLevel } from './logging/log.ts';
export type { TextList } from './options.ts';
export { mount } from './middleware/mount.ts';
export { wrapBody } from './middleware/wrap-body.ts';
export type { BodyHooks, WrappedBody } from './middleware/wrap-body.ts';
export { applicationUri, requestUri, shiftPathInfo } from './environ/util.ts';
export { setupTestingDefaults } from './testing/defaults.ts';
export { VALIDATION_RULES, validator } from './validate/validator.ts';
export type { ValidationRule } from './validate/validator.ts';
export { demoApp } from './apps/demo.ts';
export { fromFetch } from './apps/fetch/fetch.ts';
export type { FetchContext, FetchFunction, FetchObject, FetchOptions } from './apps/fetch/fetch.ts';
export { toFetch } from './apps/fetch/to-fetch.ts';
export { fromNode } from './apps/node/node.ts';
export { toNode } from './apps/node/to-node.ts';
export type { Server, ServerOptions } from './listening/server.ts';
export type { ListenOptions } from './listening/listener.ts';
export type { ConnectionSource } from './listening/connection-source.ts';
export type { Address, FdAddress, TcpAddress, UnixAddress } from './sockets/address.ts';
export type { ResourceLimits, SpoolOptions } from './resources/resources.ts';
export * from './errors.ts';
export type * from './types.ts';
