/** Makes the options of the gateways from the settings of the command. */

import type { GatewayOptions, SendfileOptions } from '../../types.ts';
import { WrongUsage } from './option.ts';
import type { Option } from './option.ts';
import { OPTIONS, OPTION_NAMES } from './options.ts';
import type { Settings } from './options.ts';

/**
 * The options for all gateways. Each gateway uses those that it knows.
 *
 * @throws {WrongUsage} for a setting that needs another one
 */
export function gatewayOptions(settings: Settings): GatewayOptions & Record<string, unknown> {
  const options: Record<string, unknown> = { sendfile: sendfileOf(settings) };
  for (const name of OPTION_NAMES) {
    const { gateway }: Option<unknown> = OPTIONS[name];
    const value = settings[name];
    // A list that was not given is left out. An empty `allow` would refuse everybody.
    if (gateway === undefined || (Array.isArray(value) && value.length === 0)) continue;
    for (const known of gateway === true ? [name] : gateway) options[known] = value;
  }
  return options;
}

function sendfileOf(settings: Settings): SendfileOptions | undefined {
  const { sendfile: header, sendfileRoot: root, sendfilePrefix: prefix } = settings;
  if (header === undefined) {
    if (root ?? prefix)
      throw new WrongUsage('--sendfile-root and --sendfile-prefix need --sendfile');
    return undefined;
  }
  if (root === undefined) throw new WrongUsage('--sendfile needs --sendfile-root');
  return { header, root, prefix };
}
