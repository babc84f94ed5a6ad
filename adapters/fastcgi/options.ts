/** Options of the FastCGI gateway, and their defaults. */

import {
  BODY_TIMEOUT,
  CLOSE_TIMEOUT,
  FASTCGI_MAX_DRAIN_SIZE,
  IDLE_TIMEOUT,
  LINGER_TIMEOUT,
  MAX_CONNECTIONS,
  MAX_CONCURRENT_REQUESTS_PER_CONNECTION,
  MAX_RESPONSE_HEAD_SIZE,
  MAX_VARIABLES,
  MAX_VARIABLE_BYTES,
  SEND_TIMEOUT,
  VARIABLES_TIMEOUT,
} from '../../src/limits.ts';
import { FORWARDING_OPTIONS } from '../../src/environ/forwarded/forwarding.ts';
import type { ForwardingOptions } from '../../src/environ/forwarded/forwarding.ts';
import { GATEWAY_OPTIONS } from '../../src/options.ts';
import type { OptionNames, TextList } from '../../src/options.ts';
import { RESOURCE_DEFAULTS, SPOOL_OPTIONS } from '../../src/resources/resources.ts';
import type { ResourceLimits, SpoolOptions } from '../../src/resources/resources.ts';
import { settleLimits } from '../../src/resources/settle-limits.ts';
import { SERVER_OPTIONS } from '../../src/listening/server.ts';
import type { ServerOptions } from '../../src/listening/server.ts';
import type { GatewayOptions } from '../../src/types.ts';

/**
 * Limits of the FastCGI gateway. Sizes are in bytes. Times are in milliseconds, and 0 is no limit; they are looked at
 * once a second, so one may pass up to two seconds late.
 */
export interface FastCgiLimits extends ResourceLimits {
  /** Open connections. A further one is closed at once. Announced as FCGI_MAX_CONNS (FastCGI 1.0 § 4.1). Default 4,096. */
  maxConnections: number;
  /**
   * Requests in flight on one connection. A further one is answered 503. The smaller of this and `maxConcurrentRequests` is
   * announced as FCGI_MAX_REQS (FastCGI 1.0 § 4.1). Default 256.
   */
  maxConcurrentRequestsPerConnection: number;
  /** Bytes of a request's PARAMS stream. More is answered 431. Default 131,072 (128 KiB). */
  maxParamsSize: number;
  /** Variables of a request. More are answered 431. Default 1,000. */
  maxParams: number;
  /**
   * Bytes of status and headers of a response. A longer head is an error of the application, answered 500. Default
   * 30,720 (30 KiB): HAProxy 2.6 ends when one does not fit in its buffer.
   */
  maxResponseHeadSize: number;
  /**
   * Bytes that are dropped on a connection because they come after the end of their request. With more, it takes no new
   * request and is closed. Default 16,777,216 (16 MiB).
   */
  maxDrainSize: number;
  /**
   * Milliseconds for which a connection stays open without a request. It is looked at that often, so it may be twice as
   * long. Default 600,000.
   */
  idleTimeout: number;
  /** Milliseconds from BEGIN_REQUEST to the end of PARAMS; then the connection is closed. Default 10,000. */
  paramsTimeout: number;
  /**
   * Milliseconds in which the front end sends nothing of a body that the application waits for; then reading it fails
   * with a `LimitError` whose status is 408. Default 60,000.
   */
  bodyTimeout: number;
  /** Milliseconds in which the front end takes nothing of output that waits; then the connection is closed. Default 60,000. */
  sendTimeout: number;
  /**
   * Milliseconds in which the front end sends nothing on a connection that the gateway closes, and does not close its
   * side; then it is cut off. Default 5,000.
   */
  closeTimeout: number;
  /**
   * Milliseconds for which what the front end still sends on such a connection is read and dropped, so that it can see
   * the response (RFC 9112 § 9.6); then it is cut off. Default 30,000.
   */
  lingerTimeout: number;
}

/** What speaks the protocol: postern itself, or the npm package `node-fastcgi`. */
export type Engine = 'postern' | 'node-fastcgi';

/** Options of `runWithFastCgi`. */
export interface FastCgiOptions
  extends ServerOptions, GatewayOptions, SpoolOptions, ForwardingOptions, Partial<FastCgiLimits> {
  /**
   * Whether one connection carries several requests at once. Announced as FCGI_MPXS_CONNS (FastCGI 1.0 § 4.1). If not,
   * requests at once wait for their turn. Default true.
   */
  multiplex?: boolean | undefined;
  /**
   * Addresses and networks (CIDR) that may connect over TCP. Default: those in the variable FCGI_WEB_SERVER_ADDRS
   * (FastCGI 1.0 § 3.2); without it, all.
   */
  allow?: TextList | undefined;
  /**
   * What speaks the protocol: the npm package `node-fastcgi` in place of postern, for those who depend on it. Of the
   * limits it knows `maxConnections` alone, it keeps no connection, and it holds uploads in memory. Default `postern`.
   */
  engine?: Engine | undefined;
}

const DEFAULTS: FastCgiLimits = {
  ...RESOURCE_DEFAULTS,
  maxConnections: MAX_CONNECTIONS,
  maxConcurrentRequestsPerConnection: MAX_CONCURRENT_REQUESTS_PER_CONNECTION,
  maxParamsSize: MAX_VARIABLE_BYTES,
  maxParams: MAX_VARIABLES,
  maxResponseHeadSize: MAX_RESPONSE_HEAD_SIZE,
  maxDrainSize: FASTCGI_MAX_DRAIN_SIZE,
  idleTimeout: IDLE_TIMEOUT,
  paramsTimeout: VARIABLES_TIMEOUT,
  bodyTimeout: BODY_TIMEOUT,
  sendTimeout: SEND_TIMEOUT,
  closeTimeout: CLOSE_TIMEOUT,
  lingerTimeout: LINGER_TIMEOUT,
};

export const limitNames = Object.keys(DEFAULTS) as (keyof FastCgiLimits)[];

/** Names of {@link FastCgiOptions}. */
export const FASTCGI_OPTIONS: OptionNames<FastCgiOptions> = {
  ...SERVER_OPTIONS,
  ...GATEWAY_OPTIONS,
  ...SPOOL_OPTIONS,
  ...FORWARDING_OPTIONS,
  ...DEFAULTS,
  allow: 'any',
  engine: 'any',
  multiplex: 'boolean',
};

/**
 * The limits in force: those that were given, and the defaults.
 *
 * @throws {UsageError} for one that is no number
 */
export function resolveLimits(options: Partial<FastCgiLimits>): FastCgiLimits {
  return settleLimits(DEFAULTS, options);
}
