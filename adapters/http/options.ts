/** Options of the HTTP gateway, and their defaults. */

import type { TlsOptions as NodeTlsOptions } from 'node:tls';

import {
  BODY_TIMEOUT,
  CLOSE_TIMEOUT,
  DRAIN_LIMIT,
  HEADERS_TIMEOUT,
  KEEP_ALIVE_TIMEOUT,
  LINGER_TIMEOUT,
  MAX_BODY_SIZE,
  MAX_CONNECTIONS,
  MAX_HEADERS,
  MAX_HEADER_SIZE,
  MAX_REQUEST_LINE,
  REQUEST_TIMEOUT,
  SEND_TIMEOUT,
} from '../../src/limits.ts';
import { RESOURCE_DEFAULTS } from '../../src/resources/resources.ts';
import type { ResourceLimits, SpoolOptions } from '../../src/resources/resources.ts';
import { settleLimits } from '../../src/resources/settle-limits.ts';
import type { ServerOptions } from '../../src/listening/server.ts';
import type { ErrorStream, GatewayOptions } from '../../src/types.ts';
import type { ForwardingOptions } from './forwarded.ts';

/** Limits of the HTTP gateway. Sizes are in bytes, times in milliseconds; a time of 0 is none. */
export interface HttpLimits extends ResourceLimits {
  /** Open connections; more are closed at once. Default 4,096. */
  maxConnections: number;
  /** Method, target and version; longer is answered 414. Default 8,190. */
  maxRequestLine: number;
  /** Request line and headers together; more is answered 431. Default 32 KiB. */
  maxHeaderSize: number;
  /** Header lines; more are answered 431. Default 100. */
  maxHeaders: number;
  /** Request body; more is answered 413, before it is read if its length is known. Default 1 GiB. */
  maxBodySize: number;
  /**
   * What an application leaves unread of a body is dropped up to here, then the connection is closed. The same goes for
   * what comes behind the last request that is taken. Default 1 MiB.
   */
  drainLimit: number;
  /** From the connection, or a request's first byte, to the end of its headers; then 408. Default 60 seconds. */
  headersTimeout: number;
  /** For which the client may send nothing of a body that the application waits for; then 408. Default 60 seconds. */
  bodyTimeout: number;
  /** From a request's first byte to the last of its body; then 408. Default 5 minutes. */
  requestTimeout: number;
  /** For which the client may take nothing of a response that waits for it. Default 60 seconds. */
  sendTimeout: number;
  /** For which a connection may stay open without a request. Default 75 seconds. */
  idleTimeout: number;
  /** For the client to close its side where the rest of a request is not read. Default 5 seconds. */
  closeTimeout: number;
  /** For which what still comes is thrown away after that, so that the peer can see the response. Default 30 seconds. */
  lingerTimeout: number;
}

/** HTTPS: what node:tls takes, among it `cert` and `key` as PEM text; or the files that hold them. */
export interface TlsOptions extends NodeTlsOptions {
  /** PEM file of the certificate and its chain. */
  certFile?: string | undefined;
  /** PEM file of the private key. Default: `certFile`, which holds both. */
  keyFile?: string | undefined;
}

/** Options of `runWithHttp`. */
export interface HttpOptions
  extends ServerOptions, GatewayOptions, SpoolOptions, ForwardingOptions, Partial<HttpLimits> {
  /** Addresses and networks (CIDR) that may connect over TCP. Default: all. */
  allow?: readonly string[] | undefined;
  /** Serves HTTPS. Default: plain HTTP. */
  tls?: TlsOptions | undefined;
  /** Value of the `Server` header, unless the application sets its own; false sends none. Default `postern`. */
  serverHeader?: string | false | undefined;
  /**
   * Headers with `_` in their name that are let through; all others are dropped, because in the environ they
   * cannot be told from their twins with `-`. Default: none.
   */
  underscoreHeaders?: readonly string[] | undefined;
  /**
   * For development: an error of the application is shown to browsers on this machine, with its causes, source and the
   * environ, instead of the plain 500 that everybody else gets. Secrets are masked as far as their names or their form
   * tell of them; source is that of scripts below the working folder and of loaded CommonJS modules. On this machine
   * are peers with a loopback address that ask for a local Host (`localhost`, `*.localhost`, `127.0.0.0/8`, `[::1]`),
   * by themselves and not through a proxy, and for `text/html`. A proxy on this machine that keeps the visitor's Host
   * and adds none of the headers by which proxies are known (HAProxy without `option forwardfor`) cannot be told from
   * a browser. Default false.
   */
  errorPage?: boolean | undefined;
  /** `wsgi.errors`. Default: stderr. */
  errors?: ErrorStream | undefined;
}

const DEFAULTS: HttpLimits = {
  ...RESOURCE_DEFAULTS,
  maxConnections: MAX_CONNECTIONS,
  maxRequestLine: MAX_REQUEST_LINE,
  maxHeaderSize: MAX_HEADER_SIZE,
  maxHeaders: MAX_HEADERS,
  maxBodySize: MAX_BODY_SIZE,
  drainLimit: DRAIN_LIMIT,
  headersTimeout: HEADERS_TIMEOUT,
  bodyTimeout: BODY_TIMEOUT,
  requestTimeout: REQUEST_TIMEOUT,
  sendTimeout: SEND_TIMEOUT,
  idleTimeout: KEEP_ALIVE_TIMEOUT,
  closeTimeout: CLOSE_TIMEOUT,
  lingerTimeout: LINGER_TIMEOUT,
};

/**
 * The limits in force: those that were given, and the defaults.
 *
 * @throws {UsageError} for one that is no number
 */
export function resolveLimits(options: Partial<HttpLimits>): HttpLimits {
  return settleLimits(DEFAULTS, options);
}
