/**
 * Every option of the command. An option is defined once: its flag, its `POSTERN_…` variable and its configuration key
 * have the same reader and the same description.
 *
 * To add an option, define it here or in one of the files …-options.ts. `scriptName` becomes `--script-name`,
 * `POSTERN_SCRIPT_NAME` and `"scriptName"`.
 */

import type { Address } from '../../sockets/address.ts';
import { INTERFACES } from '../../apps/shapes.ts';
import type { Interface } from '../../apps/shapes.ts';
import { UsageError, isInstance } from '../../errors.ts';
import { SHUTDOWN_TIMEOUT } from '../../limits.ts';
import { LOG_LEVELS } from '../../logging/log.ts';
import type { LogLevel } from '../../logging/log.ts';
import { normalizeMount } from '../../uri/mount.ts';
import { DEVELOPMENT_OPTIONS } from './development-options.ts';
import { LIMIT_OPTIONS } from './limit-options.ts';
import { NotThere, WrongUsage, option } from './option.ts';
import type { Option, Repeated, Required } from './option.ts';
import { readAddress, readChoice, readSwitch, readText } from './readers.ts';
import { FASTCGI_OPTIONS, HTTP_OPTIONS, SERVING_OPTIONS } from './serving-options.ts';
import { formatTime, readMilliseconds, readSeconds } from './units.ts';

const ADDRESS_FORMS = 'HOST:PORT, :PORT, PORT, [IPV6]:PORT, unix:PATH or fd:N';

function gateway(protocol: string, more = '', aliases: readonly string[] = []): Repeated<Address> {
  return option<Address>({
    group: 'Gateways',
    basic: true,
    describe: `Serve ${protocol} on ADDR${more}`,
    argument: 'ADDR',
    aliases,
    read: readAddress,
    repeated: true,
  });
}

export const OPTIONS = {
  app: option<string>({
    group: 'Application',
    describe:
      'path[:export] of a module, or a folder; the export is default, application or app, if none is named',
    argument: 'APP',
    positional: true,
    read: readText,
    cgi: true,
  }),

  http: gateway('HTTP', `: ${ADDRESS_FORMS}`, ['bind', 'port', 'b', 'p']),
  fastcgi: gateway('FastCGI'),
  scgi: gateway('SCGI'),
  uwsgi: gateway('uwsgi'),
  cgi: option<boolean>({
    group: 'Gateways',
    basic: true,
    describe: 'Serve one CGI request, even if the environment has no CGI variables',
    read: readSwitch,
    default: false,
  }),

  interface: option<Interface>({
    group: 'Application',
    basic: true,
    describe: `SHAPE of the application: ${INTERFACES.join(', ')}`,
    argument: 'SHAPE',
    choices: INTERFACES,
    read: readChoice(INTERFACES),
    default: 'auto',
    cgi: true,
  }),
  scriptName: option<string>({
    group: 'Application',
    gateway: true,
    basic: true,
    describe:
      'Mount the application at the URL prefix PREFIX, however the web server splits the path',
    argument: 'PREFIX',
    read: normalizeMount,
    defaultText: 'as the web server splits the path',
    cgi: true,
  }),

  ...DEVELOPMENT_OPTIONS,
  cert: option<string>({
    group: 'Serving',
    basic: true,
    describe:
      'Serve HTTPS instead of HTTP, with the certificate in FILE (PEM, its chain behind it)',
    argument: 'FILE',
    read: readText,
  }),
  key: option<string>({
    group: 'Serving',
    basic: true,
    describe: 'Read the private key of the certificate from FILE (PEM)',
    argument: 'FILE',
    read: readText,
    defaultText: 'from that of --cert',
  }),
  ...SERVING_OPTIONS,
  shutdownTimeout: option<number>({
    group: 'Serving',
    describe: 'When stopping, wait TIME for requests in flight',
    argument: 'TIME',
    read: readSeconds,
    default: SHUTDOWN_TIMEOUT / 1000,
    defaultText: formatTime(SHUTDOWN_TIMEOUT),
  }),
  config: option<string>({
    group: 'Serving',
    basic: true,
    aliases: ['c'],
    describe: 'Read options from the JSON file FILE',
    argument: 'FILE',
    read: readText,
    defaultText: 'the key "postern" of the nearest package.json',
    cgi: true,
  }),

  logLevel: option<LogLevel>({
    group: 'Logging',
    basic: true,
    describe: `Log messages up to LEVEL on stderr: ${LOG_LEVELS.join(', ')}`,
    argument: 'LEVEL',
    choices: LOG_LEVELS,
    read: readChoice(LOG_LEVELS),
    default: 'info',
    cgi: true,
  }),

  accessLog: option<string | false>({
    group: 'Logging',
    basic: true,
    describe:
      'Write a line for each response to FILE, to stderr if none is named, or to stdout (-)',
    argument: '[FILE]',
    negatable: true,
    read: readAccessLog,
    defaultText: 'stderr at a terminal, elsewhere none; --no-access-log: none',
    cgi: true,
  }),
  accessLogFormat: option<string>({
    group: 'Logging',
    describe: "FORMAT of the access log: common, combined, json, dev, or gunicorn's atoms",
    argument: 'FORMAT',
    read: readText,
    defaultText: 'dev at a terminal, else combined',
    cgi: true,
  }),

  ...FASTCGI_OPTIONS,
  ...HTTP_OPTIONS,

  nph: option<boolean>({
    group: 'CGI',
    gateway: true,
    describe: 'The web server does not parse the headers of the response',
    read: readSwitch,
    defaultText: 'when the name of the script begins with nph-',
    cgi: true,
  }),
  iis: option<boolean>({
    group: 'CGI',
    gateway: true,
    describe: 'PATH_INFO repeats SCRIPT_NAME, as under IIS',
    read: readSwitch,
    default: false,
    cgi: true,
  }),
  graceTimeout: option<number>({
    group: 'CGI',
    gateway: true,
    describe: 'End the process TIME after its response, whatever the application has left open',
    argument: 'TIME',
    read: readMilliseconds,
    defaultText: '500ms',
    cgi: true,
  }),

  ...LIMIT_OPTIONS,
} as const;

