/** The arguments of `postern conf`, and its help. */

import { normalizeMount } from '../../uri/mount.ts';
import { WrongUsage } from '../options/option.ts';
import { parseCommandLine } from '../usage/command-line.ts';
import { section, wrap } from '../usage/layout.ts';
import { didYouMean, similarTo } from '../usage/similar.ts';
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

const OPTIONS: Readonly<Record<string, ConfOption>> = {
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

/**
 * Parses the arguments after `conf`.
 *
 * @returns the arguments, or the help that was asked for
 * @throws {WrongUsage} for what there is not, with the one that may be meant
 */
export function parseConfArguments(args: readonly string[], width: number): ConfArguments | string {
  const flags = Object.entries(OPTIONS).map(([name, { argument }]) => ({ name, argument }));
  const { values, words } = withAdvice(() =>
    parseCommandLine(joinPairs(args), [...flags, { name: 'help', aliases: ['h'] }]),
  );
  if (values.has('help')) return help(width);
  const [frontEnd, app, ...more] = words;
  if (frontEnd === undefined)
    throw new WrongUsage(`the front end is missing: postern conf ${Object.keys(FILES).join(', ')}`);
  if (more.length > 0)
    throw new WrongUsage(`one argument too many: ${more[0]} (see postern conf --help)`);
  const readAll = (name: string): readonly string[] => values.get(name) ?? [];
  const read = (name: string): string | undefined => {
    const [value, ...others] = readAll(name);
    if (others.length > 0) throw new WrongUsage(`--${name}: it can be given once only`);
    const choices = OPTIONS[name]?.choices;
    if (value !== undefined && choices) checkChoice(`--${name} is`, value, choices);
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
    tls: readPair(read('tls')),
    redirectFrom: readListen(read('redirect-from')),
    part: read('part'),
    name: read('name'),
    user: read('user'),
    image: read('image'),
    multiplex: readSwitch('multiplex'),
    output: read('output'),
  };
}

function withAdvice<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw new WrongUsage(`${(error as Error).message} (see postern conf --help)`);
  }
}

/** Stands between the two values of an option, which are one for the parser. No path has it. */
const BETWEEN = '\0';

/** `--tls CERT KEY` becomes one argument. */
function joinPairs(args: readonly string[]): string[] {
  const joined: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!;
    if (!/^--tls(?:=|$)/.test(arg)) {
      joined.push(arg);
      continue;
    }
    const files = args.slice(i + 1, i + 3).filter((file) => !file.startsWith('-'));
    if (arg !== '--tls' || files.length < 2)
      throw new WrongUsage('--tls needs two values: --tls CERT KEY');
    joined.push(`--tls=${files.join(BETWEEN)}`);
    i += 2;
  }
  return joined;
}

function readPair(text: string | undefined): readonly [string, string] | undefined {
  return text?.split(BETWEEN) as [string, string] | undefined;
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
  if (gateway !== undefined) checkChoice(`the gateway of ${frontEnd} is`, gateway, gateways);
  return gateway ?? gateways[0]!;
}

function checkChoice(what: string, value: string, choices: readonly string[]): void {
  if (choices.includes(value)) return;
  const meant = didYouMean(whatIsMeant(value, choices));
  throw new WrongUsage(`${what} ${choices.join(', ')}, not ${JSON.stringify(value)}${meant}`);
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

/** The options as pages show them. */
export function confOptions(): { readonly label: string; readonly text: string }[] {
  return Object.entries(OPTIONS).map(([name, option]) => ({
    label: option.argument === undefined ? `--${name}` : `--${name} ${option.argument}`,
    text: describe(option),
  }));
}

function help(width: number): string {
  const gateways = Object.entries(FILES).map(([frontEnd, files]) => ({
    label: frontEnd,
    text: Object.keys(files).join(', '),
  }));
  return [
    `${USAGE}\n`,
    `${wrap(SUMMARY, width).join('\n')}\n`,
    section('Options:', [...confOptions(), { label: '-h, --help', text: 'Show this' }], width),
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
