/**
 * Fills in the front-end configurations under `conf/`, for `postern conf` and for the tests: so the tests run what is
 * printed.
 *
 * The files have `{{name}}` placeholders and no logic. Values are checked, and not escaped, because each of these
 * languages quotes differently. No value may have a character that could end a string, a line or a block in any of them.
 */

import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { formatAddress, parseAddress } from '../../sockets/address.ts';
import type { Address, TcpAddress, UnixAddress } from '../../sockets/address.ts';
import { UsageError } from '../../errors.ts';
import { packageFile } from '../package.ts';

/** An address to which a front end can connect. */
type Upstream = TcpAddress | UnixAddress;

const PATH = /^\/[\p{L}\p{N}._~@+=,/-]+$/u;

/** The values: what each of them may be, and how an error message says it. */
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

/** How each server writes an address to which it connects, by the beginning of the file's name. */
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
 * Addresses are given as on postern's command line, and are written in the syntax of the server. A value for which the
 * file has no placeholder is ignored, so that one set of values can be used for every file.
 *
 * @throws {UsageError} for a value that is unknown, missing or not allowed. The message names the value
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
 * An address of postern's command line, in the syntax of the server of `conf/<file>`.
 *
 * @returns undefined when that server connects to no address, because it starts the program itself
 */
export function upstreamFor(file: string, address: string): string | undefined {
  const to = parseAddress(address);
  if ('fd' in to) throw new UsageError(`conf/${file}: no front end can connect to ${address}`);
  return DIALECTS.find(([prefix]) => file.startsWith(prefix))?.[1](to);
}

/** Whether `conf/<file>` has a placeholder for a value, or for one that is derived from it. */
export function usesValue(file: string, name: string): boolean {
  const placeholders = [name, ...(DERIVED[name] ?? [])];
  return placeholders.some((placeholder) => confText(file).includes(`{{${placeholder}}}`));
}

/** Placeholders that {@link derive} fills in, by the value from which they are derived. */
const DERIVED: Readonly<Record<string, readonly string[]>> = {
  mount: ['location', 'mountPattern'],
  listen: ['listenHost', 'listenPort'],
  name: ['label'],
  upstream: ['address', 'peer', 'port'],
  multiplex: ['ifMultiplexed'],
};

/** Adds values that are derived from others. */
function derive(file: string, filled: Map<string, string>): void {
  const mount = filled.get('mount');
  if (mount !== undefined) {
    filled.set('location', mount || '/');
    // `.` is the only character of a mount that is special in a regular expression.
    filled.set('mountPattern', mount.replaceAll('.', String.raw`\.`));
  }
  const listen = filled.get('listen');
  if (listen !== undefined) {
    const colon = listen.lastIndexOf(':');
    filled.set('listenHost', listen.slice(0, colon).replace('*', '0.0.0.0'));
    filled.set('listenPort', listen.slice(colon + 1));
  }
  // The application argument of postern: by default the application's file.
  if (!filled.has('program')) filled.set('program', filled.get('app') ?? 'APP');
  // This placeholder stands before lines which are comments without --multiplex.
  filled.set('ifMultiplexed', filled.get('multiplex') === 'yes' ? '' : '#');
  // Names in Kubernetes are DNS labels.
  filled.set('label', (filled.get('name') ?? '').replaceAll('_', '-'));
  const address = filled.get('upstream');
  if (address !== undefined) {
    const parsed = parseAddress(address);
    if ('port' in parsed) filled.set('port', String(parsed.port));
    // `address` is in the syntax of postern, `upstream` in that of the front end.
    filled.set('address', formatAddress(parsed));
    filled.set('upstream', upstreamFor(file, address) ?? address);
    filled.set('peer', peerOf(parsed));
  }
}

/** The peer as an application on that address sees it: for --forwarded-allow-ips. PEER if it is not known. */
function peerOf(address: Address): string {
  if (!('host' in address)) return 'unix';
  return /^(?:127\..*|::1)$/.test(address.host) ? address.host : 'PEER';
}

function apacheUrl(scheme: string): (to: Upstream) => string {
  // With a unix socket the host only completes the URL: nothing connects to it.
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