export type OptionName = keyof typeof OPTIONS;
export const OPTION_NAMES = Object.keys(OPTIONS) as OptionName[];

type ValueOf<O> =
  O extends Repeated<infer T>
    ? T[]
    : O extends Required<infer T>
      ? T
      : O extends Option<infer T>
        ? T | undefined
        : never;

/** The value of every option. */
export type Settings = { [Name in OptionName]: ValueOf<(typeof OPTIONS)[Name]> };

/** A value before it is parsed: text, or a value of JSON. */
export type RawValue = string | number | boolean | readonly (string | number)[];

/** Where values come from: the command line, the environment, a configuration. */
export interface Source {
  /** The name of an option in this source, for messages: `--script-name`. */
  label(name: OptionName): string;
  readonly values: { readonly [Name in OptionName]?: RawValue | undefined };
}

/**
 * Gives every option its value: from the first source that has one, or the default.
 *
 * @param names options that are read from the sources. All others get their defaults
 * @throws {UsageError} for a value that cannot be parsed
 */
export function resolveSettings(
  sources: readonly Source[],
  names: readonly OptionName[] = OPTION_NAMES,
): Settings {
  const settings: Partial<Record<OptionName, unknown>> = {};
  for (const name of OPTION_NAMES) {
    const definition: Option<unknown> = OPTIONS[name];
    const source = names.includes(name)
      ? sources.find(({ values }) => values[name] !== undefined)
      : undefined;
    settings[name] =
      source === undefined
        ? (definition.default ?? (definition.repeated ? [] : undefined))
        : readValue(definition, source.label(name), source.values[name]!);
  }
  return settings as Settings;
}

function readValue(definition: Option<unknown>, label: string, raw: RawValue): unknown {
  try {
    if (!definition.repeated) {
      if (typeof raw === 'object') throw new UsageError('it can be given once only');
      return definition.read(String(raw));
    }
    const texts = typeof raw === 'object' ? raw : [raw];
    return texts.map((text) => definition.read(String(text)));
  } catch (error) {
    const Failure = isInstance(error, NotThere) ? UsageError : WrongUsage;
    throw new Failure(`${label}: ${(error as Error).message}`, { cause: error });
  }
}

// ---- names

/** `scriptName` as `script-name`. */
export function toFlag(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** `scriptName` as `POSTERN_SCRIPT_NAME`. */
export function toVariable(name: string): string {
  return `POSTERN_${toFlag(name).replaceAll('-', '_').toUpperCase()}`;
}

/** Whether an option is an argument without a flag. */
export function isPositional(name: OptionName): boolean {
  return 'positional' in OPTIONS[name];
}

/** @returns a path, `-` for stdout, `''` for stderr, false for none */
function readAccessLog(text: string): string | false {
  if (text === 'false') return false;
  // postern --access-log app.mjs: the lines would be written into the application.
  if (/\.[cm]?[jt]sx?$/.test(text))
    throw new UsageError(`${text} is a module: name the application before --access-log`);
  return text === 'true' ? '' : text;
}
