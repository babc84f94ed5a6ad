/** Options of the HTTP gateway, and their defaults. */

import type { TlsOptions as NodeTlsOptions } from 'node:tls';

import {
  BODY_TIMEOUT,
  CLOSE_TIMEOUT,
  MAX_DRAIN_SIZE,
  HEADERS_TIMEOUT,
  KEEP_ALIVE_TIMEOUT,
  LINGER_TIMEOUT,
  MAX_BODY_SIZE,
  MAX_CONNECTIONS,
  MAX_HEADERS,
  MAX_HEADER_SIZE,
  MAX_REQUEST_LINE_SIZE,
  REQUEST_TIMEOUT,
  SEND_TIMEOUT,
} from '../../src/limits.ts';
import { FORWARDING_OPTIONS } from '../../src/environ/forwarded/forwarding.ts';
import type { ForwardingOptions } from '../../src/environ/forwarded/forwarding.ts';
import { UsageError } from '../../src/errors.ts';
import { GATEWAY_OPTIONS } from '../../src/options.ts';
import type { OptionNames, TextList } from '../../src/options.ts';
import { RESOURCE_DEFAULTS, SPOOL_OPTIONS } from '../../src/resources/resources.ts';
import type { ResourceLimits, SpoolOptions } from '../../src/resources/resources.ts';
import { settleLimits } from '../../src/resources/settle-limits.ts';
import { SERVER_OPTIONS, checkServerOptions } from '../../src/listening/server.ts';
import type { ServerOptions } from '../../src/listening/server.ts';
import type { ErrorStream, GatewayOptions } from '../../src/types.ts';

/** Limits of the HTTP gateway. Sizes are in bytes. Times are in milliseconds, and 0 is no limit. */
export interface HttpLimits extends ResourceLimits {
  /** Open connections. A further one is closed at once. Default 4,096. */
  maxConnections: number;
  /** Bytes of the request line: method, target and version. A longer one is answered 414. Default 8,190. */
  maxRequestLineSize: number;
  /** Bytes of request line and headers together. More is answered 431. Default 32,768 (32 KiB). */
  maxHeaderSize: number;
  /** Header lines of a request. More are answered 431. Default 100. */
  maxHeaders: number;
  /**
   * Bytes of a request body. More is answered 413, before it is read if its length is known. Default 1,073,741,824
   * (1 GiB).
   */
  maxBodySize: number;
  /**
   * Bytes that are read and dropped, of a body that the application leaves unread or behind the last request that is
   * taken. With more, the connection is closed. Default 1,048,576 (1 MiB).
   */
  maxDrainSize: number;
  /**
   * Milliseconds from the connection, or a request's first byte, to the end of its headers; then it is answered 408.
   * Default 60,000.
   */
  headersTimeout: number;
  /**
   * Milliseconds in which the client sends nothing of a body that the application waits for; then reading it fails with
   * a `LimitError` whose status is 408. Default 60,000.
   */
  bodyTimeout: number;
  /** Milliseconds from a request's first byte to the last of its body; then it is answered 408. Default 300,000. */
  requestTimeout: number;
  /** Milliseconds in which the client takes nothing of a response that waits; then the connection is closed. Default 60,000. */
  sendTimeout: number;
  /**
   * Milliseconds for which a connection stays open without a request. It is looked at that often, so it may be twice as
   * long. Default 75,000.
   */
  idleTimeout: number;
  /**
   * Milliseconds in which the client sends nothing after the last response, and does not close its side; then it is cut
   * off. Default 5,000.
   */
  closeTimeout: number;
  /**
   * Milliseconds after the last response for which what the client still sends is read and dropped, so that it can see
   * the response (RFC 9112 § 9.6); then it is cut off. Default 30,000.
   */
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
  /** Addresses and networks (CIDR) that may connect over TCP: `['10.0.0.1', 'fd00::/8']`. Default: all. */
  allow?: TextList | undefined;
  /** Serves HTTPS, with this certificate and key. Default: plain HTTP. */
  tls?: TlsOptions | undefined;
  /** Value of the `Server` header, unless the application sets its own; false sends none. Default `postern`. */
  serverHeader?: string | false | undefined;
  /**
   * Headers with `_` in their name that are let through; all others are dropped, because in the environ they
   * cannot be told from their twins with `-`. Default: none.
   */
  underscoreHeaders?: TextList | undefined;
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
  maxRequestLineSize: MAX_REQUEST_LINE_SIZE,
  maxHeaderSize: MAX_HEADER_SIZE,
  maxHeaders: MAX_HEADERS,
  maxBodySize: MAX_BODY_SIZE,
  maxDrainSize: MAX_DRAIN_SIZE,
  headersTimeout: HEADERS_TIMEOUT,
  bodyTimeout: BODY_TIMEOUT,
  requestTimeout: REQUEST_TIMEOUT,
  sendTimeout: SEND_TIMEOUT,
  idleTimeout: KEEP_ALIVE_TIMEOUT,
  closeTimeout: CLOSE_TIMEOUT,
  lingerTimeout: LINGER_TIMEOUT,
};

/** Names of {@link HttpOptions}. */
export const HTTP_OPTIONS: OptionNames<HttpOptions> = {
  ...SERVER_OPTIONS,
  ...GATEWAY_OPTIONS,
  ...SPOOL_OPTIONS,
  ...FORWARDING_OPTIONS,
  ...DEFAULTS,
  allow: 'any',
  errorPage: 'boolean',
  errors: 'object',
  serverHeader: 'any',
  tls: 'object',
  underscoreHeaders: 'any',
};

/** What serves as a certificate, for node:tls or for the gateway. */
const CERTIFICATES = ['cert', 'certFile', 'pfx', 'SNICallback'];

/**
 * Checks the options, as far as nothing else does.
 *
 * @param caller the function that they were given to
 * @throws {UsageError} for one that there is not, and for one that cannot be used
 */
export function checkHttpOptions(caller: string, options: HttpOptions): void {
  checkServerOptions(caller, options, HTTP_OPTIONS);
  const { tls } = options;
  // Without a certificate node:tls listens, and every handshake fails.
  if (tls !== undefined && !CERTIFICATES.some((name) => Object(tls)[name] !== undefined)) {
    throw new UsageError('tls has no certificate: certFile is the file of one');
  }
}

/**
 * The limits in force: those that were given, and the defaults.
 *
 * @throws {UsageError} for one that is no number
 */
export function resolveLimits(options: Partial<HttpLimits>): HttpLimits {
  return settleLimits(DEFAULTS, options);
}
