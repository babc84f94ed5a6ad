/** Options of the CGI gateway. */

import type { ForwardingOptions } from '../../src/environ/forwarded/forwarding.ts';
import { GATEWAY_OPTIONS } from '../../src/options.ts';
import type { OptionNames } from '../../src/options.ts';
import type { GatewayOptions } from '../../src/types.ts';

/** Options of the CGI handlers. */
export interface CgiOptions extends GatewayOptions {
  /**
   * Whether the web server passes the response on without parsing it ("non-parsed headers",
   * RFC 3875 § 5). Default: whether the script's name begins with `nph-`.
   */
  nph?: boolean | undefined;
}

/** Options of {@link runWithCgi}. */
export interface RunOptions extends CgiOptions, ForwardingOptions {
  /** Whether PATH_INFO repeats SCRIPT_NAME, as under IIS. Default false. */
  iis?: boolean | undefined;
  /**
   * Milliseconds for which the process may go on after its response, or after SIGTERM: for a log that
   * is still being written, say. Timers, servers and connections that the application has left open do
   * not keep it longer. The web server does not wait for it. Default 500.
   */
  graceTimeout?: number | undefined;
}

/** Names of {@link RunOptions}. */
export const CGI_OPTIONS: OptionNames<RunOptions> = {
  ...GATEWAY_OPTIONS,
  forwardedAllowIps: 'any',
  forwardedHeaders: 'any',
  graceTimeout: 'number',
  iis: 'boolean',
  nph: 'boolean',
};
