/** `postern conf FRONTEND [APP]`: the configuration of a front end, ready to use. */

import { existsSync, writeFileSync } from 'node:fs';
import { basename, delimiter, dirname, extname, isAbsolute, join, resolve } from 'node:path';

import yargs from 'yargs';

import { UsageError } from '../../errors.ts';
import { normalizeMount } from '../../uri/mount.ts';
import { renderConf, usesValue } from './conf.ts';
import { WrongUsage } from '../options/option.ts';
import { withoutTypes } from '../usage/completion.ts';

/** The files under `conf/` by front end and gateway. The first gateway is the one taken by default. */
const FILES: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  nginx: {
    fastcgi: ['nginx/fastcgi.conf'],
    scgi: ['nginx/scgi.conf'],
    uwsgi: ['nginx/uwsgi.conf'],
    http: ['nginx/http.conf'],
  },
  apache: {
    fastcgi: ['apache/proxy_fcgi.conf'],
    scgi: ['apache/proxy_scgi.conf'],
    uwsgi: ['apache/proxy_uwsgi.conf'],
    http: ['apache/proxy_http.conf'],
    cgi: ['apache/cgi.conf'],
    fcgid: ['apache/fcgid.conf'],
  },
  lighttpd: {
    fastcgi: ['lighttpd/fastcgi.conf'],
    'fastcgi-spawn': ['lighttpd/fastcgi-spawn.conf'],
    scgi: ['lighttpd/scgi.conf'],
    uwsgi: ['lighttpd/uwsgi.conf'],
    http: ['lighttpd/proxy.conf'],
    cgi: ['lighttpd/cgi.conf'],
  },
  haproxy: { fastcgi: ['haproxy/fastcgi.cfg'], http: ['haproxy/http.cfg'] },
  caddy: { fastcgi: ['caddy/Caddyfile.fastcgi'], http: ['caddy/Caddyfile.http'] },
  systemd: Object.fromEntries(
    ['fastcgi', 'scgi', 'uwsgi', 'http'].map((gateway) => [
      gateway,
      ['systemd/postern.service', 'systemd/postern.socket'],
    ]),
  ),
  kubernetes: { fastcgi: ['kubernetes/fastcgi.yaml'], http: ['kubernetes/http.yaml'] },
};

/** Where an application listens by default: the usual port of the protocol. */
const PORTS: Readonly<Record<string, number>> = { http: 8000, scgi: 4000, uwsgi: 3031 };
const FASTCGI_PORT = 9000;

/** The arguments of `conf`, as text. */
interface Arguments {
  readonly frontEnd: string;
  readonly app: string | undefined;
  readonly gateway: string | undefined;
  readonly address: string | undefined;
  readonly mount: string | undefined;
  readonly listen: string | undefined;
  readonly serverName: string | undefined;
  readonly name: string | undefined;
  readonly user: string | undefined;
  readonly image: string | undefined;
  readonly multiplex: 'yes' | 'no' | undefined;
  readonly output: string | undefined;
}

/**
 * Prints the configuration to standard output, and its introductory comment to standard error as well; or writes the
 * configuration to a folder.
 *
 * @param args the arguments after `conf`
 * @throws {UsageError} for values that no configuration can hold
 */
export function runConf(args: readonly string[]): void {
  const given = parseConfArguments(args);
  if (typeof given === 'string') {
    process.stdout.write(given);
    return;
  }
  const gateway = chooseGateway(given);
  const files = FILES[given.frontEnd]![gateway]!;
  checkUse(given, files);
  const values = valuesOf(given, gateway);
  const texts = files.map((file) => renderConf(file, selectValues(file, values)));
  if (given.output !== undefined) {
    for (const [i, file] of files.entries()) {
      writeNew(join(given.output, outputName(file, values['name']!)), texts[i]!);
    }
    return;
  }
  process.stdout.write(texts.join('\n'));
  // On a terminal the comment is visible already.
  if (!process.stdout.isTTY) process.stderr.write(texts.map(headerOf).join('\n'));
}

function chooseGateway({ frontEnd, gateway }: Arguments): string {
  const gateways = FILES[frontEnd];
  if (gateways === undefined) {
    throw new WrongUsage(
      `no front end ${JSON.stringify(frontEnd)}: ${Object.keys(FILES).join(', ')}`,
    );
  }
  const names = Object.keys(gateways);
  if (gateway !== undefined && !names.includes(gateway)) {
    throw new WrongUsage(
      `${frontEnd} has no gateway ${JSON.stringify(gateway)}, only ${names.join(', ')}`,
    );
  }
  return gateway ?? names[0]!;
}

/** The options that become values of a configuration. */
const OPTION_VALUES = {
  address: 'upstream',
  mount: 'mount',
  listen: 'listen',
  serverName: 'serverName',
  user: 'user',
  image: 'image',
  multiplex: 'multiplex',
} as const;

/** Refuses options that would have no effect, and a missing application if one is needed. */
function checkUse(given: Arguments, files: readonly string[]): void {
  const uses = (value: string): boolean => files.some((file) => usesValue(file, value));
  for (const [option, value] of Object.entries(OPTION_VALUES)) {
    if (given[option as keyof Arguments] !== undefined && !uses(value)) {
      const flag = option === 'serverName' ? 'server-name' : option;
      throw new WrongUsage(`--${flag} has no place in the configuration of ${given.frontEnd}`);
    }
  }
  const startsIt = uses('app') || uses('postern') || given.frontEnd === 'kubernetes';
  if (startsIt && given.app === undefined) {
    throw new WrongUsage(`the application is missing: postern conf ${given.frontEnd} APP`);
  }
}

