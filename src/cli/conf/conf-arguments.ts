/** The arguments of `postern conf`. */

import { didYouMean, similarTo } from '../../similar.ts';
import { normalizeMount } from '../../uri/mount.ts';
import { WrongUsage } from '../options/option.ts';
import { parseCommandLine } from '../usage/command-line.ts';
import type { CommandLine, Flag } from '../usage/command-line.ts';
import { labelled, section } from '../usage/layout.ts';
import type { Entry } from '../usage/layout.ts';
import { FILES } from './front-ends.ts';

/** The arguments, as text. */
export interface ConfArguments {
  readonly frontEnd: string;
  readonly app: string | undefined;
  readonly gateway: string | undefined;
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

const USAGE = `postern conf FRONTEND [APP] [options]

Prints a configuration of the front end for the application APP.`;

/** Lines of help are no longer. */
const WIDTH = 100;

interface ConfOption {
  readonly describe: string;
  /** The metavariable; without one it is a switch. */
  readonly argument?: string;
  readonly choices?: readonly string[];
  /** It may be given several times. */
  readonly repeated?: true;
}

export const CONF_OPTIONS: Readonly<Record<string, ConfOption>> = {
  gateway: {
    argument: 'GATEWAY',
    describe: 'How the front end talks to the application (default: fastcgi)',
  },
  address: {
    argument: 'ADDR',
    describe: 'Where the application listens (default: 127.0.0.1, on a port that is usual)',
  },
  mount: { argument: 'PATH', describe: 'URL prefix of the application (default: the root)' },
  part: {
    argument: 'PART',
    choices: ['site', 'location'],
    describe:
      'A site of its own, or only what goes into a site that is there already (default: site)',
  },
  'server-name': {
    argument: 'NAME',
    repeated: true,
    describe: 'Host name of the site; several with commas between them (default: localhost)',
  },
  listen: {
    argument: '[HOST:]PORT',
    describe: 'Where the front end listens (default: *:80, with --tls *:443)',
  },
  ipv6: { describe: 'Listen on IPv6 as well where HOST is * (default: if this machine has IPv6)' },
  tls: { argument: 'CERT KEY', describe: 'HTTPS with these files; plain HTTP is redirected to it' },
  'redirect-from': {
    argument: '[HOST:]PORT',
    describe: 'With --tls: where plain HTTP is redirected (default: port 80 of the same HOST)',
  },
  name: {
    argument: 'NAME',
    describe:
      'What it is called in the configuration (default: after server name and mount, or after APP)',
  },
  user: {
    argument: 'ACCOUNT',
    describe: "The web server's account, for unix sockets (default: the one of this machine)",
  },
  image: { argument: 'IMAGE', describe: 'kubernetes: the image that holds the application' },
  multiplex: {
    describe: 'haproxy: Send many requests at once through one FastCGI connection (default: no)',
  },
  output: { argument: 'FOLDER', describe: 'Write into this folder, under the usual names' },
};

const FLAGS: readonly Flag[] = [
  ...Object.entries(CONF_OPTIONS).map(([name, { argument, choices }]) => ({
    name,
    argument,
    choices,
  })),
  { name: 'help', aliases: ['h'] },
];

function helpPage(): string {
  const positionals: Entry[] = [
    { label: 'FRONTEND', text: Object.keys(FILES).join(', ') },
    { label: 'APP', text: 'path[:export]' },
  ];
  const options = Object.entries(CONF_OPTIONS).map(([name, { argument, choices, describe }]) => {
    const values = choices === undefined ? '' : ` [${choices.join(', ')}]`;
    return { label: labelled({ name, argument }), text: describe + values };
  });
  const gateways = Object.entries(FILES).map(([label, files]) => ({
    label,
    text: Object.keys(files).join(', '),
  }));
  const help = { label: '-h, --help', text: 'Show this page' };
  const sections = [
    section('Arguments:', positionals, WIDTH),
    section('Options:', [...options, help], WIDTH),
    section('Gateways of the front ends, the first by default:', gateways, WIDTH),
  ];
  return `${USAGE}\n\n${sections.join('\n')}`;
}

/** @returns the arguments, or the text that was asked for */
export function parseConfArguments(args: readonly string[]): ConfArguments | string {
  const { values, words } = parse(args);
  if (values.has('help')) return helpPage();
  const [frontEnd, app, ...more] = words;
  const frontEnds = Object.keys(FILES);
  if (frontEnd === undefined)
    throw new WrongUsage(`no front end: one of ${frontEnds.join(', ')} ${SEE}`);
  if (!frontEnds.includes(frontEnd)) {
    const meant = didYouMean(similarTo(frontEnd, frontEnds));
    throw new WrongUsage(
      `no front end ${JSON.stringify(frontEnd)}: ${frontEnds.join(', ')}${meant}`,
    );
  }
  if (more.length > 0) throw new WrongUsage(`one argument too many: ${more[0]} ${SEE}`);

  const readAll = (name: string): readonly string[] => values.get(name) ?? [];
  const read = (name: string): string | undefined => {
    const [value, ...others] = readAll(name);
    if (others.length > 0) throw new WrongUsage(`--${name}: it can be given once only`);
    return value;
  };
  const readSwitch = (name: string): 'yes' | 'no' | undefined => {
    const value = readAll(name).at(-1);
    return value === undefined ? undefined : value === 'false' ? 'no' : 'yes';
  };
  const mount = read('mount');
  const serverNames = readAll('server-name').flatMap((names) => names.split(','));
  return {
    frontEnd,
    app,
    gateway: read('gateway'),
    address: read('address'),
    mount: mount === undefined ? undefined : normalizeMount(mount),
    listen: readListen(read('listen')),
    ipv6: readSwitch('ipv6'),
    serverName: serverNames.length === 0 ? undefined : serverNames.join(' '),
    tls: readTls(readAll('tls')),
    redirectFrom: readListen(read('redirect-from')),
    part: read('part'),
    name: read('name'),
    user: read('user'),
    image: read('image'),
    multiplex: readSwitch('multiplex'),
    output: read('output'),
  };
}

const SEE = '(see postern conf --help)';

function parse(args: readonly string[]): CommandLine {
  try {
    return parseCommandLine(args, FLAGS);
  } catch (error) {
    throw new WrongUsage(`${(error as Error).message} ${SEE}`);
  }
}

/** A port alone is that of all addresses. */
function readListen(text: string | undefined): string | undefined {
  return text?.replace(/^:?(\d+)$/, '*:$1');
}

function readTls(files: readonly string[]): readonly [cert: string, key: string] | undefined {
  const [cert, key, ...more] = files;
  if (more.length > 0) throw new WrongUsage('--tls: it can be given once only');
  return cert === undefined || key === undefined ? undefined : [cert, key];
}
