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
import { FORWARDING_OPTIONS } from '../environ/forwarded/forwarding.ts';
import type { ForwardingOptions } from '../environ/forwarded/forwarding.ts';
import { GATEWAY_OPTIONS } from '../options.ts';
import type { OptionNames, TextList } from '../options.ts';
import { RESOURCE_DEFAULTS, SPOOL_OPTIONS } from '../resources/resources.ts';
import type { ResourceLimits, SpoolOptions } from '../resources/resources.ts';
import { settleLimits } from '../resources/settle-limits.ts';
import { SERVER_OPTIONS } from '../listening/server.ts';
import type { ServerOptions } from '../listening/server.ts';
import type { GatewayOptions } from '../types.ts';

/**
 * Limits of SCGI and uwsgi. Sizes are in bytes. Times are in milliseconds, and 0 is no limit; they are looked at once a
 * second, so one may pass up to two seconds late.
 */
export interface RequestLimits extends ResourceLimits {
  /** Open connections. A further one is closed at once. Default 4,096. */
  maxConnections: number;
  /** Bytes of a request's variables, names and values. With more, the connection is closed. Default 131,072 (128 KiB). */
  maxVariablesSize: number;
  /** Variables of a request. With more, the connection is closed. Default 1,000. */
  maxVariables: number;
  /** Milliseconds from the connection to the last of the variables; then it is closed. Default 10,000. */
  variablesTimeout: number;
  /**
   * Milliseconds in which the front end sends nothing of a body that the application waits for; then reading it fails
   * with a `LimitError` whose status is 408. Default 60,000.
   */
  bodyTimeout: number;
  /** Milliseconds in which the front end takes nothing of output that waits; then the connection is reset. Default 60,000. */
  sendTimeout: number;
  /**
   * Milliseconds in which the front end sends nothing after the response, and does not close; then the connection is
   * closed. Default 5,000.
   */
  closeTimeout: number;
  /**
   * Milliseconds after the response for which what the front end still sends is read and dropped, so that it can see the
   * response (RFC 9112 § 9.6); then the connection is closed. Default 30,000.
   */
  lingerTimeout: number;
}

/** Options of `runWithScgi` and `runWithUwsgi`. */
export interface RequestServerOptions
  extends ServerOptions, GatewayOptions, SpoolOptions, ForwardingOptions, Partial<RequestLimits> {
  /** Addresses and networks (CIDR) that may connect over TCP: `['10.0.0.1', 'fd00::/8']`. Default: all. */
  allow?: TextList | undefined;
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

/** Names of {@link RequestServerOptions}. */
export const REQUEST_SERVER_OPTIONS: OptionNames<RequestServerOptions> = {
  ...SERVER_OPTIONS,
  ...GATEWAY_OPTIONS,
  ...SPOOL_OPTIONS,
  ...FORWARDING_OPTIONS,
  ...DEFAULTS,
  allow: 'any',
};

/**
 * The limits in force: those that were given, and the defaults.
 *
 * @throws {UsageError} for one that is not a number
 */
export function resolveLimits(options: Partial<RequestLimits>): RequestLimits {
  return settleLimits(DEFAULTS, options);
}
