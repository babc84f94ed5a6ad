/** The arguments of `postern conf`, and its help. */

import { didYouMean, similarTo } from '../../similar.ts';
import { normalizeMount } from '../../uri/mount.ts';
import { WrongUsage } from '../options/option.ts';
import { parseCommandLine } from '../usage/command-line.ts';
import type { CommandLine, Flag } from '../usage/command-line.ts';
import { labelled, section, wrap } from '../usage/layout.ts';
import type { Entry } from '../usage/layout.ts';
import { FILES, usualAddress } from './front-ends.ts';

/** The arguments, as text. */
export interface ConfArguments {
  readonly frontEnd: string;
  readonly app: string | undefined;
  /** One that the front end has. */
  readonly gateway: string;
  readonly address: string | undefined;
  readonly mount: string | undefined;
  readonly listen: string | undefined;
  readonly ipv6: 'yes' | 'no' | undefined;
  /** Several with a space between them. */
  readonly serverName: string | undefined;
  /** Certificate and key. */
  readonly tls: readonly [cert: string, key: string] | undefined;
  readonly redirectFrom: string | undefined;
  readonly part: string | undefined;
  readonly name: string | undefined;
  readonly user: string | undefined;
  readonly image: string | undefined;
  readonly multiplex: 'yes' | 'no' | undefined;
  readonly output: string | undefined;
}

interface ConfOption {
  readonly describe: string;
  /** The placeholder of its value; without one it is a switch. */
  readonly argument?: string;
  readonly defaultText?: string;
  readonly choices?: readonly string[];
  /** It may be given several times. */
  readonly repeated?: true;
}

export const CONF_OPTIONS: Readonly<Record<string, ConfOption>> = {
  gateway: {
    argument: 'GATEWAY',
    describe: 'How the front end talks to the application',
    defaultText: 'fastcgi; for docker http',
  },
  address: {
    argument: 'ADDR',
    describe: 'Where the application listens: HOST:PORT, PORT, unix:PATH',
    defaultText: ['fastcgi', 'http', 'scgi', 'uwsgi']
      .map((gateway) => `${usualAddress(gateway)} for ${gateway}`)
      .join(', '),
  },
  mount: {
    argument: 'PATH',
    describe: 'URL prefix of the application',
    defaultText: '/',
  },
  part: {
    argument: 'PART',
    choices: ['site', 'location'],
    describe: 'A site of its own, or only what goes into a site that is there already',
    defaultText: 'site',
  },
  'server-name': {
    argument: 'NAME',
    repeated: true,
    describe: 'Host name of the site; several with commas between them',
    defaultText: 'localhost; with lighttpd every name',
  },
  listen: {
    argument: 'ADDR',
    describe: 'Where the front end listens: HOST:PORT or PORT; 443 only with --tls',
    defaultText: '80, with --tls 443',
  },
  ipv6: {
    describe: 'Listen on IPv6 as well, where --listen has no HOST',
    defaultText: 'if this machine has IPv6',
  },
  tls: {
    argument: 'CERT KEY',
    describe: 'HTTPS with these two files; plain HTTP is redirected to it',
  },
  'redirect-from': {
    argument: 'ADDR',
    describe: 'Where plain HTTP is redirected, with --tls',
    defaultText: 'port 80',
  },
  name: {
    argument: 'NAME',
    describe: 'What it is called in the configuration',
    defaultText: 'after server name and mount; for systemd, docker and kubernetes after APP',
  },
  user: {
    argument: 'ACCOUNT',
    describe: "The web server's account, which may use the unix socket",
    defaultText: 'the one of this machine, such as www-data',
  },
  image: {
    argument: 'IMAGE',
    describe: 'The image that holds the application, for docker and kubernetes',
    defaultText: 'after APP',
  },
  multiplex: {
    describe: 'HAProxy sends many requests at once through one FastCGI connection',
    defaultText: 'no',
  },
  output: {
    argument: 'FOLDER',
    describe: 'Write into FOLDER, under the usual names, what is printed otherwise',
  },
};

const FLAGS: readonly Flag[] = [
  ...Object.entries(CONF_OPTIONS).map(([name, { argument, choices }]) => ({
    name,
    argument,
    choices,
  })),
  { name: 'help', aliases: ['h'] },
];

const SEE = '(see postern conf --help)';

/**
 * Parses the arguments after `conf`.
 *
 * @returns the arguments, or the help that was asked for
 * @throws {WrongUsage} for what there is not, with the one that may be meant
 */
