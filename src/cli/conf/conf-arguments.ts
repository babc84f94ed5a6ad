/** The arguments of `postern conf`. */

import yargs from 'yargs';

import { normalizeMount } from '../../uri/mount.ts';
import { WrongUsage } from '../options/option.ts';
import { withoutTypes } from '../options/parse.ts';
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

const USAGE = `$0 conf FRONTEND [APP] [options]

Prints a configuration of the front end for the application APP.`;

interface ConfOption {
  readonly describe: string;
  /** The metavariable; without one it is a switch. */
  readonly argument?: string;
  readonly choices?: readonly string[];
  /** It may be given several times. */
  readonly repeated?: true;
}

const OPTIONS: Readonly<Record<string, ConfOption>> = {
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

/** @returns the arguments, or the text that was asked for */
export function parseConfArguments(args: readonly string[]): ConfArguments | string {
  const parser = withoutTypes(yargs())
    .scriptName('postern')
    .usage(USAGE)
    .command('$0 <FRONTEND> [APP]', false)
    .positional('FRONTEND', { type: 'string', describe: Object.keys(FILES).join(', ') })
    .wrap(100)
    .positional('APP', { type: 'string', describe: 'path[:export]' })
    .parserConfiguration({ 'camel-case-expansion': false, 'parse-numbers': false })
    .locale('en')
    .strict()
    .exitProcess(false)
    .version(false);
  for (const [name, { describe, argument, choices }] of Object.entries(OPTIONS)) {
    if (argument === undefined) parser.option(name, { type: 'boolean', describe });
    else {
      const nargs = argument.split(' ').length;
      parser.option(name, { type: 'string', requiresArg: true, nargs, choices, describe });
    }
  }
  let text = '';
  let failure: Error | null | undefined;
  const parsed = parser.parseSync([...args], {}, (error: Error | null | undefined, _, output) => {
    failure = error;
    text = output;
  }) as Readonly<Record<string, unknown>>;
  if (failure) throw new WrongUsage(`${failure.message} (see postern conf --help)`);
  if (text !== '') return `${text}\n`;

  const readAll = (name: string): string[] => [parsed[name] ?? []].flat() as string[];
  const read = <T = string>(name: string): T | undefined => {
    const value = parsed[name];
    if (Array.isArray(value)) throw new WrongUsage(`--${name}: it can be given once only`);
    return value as T | undefined;
  };
  const readSwitch = (name: string): 'yes' | 'no' | undefined => {
    const value = read<boolean>(name);
    return value === undefined ? undefined : value ? 'yes' : 'no';
  };
  const mount = read('mount');
  const serverNames = readAll('server-name').flatMap((names) => names.split(','));
  return {
    frontEnd: read('FRONTEND')!,
    app: read('APP'),
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

/** A port alone is that of all addresses. */
function readListen(text: string | undefined): string | undefined {
  return text?.replace(/^:?(\d+)$/, '*:$1');
}

function readTls(files: readonly string[]): readonly [cert: string, key: string] | undefined {
  const [cert, key, ...more] = files;
  if (more.length > 0) throw new WrongUsage('--tls: it can be given once only');
  return cert === undefined || key === undefined ? undefined : [cert, key];
}
