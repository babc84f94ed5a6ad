/**
 * Fills in the front-end configurations under `conf/`: one place for `postern conf` and for the
 * tests, so that what is printed is what has been started.
 *
 * The files hold `{{name}}` placeholders and no logic. Values are checked, not escaped: these
 * languages all quote differently, so nothing is let through that could end a string, a line or a
 * block in any of them.
 */

import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { formatAddress, parseAddress } from '../../sockets/address.ts';
import type { Address, TcpAddress, UnixAddress } from '../../sockets/address.ts';
import { UsageError } from '../../errors.ts';
import { packageFile } from '../package.ts';

/** Where an application listens, as far as a front end can connect to it. */
type Upstream = TcpAddress | UnixAddress;

const PATH = /^\/[\p{L}\p{N}._~@+=,/-]+$/u;

/** What a caller may fill in: what each value may hold, and how an error message says so. */
const VALUES: Readonly<Record<string, readonly [pattern: RegExp, meaning: string]>> = {
  name: [/^[a-z][a-z0-9_]*$/, 'lower-case letters, digits and _'],
  serverName: [/^[A-Za-z0-9._-]+$/, 'a host name'],
  listen: [/^(\*|[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]):\d{1,5}$/, 'HOST:PORT or *:PORT'],
  upstream: [/^([A-Za-z0-9.:[\]-]+|unix:\/[\w.~@+/-]+)$/, 'HOST:PORT or unix:/PATH'],
  mount: [/^(\/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*$/, 'empty, or a path such as /app'],
  app: [PATH, 'an absolute path without spaces'],
  program: [/^[\p{L}\p{N}._~@+=,/:-]+$/u, 'a path without spaces, and perhaps an export'],
  gateway: [/^(fastcgi|scgi|uwsgi|http)$/, 'a gateway that listens'],
  image: [/^[a-z0-9][A-Za-z0-9._:@/-]*$/, 'the name of an image'],
  postern: [PATH, 'an absolute path without spaces'],
  path: [
    /^(\/[\p{L}\p{N}._~@+=,/-]*)(:\/[\p{L}\p{N}._~@+=,/-]*)*$/u,
    'absolute paths with : between them',
  ],
  user: [/^[a-z_][a-z0-9_-]*$/, 'the name of an account'],
  multiplex: [/^(yes|no)$/, 'yes or no'],
};

/** How each server writes down where it is to connect to, by the beginning of the file's name. */
const DIALECTS: readonly (readonly [prefix: string, write: (to: Upstream) => string])[] = [
  ['nginx/', (to) => formatAddress(to)],
  ['apache/proxy_fcgi', apacheUrl('fcgi')],
  ['apache/proxy_scgi', apacheUrl('scgi')],
  ['apache/proxy_uwsgi', apacheUrl('uwsgi')],
  ['apache/proxy_http', apacheUrl('http')],
  ['haproxy/', (to) => ('path' in to ? `unix@${to.path}` : formatAddress(to))],
  ['lighttpd/', lighttpdHost],
  ['caddy/', (to) => ('path' in to ? `unix/${to.path}` : formatAddress(to))],
  ['kubernetes/', (to) => formatAddress(to)],
  ['systemd/', (to) => ('path' in to ? to.path : formatAddress(to))],
];

/**
 * The text of `conf/<file>` with every placeholder filled in.
 *
 * Addresses are given as on postern's command line and come out in the words of the server that
 * the file is for. A value the file has no use for is ignored: one set of values serves every file.
 *
 * @throws {UsageError} for a value that is unknown, missing or not allowed; it names the value
 */
export function renderConf(file: string, values: Readonly<Record<string, string>>): string {
  const filled = new Map<string, string>();
  for (const [name, value] of Object.entries(values)) {
    const rule = Object.hasOwn(VALUES, name) ? VALUES[name] : undefined;
    if (!rule) throw new UsageError(`conf/${file}: there is no value named ${name}`);
    const [pattern, meaning] = rule;
    if (!pattern.test(value)) {
      throw new UsageError(`conf/${file}: ${name} is ${meaning}, not ${JSON.stringify(value)}`);
    }
    filled.set(name, value);
  }
  derive(file, filled);
  return confText(file).replaceAll(/\{\{(\w+)\}\}/g, (_, name: string) => {
    const value = filled.get(name);
    if (value === undefined) throw new UsageError(`conf/${file}: no value for ${name}`);
    return value;
  });
}

/**
 * An address as on the command line, in the words of the server that `conf/<file>` is for.
 *
 * @returns undefined where that server connects to none, because it starts the program itself
 */
export function upstreamFor(file: string, address: string): string | undefined {
  const to = parseAddress(address);
  if ('fd' in to) throw new UsageError(`conf/${file}: no front end can connect to ${address}`);
  return DIALECTS.find(([prefix]) => file.startsWith(prefix))?.[1](to);
}

/** Whether a value makes a difference to `conf/<file>`. */
export function usesValue(file: string, name: string): boolean {
  const placeholders = [name, ...(DERIVED[name] ?? [])];
  return placeholders.some((placeholder) => confText(file).includes(`{{${placeholder}}}`));
}

/** Placeholders that {@link derive} fills in, by the value that it takes them from. */
const DERIVED: Readonly<Record<string, readonly string[]>> = {
  mount: ['location', 'mountPattern'],
  listen: ['listenHost', 'listenPort'],
  name: ['label'],
  upstream: ['address', 'peer', 'port'],
  multiplex: ['ifMultiplexed'],
};

/** Placeholders that are other ways to write a given value. */
function derive(file: string, filled: Map<string, string>): void {
  const mount = filled.get('mount');
  if (mount !== undefined) {
    filled.set('location', mount || '/');
    // `.` is the only character a mount may hold that means something in a regular expression.
    filled.set('mountPattern', mount.replaceAll('.', String.raw`\.`));
  }
  const listen = filled.get('listen');
  if (listen !== undefined) {
    const colon = listen.lastIndexOf(':');
    filled.set('listenHost', listen.slice(0, colon).replace('*', '0.0.0.0'));
    filled.set('listenPort', listen.slice(colon + 1));
  }
  // What postern is to be told; the application's file where nothing else is given.
  if (!filled.has('program')) filled.set('program', filled.get('app') ?? 'APP');
  // Before lines that are comments unless they are asked for.
  filled.set('ifMultiplexed', filled.get('multiplex') === 'yes' ? '' : '#');
  // Names of Kubernetes are labels of the domain name system.
  filled.set('label', (filled.get('name') ?? '').replaceAll('_', '-'));
  const address = filled.get('upstream');
  if (address !== undefined) {
    const parsed = parseAddress(address);
    if ('port' in parsed) filled.set('port', String(parsed.port));
    // As postern is to be told; `upstream` is what the front end is told.
    filled.set('address', formatAddress(parsed));
    filled.set('upstream', upstreamFor(file, address) ?? address);
    filled.set('peer', peerOf(parsed));
  }
}

/** The front end as an application on that address sees it, if that can be told. */
function peerOf(address: Address): string {
  if (!('host' in address)) return 'unix';
  return /^(?:127\..*|::1)$/.test(address.host) ? address.host : 'PEER';
}

function apacheUrl(scheme: string): (to: Upstream) => string {
  // Behind a socket the host only completes the URL; nothing connects to it.
  return (to) =>
    'path' in to ? `unix:${to.path}|${scheme}://localhost` : `${scheme}://${formatAddress(to)}`;
}

function lighttpdHost(to: Upstream): string {
  if ('path' in to) return `"socket" => "${to.path}"`;
  return `"host" => "${to.host}", "port" => ${to.port}`;
}

function confText(file: string): string {
  try {
    return readFileSync(join(dirname(packageFile()), 'conf', file), 'utf8');
  } catch (error) {
    throw new UsageError(`there is no configuration conf/${file}`, { cause: error });
  }
}