export function parseConfArguments(args: readonly string[]): ConfArguments | string {
  const { values, words } = parse(args);
  if (values.has('help')) return helpPage(Math.min(WIDTH, process.stdout.columns ?? WIDTH));
  const [frontEnd, app, ...more] = words;
  if (frontEnd === undefined)
    throw new WrongUsage(`no front end: one of ${Object.keys(FILES).join(', ')} ${SEE}`);
  if (more.length > 0) throw new WrongUsage(`one argument too many: ${more[0]} ${SEE}`);
  const readAll = (name: string): readonly string[] => values.get(name) ?? [];
  const read = (name: string): string | undefined => {
    const [value, ...others] = readAll(name);
    if (others.length > 0) throw new WrongUsage(`--${name}: it can be given once only`);
    return value;
  };
  const readSwitch = (name: string): 'yes' | 'no' | undefined => {
    const value = readAll(name).at(-1);
    return value === undefined ? undefined : value === 'true' ? 'yes' : 'no';
  };
  const mount = read('mount');
  const serverNames = readAll('server-name').flatMap((names) => names.split(','));
  return {
    frontEnd,
    app,
    gateway: readGateway(frontEnd, read('gateway')),
    address: read('address'),
    mount: mount === undefined ? undefined : normalizeMount(mount),
    listen: readListen(read('listen')),
    ipv6: readSwitch('ipv6'),
    serverName: serverNames.length === 0 ? undefined : serverNames.join(' '),
    tls: readPair(readAll('tls')),
    redirectFrom: readListen(read('redirect-from')),
    part: read('part'),
    name: read('name'),
    user: read('user'),
    image: read('image'),
    multiplex: readSwitch('multiplex'),
    output: read('output'),
  };
}

function parse(args: readonly string[]): CommandLine {
  try {
    return parseCommandLine(args, FLAGS);
  } catch (error) {
    throw new WrongUsage(`${(error as Error).message} ${SEE}`);
  }
}

function readPair(files: readonly string[]): readonly [string, string] | undefined {
  const [first, second, ...more] = files;
  if (more.length > 0) throw new WrongUsage('--tls: it can be given once only');
  return first === undefined ? undefined : [first, second!];
}

function readGateway(frontEnd: string, gateway: string | undefined): string {
  const frontEnds = Object.keys(FILES);
  if (!frontEnds.includes(frontEnd)) {
    const meant = didYouMean(whatIsMeant(frontEnd, frontEnds));
    throw new WrongUsage(
      `no front end ${JSON.stringify(frontEnd)}: ${frontEnds.join(', ')}${meant}`,
    );
  }
  const gateways = Object.keys(FILES[frontEnd]!);
  if (gateway !== undefined && !gateways.includes(gateway)) {
    const meant = didYouMean(whatIsMeant(gateway, gateways));
    throw new WrongUsage(
      `${frontEnd} has no gateway ${JSON.stringify(gateway)}, only ${gateways.join(', ')}${meant}`,
    );
  }
  return gateway ?? gateways[0]!;
}

/** Other names for the same. */
const SYNONYMS: Readonly<Record<string, string>> = {
  fcgi: 'fastcgi',
  proxy: 'http',
  httpd: 'apache',
  k8s: 'kubernetes',
  compose: 'docker',
};

function whatIsMeant(word: string, choices: readonly string[]): string | undefined {
  // A gateway of other front ends is no typing error.
  if (Object.values(FILES).some((gateways) => Object.hasOwn(gateways, word))) return undefined;
  const other = Object.hasOwn(SYNONYMS, word) ? SYNONYMS[word]! : word;
  return choices.includes(other) ? other : similarTo(word, choices);
}

/** A port alone is that of all addresses. */
function readListen(text: string | undefined): string | undefined {
  return text?.replace(/^:?(\d+)$/, '*:$1');
}

const USAGE = 'postern conf FRONTEND [APP] [options]';

const SUMMARY =
  'Prints a configuration of the front end for the application APP, path[:export]; where it goes, and how to start the ' +
  'application, is said on standard error.';

/** Lines of help are no longer, however wide the terminal is. */
const WIDTH = 100;

/** The options as pages show them. */
export function confOptions(): Entry[] {
  return Object.entries(CONF_OPTIONS).map(([name, option]) => ({
    label: labelled({ name, argument: option.argument }),
    text: describe(option),
  }));
}

function helpPage(width: number): string {
  const gateways = Object.entries(FILES).map(([frontEnd, files]) => ({
    label: frontEnd,
    text: Object.keys(files).join(', '),
  }));
  return [
    `${USAGE}\n`,
    `${wrap(SUMMARY, width).join('\n')}\n`,
    section('Options:', [...confOptions(), { label: '-h, --help', text: 'Show this page' }], width),
    section('Front ends, and their gateways:', gateways, width),
  ].join('\n');
}

function describe({ describe: text, choices, defaultText, repeated }: ConfOption): string {
  const notes = [
    choices && `one of ${choices.join(', ')}`,
    repeated && 'may be repeated',
    defaultText && `default: ${defaultText}`,
  ].filter((note) => note !== undefined);
  return notes.length === 0 ? text : `${text} (${notes.join('; ')})`;
}
