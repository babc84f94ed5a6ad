/** Options of gateways whose connections carry one request each, and their defaults. */

import {
  BODY_TIMEOUT,
  CLOSE_TIMEOUT,
  LINGER_TIMEOUT,
  MAX_CONNECTIONS,
  MAX_VARIABLES,
  MAX_VARIABLE_BYTES,
  SEND_TIMEOUT,
  VARIABLES_TIMEOUT,
} from '../limits.ts';
import { RESOURCE_DEFAULTS } from '../resources/resources.ts';
import type { ResourceLimits, SpoolOptions } from '../resources/resources.ts';
import { settleLimits } from '../resources/settle-limits.ts';
import type { ServerOptions } from '../listening/server.ts';
import type { GatewayOptions } from '../types.ts';

/** Limits of these gateways. Sizes are in bytes, times in milliseconds; a time of 0 is none. */
export interface RequestLimits extends ResourceLimits {
  /** Open connections; more are closed at once. Default 4,096. */
  maxConnections: number;
  /** Total of a request's variables, names and values; with more, the connection is closed. Default 128 KiB. */
  maxVariablesSize: number;
  /** Variables of a request; with more, the connection is closed. Default 1,000. */
  maxVariables: number;
  /** From the connection to the last of the variables; then it is closed. Default 10 seconds. */
  variablesTimeout: number;
  /** For which the front end may send nothing of a body that the application waits for; then 408. Default 60 seconds. */
  bodyTimeout: number;
  /** For which the front end may take nothing of output that waits; then the connection is reset. Default 60 seconds. */
  sendTimeout: number;
  /** For which the front end may send nothing after the response; then the connection is closed. Default 5 seconds. */
  closeTimeout: number;
  /** For which what still comes is thrown away after that, so that the peer can see the response. Default 30 seconds. */
  lingerTimeout: number;
}

/** Options of `runWithScgi` and `runWithUwsgi`. */
export interface RequestServerOptions
  extends ServerOptions, GatewayOptions, SpoolOptions, Partial<RequestLimits> {
  /** Addresses and networks (CIDR) that may connect over TCP. Default: all. */
  allow?: readonly string[] | undefined;
}

const DEFAULTS: RequestLimits = {
  ...RESOURCE_DEFAULTS,
  maxConnections: MAX_CONNECTIONS,
  maxVariablesSize: MAX_VARIABLE_BYTES,
  maxVariables: MAX_VARIABLES,
  variablesTimeout: VARIABLES_TIMEOUT,
  bodyTimeout: BODY_TIMEOUT,
  sendTimeout: SEND_TIMEOUT,
  closeTimeout: CLOSE_TIMEOUT,
  lingerTimeout: LINGER_TIMEOUT,
};

/**
 * The limits in force: those that were given, and the defaults.
 *
 * @throws {UsageError} for one that is not a number
 */
export function resolveLimits(options: Partial<RequestLimits>): RequestLimits {
  return settleLimits(DEFAULTS, options);
}
