/** Options of the FastCGI gateway, and their defaults. */

import {
  BODY_TIMEOUT,
  CLOSE_TIMEOUT,
  FASTCGI_DRAIN_LIMIT,
  IDLE_TIMEOUT,
  LINGER_TIMEOUT,
  MAX_CONNECTIONS,
  MAX_REQUESTS_PER_CONNECTION,
  MAX_RESPONSE_HEAD_SIZE,
  MAX_VARIABLES,
  MAX_VARIABLE_BYTES,
  SEND_TIMEOUT,
  VARIABLES_TIMEOUT,
} from '../../src/limits.ts';
import { RESOURCE_DEFAULTS } from '../../src/resources/resources.ts';
import type { ResourceLimits, SpoolOptions } from '../../src/resources/resources.ts';
import { settleLimits } from '../../src/resources/settle-limits.ts';
import type { ServerOptions } from '../../src/listening/server.ts';
import type { GatewayOptions } from '../../src/types.ts';

/** Limits of the FastCGI gateway. Sizes are in bytes, times in milliseconds; a time of 0 is none. */
export interface FastCgiLimits extends ResourceLimits {
  /** Open connections; more are closed at once. Announced as FCGI_MAX_CONNS. Default 4,096. */
  maxConnections: number;
  /** Requests in flight on one connection; more are answered 503. The smaller of the two is announced as FCGI_MAX_REQS. Default 256. */
  maxRequestsPerConnection: number;
  /** Total of a request's PARAMS; more is answered 431. Default 128 KiB. */
  maxParamsSize: number;
  /** Variables of a request; more are answered 431. Default 1,000. */
  maxParams: number;
  /** Status and headers of a response; a longer head is an error of the application, answered 500. Default 30 KiB. */
  maxResponseHeadSize: number;
  /** What arrives of a body after its request's end is dropped up to here, then the connection is closed. Default 16 MiB. */
  drainLimit: number;
  /** How long a connection may stay open without a request; looked at that often, so up to twice as long. Default 10 minutes. */
  idleTimeout: number;
  /** From BEGIN_REQUEST to the end of PARAMS; then the connection is closed. Default 10 seconds. */
  paramsTimeout: number;
  /** For which the front end may send nothing of a body that the application waits for. Default 60 seconds. */
  bodyTimeout: number;
  /** For which the front end may take nothing of output that waits; then the connection is closed. Default 60 seconds. */
  sendTimeout: number;
  /** For the front end to close its side of a connection that is closed. Default 5 seconds. */
  closeTimeout: number;
  /** For which what still comes is thrown away after that, so that the peer can see the response. Default 30 seconds. */
  lingerTimeout: number;
}

/** What speaks the protocol. */
export type Engine = 'postern' | 'node-fastcgi';

/** Options of `runWithFastCgi`. */
export interface FastCgiOptions
  extends ServerOptions, GatewayOptions, SpoolOptions, Partial<FastCgiLimits> {
  /** Whether one connection carries several requests at once. Announced as FCGI_MPXS_CONNS. Default true. */
  multiplex?: boolean | undefined;
  /**
   * Addresses that may connect over TCP, as FCGI_WEB_SERVER_ADDRS gives them (§ 3.2).
   * Default: that variable; without it, all.
   */
  allow?: readonly string[] | undefined;
  /**
   * What speaks the protocol: the npm package `node-fastcgi` in place of postern, for those who depend on it. Of the
   * limits it knows `maxConnections` alone, it keeps no connection, and it holds uploads in memory. Default `postern`.
   */
  engine?: Engine | undefined;
}

const DEFAULTS: FastCgiLimits = {
  ...RESOURCE_DEFAULTS,
  maxConnections: MAX_CONNECTIONS,
  maxRequestsPerConnection: MAX_REQUESTS_PER_CONNECTION,
  maxParamsSize: MAX_VARIABLE_BYTES,
  maxParams: MAX_VARIABLES,
  maxResponseHeadSize: MAX_RESPONSE_HEAD_SIZE,
  drainLimit: FASTCGI_DRAIN_LIMIT,
  idleTimeout: IDLE_TIMEOUT,
  paramsTimeout: VARIABLES_TIMEOUT,
  bodyTimeout: BODY_TIMEOUT,
  sendTimeout: SEND_TIMEOUT,
  closeTimeout: CLOSE_TIMEOUT,
  lingerTimeout: LINGER_TIMEOUT,
};

export const limitNames = Object.keys(DEFAULTS) as (keyof FastCgiLimits)[];

/**
 * The limits in force: those that were given, and the defaults.
 *
 * @throws {UsageError} for one that is no number
 */
export function resolveLimits(options: Partial<FastCgiLimits>): FastCgiLimits {
  return settleLimits(DEFAULTS, options);
}
