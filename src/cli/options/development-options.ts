/** Options for the development of an application. */

import { option } from './option.ts';
import { readInspectAddress, readSwitch, readText } from './readers.ts';
import type { InspectAddress } from './readers.ts';

export const DEVELOPMENT_OPTIONS = {
  reload: option<boolean>({
    group: 'Development',
    basic: true,
    describe: 'Load the application again when a file that it imports has changed',
    read: readSwitch,
    defaultText: 'at a terminal, unless NODE_ENV is production; --no-reload: never',
  }),
  reloadInclude: option<string>({
    group: 'Development',
    describe:
      'With --reload: also when a file that matches GLOB has changed, as *.html, .env or a folder',
    argument: 'GLOB',
    read: readText,
    repeated: true,
  }),
  reloadExclude: option<string>({
    group: 'Development',
    describe: 'With --reload: not when a file that matches GLOB has changed',
    argument: 'GLOB',
    read: readText,
    repeated: true,
  }),
  inspect: option<InspectAddress | undefined>({
    group: 'Development',
    describe: 'Let a debugger attach to the application, at [HOST:]PORT (default: 127.0.0.1:9229)',
    argument: '[=HOST:PORT]',
    read: readInspectAddress,
  }),
  inspectBrk: option<InspectAddress | undefined>({
    group: 'Development',
    describe: 'The same at [HOST:]PORT, and wait for the debugger before the application is loaded',
    argument: '[=HOST:PORT]',
    read: readInspectAddress,
  }),
} as const;