function valuesOf(given: Arguments, gateway: string): Record<string, string> {
  const [file, exportName] = splitApplication(given.app);
  const name = given.name ?? nameFor(file);
  const values: Record<string, string> = {
    name,
    serverName: given.serverName ?? 'localhost',
    listen: (given.listen ?? '80').replace(/^:?(\d+)$/, '*:$1'),
    upstream: given.address ?? `127.0.0.1:${PORTS[gateway] ?? FASTCGI_PORT}`,
    mount: given.mount ?? '',
    user: given.user ?? 'www-data',
    multiplex: given.multiplex ?? 'no',
    image: given.image ?? `${name.replaceAll('_', '-')}:latest`,
    gateway,
    postern: ownCommand(),
    path: searchPath(),
  };
  if (file !== undefined) {
    // Paths in the image are not those of this machine.
    const path = given.frontEnd === 'kubernetes' ? file : resolve(file);
    values['app'] = path;
    values['program'] = path + exportName;
  }
  return values;
}

/** The values for which a file has placeholders. Others would be checked although they are not used. */
function selectValues(file: string, values: Record<string, string>): Record<string, string> {
  const names = Object.keys(values).filter(
    (name) => name === 'program' || name === 'name' || usesValue(file, name),
  );
  return Object.fromEntries(names.map((name) => [name, values[name]!]));
}

function splitApplication(app: string | undefined): [file: string | undefined, export_: string] {
  const match = /^(.+?)(:[\p{ID_Start}_][\p{ID_Continue}]*)$/u.exec(app ?? '');
  return match === null ? [app, ''] : [match[1], match[2]!];
}

function nameFor(file: string | undefined): string {
  const stem = basename(file ?? '', extname(file ?? ''));
  const name = stem.toLowerCase().replaceAll(/[^a-z0-9_]/g, '_');
  return /^[a-z]/.test(name) ? name : 'app';
}

/** PATH for programs that the front end starts: node and postern may be in a user's own folder. */
function searchPath(): string {
  const own = [ownCommand(), process.execPath].map((file) => dirname(file));
  return [...new Set([...own, '/usr/local/bin', '/usr/bin', '/bin'])].join(delimiter);
}

/** The path of the command `postern`; in a checkout that of the script. */
function ownCommand(): string {
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter(isAbsolute);
  const commands = folders.map((folder) => join(folder, 'postern'));
  return commands.find((command) => existsSync(command)) ?? process.argv[1]!;
}

/** `app.conf`, `app.service`. */
function outputName(file: string, name: string): string {
  return file.startsWith('caddy/') ? `${name}.caddyfile` : name + extname(file);
}

function writeNew(path: string, text: string): void {
  try {
    writeFileSync(path, text, { flag: 'wx' });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const reason = code === 'EEXIST' ? 'it exists already' : message;
    throw new UsageError(`cannot write ${path}: ${reason}`, { cause: error });
  }
  process.stderr.write(`${path}\n`);
}

/** The comment at the beginning of a configuration, without `#`. */
function headerOf(text: string): string {
  const lines = text.split('\n');
  const end = lines.findIndex((line) => !line.startsWith('#'));
  return lines
    .slice(0, end)
    .map((line) => `${line.replace(/^# ?/, '')}\n`)
    .join('');
}

const USAGE = `$0 conf FRONTEND [APP] [options]

Prints a configuration of the front end for the application APP.`;

const OPTIONS: Readonly<Record<string, string>> = {
  gateway: 'How the front end talks to the application (default: fastcgi)',
  address: 'Where the application listens (default: 127.0.0.1, on a port that is usual)',
  mount: 'URL prefix of the application (default: the root)',
  listen: 'Where the front end listens (default: *:80)',
  'server-name': 'Host name of the site (default: localhost)',
  name: 'What it is called in the configuration (default: after APP)',
  user: "systemd: the web server's account (default: www-data)",
  image: 'kubernetes: the image that holds the application',
  output: 'Write into this folder, under the usual names',
};

const MULTIPLEX =
  'haproxy: Send many requests at once through one FastCGI connection (default: no)';

/** @returns the arguments, or the text that was asked for */
function parseConfArguments(args: readonly string[]): Arguments | string {
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
  for (const [name, describe] of Object.entries(OPTIONS)) {
    parser.option(name, { type: 'string', requiresArg: true, describe });
  }
  parser.option('multiplex', { type: 'boolean', describe: MULTIPLEX });
  let text = '';
  let failure: Error | null | undefined;
  const parsed = parser.parseSync([...args], {}, (error: Error | null | undefined, _, output) => {
    failure = error;
    text = output;
  }) as Readonly<Record<string, unknown>>;
  if (failure) throw new WrongUsage(`${failure.message} (see postern conf --help)`);
  if (text !== '') return `${text}\n`;
  const read = <T = string>(name: string): T | undefined => {
    const value = parsed[name];
    if (Array.isArray(value)) throw new WrongUsage(`--${name}: it can be given once only`);
    return value as T | undefined;
  };
  const mount = read('mount');
  const multiplex = read<boolean>('multiplex');
  return {
    frontEnd: read('FRONTEND')!,
    app: read('APP'),
    gateway: read('gateway'),
    address: read('address'),
    mount: mount === undefined ? undefined : normalizeMount(mount),
    listen: read('listen'),
    serverName: read('server-name'),
    name: read('name'),
    user: read('user'),
    image: read('image'),
    multiplex: multiplex === undefined ? undefined : multiplex ? 'yes' : 'no',
    output: read('output'),
  };
}
