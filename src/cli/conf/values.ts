/**
 * The values of the configurations: what each of them may be, and the placeholders that are derived from them.
 *
 * Values are checked, and not escaped, because each of these languages quotes differently. No value may have a character
 * that could end a string, a line or a block in any of them.
 */

import { formatAddress, parseAddress } from '../../sockets/address.ts';
import type { Address, TcpAddress, UnixAddress } from '../../sockets/address.ts';
import { UsageError } from '../../errors.ts';
import { isOn } from './template.ts';

/** Values by name. */
export type Values = Readonly<Record<string, string | undefined>>;

/** An address to which a front end can connect. */
type Upstream = TcpAddress | UnixAddress;

const PATH = /^\/[\p{L}\p{N}._~@+=,/-]+$/u;
/** With what is added to it, a longer name of a variable would not fit into nginx's variables_hash_bucket_size. */
export const LONGEST_NAME = 36;
const NAME = /^[a-z][a-z0-9_]{0,35}$/;
const LISTEN = /^(\*|[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]):\d{1,5}$/;
const ACCOUNT = /^[a-z_][a-z0-9_-]*$/;
const YES_OR_NO = [/^(yes|no)$/, 'yes or no'] as const;

/** What each value may be, and how an error message says it. */
const VALUES: Readonly<Record<string, readonly [pattern: RegExp, meaning: string]>> = {
  name: [NAME, `lower-case letters, digits and _, at most ${LONGEST_NAME}`],
  serverName: [
    /^(\*\.)?[A-Za-z0-9._-]+( (\*\.)?[A-Za-z0-9._-]+)*$/,
    'a host name, or several with a space between them',
  ],
  listen: [LISTEN, 'HOST:PORT or *:PORT'],
  redirectFrom: [LISTEN, 'HOST:PORT or *:PORT'],
  ipv6: YES_OR_NO,
  part: [/^(site|location)$/, 'site or location'],
  cert: [PATH, 'an absolute path without spaces'],
  key: [PATH, 'an absolute path without spaces'],
  automatic: YES_OR_NO,
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
  user: [ACCOUNT, 'the name of an account'],
  group: [ACCOUNT, 'the name of a group'],
  multiplex: YES_OR_NO,
};

/** What is taken where a value is not given. All others are missing then. */
const DEFAULTS: Values = {
  part: 'site',
  ipv6: 'yes',
  automatic: 'no',
  cert: '',
  key: '',
  multiplex: 'no',
  program: '',
  user: 'www-data',
};

type Read = (name: string) => string | undefined;

/**
 * Values that are derived from others. Each may stand in a placeholder, and those that are empty or `no` where they do
 * not apply in a section.
 */
const DERIVED: Readonly<Record<string, (read: Read, file: string) => string | undefined>> = {
  // The configuration is a whole site, not what goes into one.
  site: (read) => (read('part') === 'site' ? 'yes' : 'no'),

  location: (read) => map(read('mount'), (mount) => mount || '/'),
  // `.` is the only character of a mount that is special in a regular expression.
  mountPattern: (read) => map(read('mount'), escapeDots),

  serverNames: (read) => read('serverName'),
  serverName: (read) => namesOf(read)?.[0],
  serverAliases: (read) => namesOf(read)?.slice(1).join(' '),
  hostPattern: (read) => map(namesOf(read) ?? [], (names) => names.map(hostPattern).join('|')),
  siteAddresses: (read) => caddyAddresses(read),
  redirectAddresses: (read) => caddyRedirectAddresses(read),

  listenHost: (read) => map(hostOf(read('listen')), (host) => host.replace('*', '0.0.0.0')),
  listenPort: (read) => portOf(read('listen')),
  // Empty where every address is meant.
  bind: (read) => map(hostOf(read('listen')), (host) => host.replaceAll(/[*[\]]/g, '')),
  // IPv6 beside IPv4. A single address is of the one or the other.
  ipv6: (read) => yesIf(hostOf(read('listen')) === '*' && isOn(read('ipv6')!)),

  tls: (read) => yesIf(read('cert') !== ''),
  // Behind the name in an https URL.
  portSuffix: (read) => map(portOf(read('listen')), (port) => (port === '443' ? '' : `:${port}`)),
  redirectFrom: (read) => redirectFrom(read),
  redirectPort: (read) => portOf(redirectFrom(read)),
  redirectIpv6: (read) => yesIf(hostOf(redirectFrom(read)) === '*' && isOn(read('ipv6')!)),

  // Names in Kubernetes are DNS labels.
  label: (read) => map(read('name'), (name) => name.replaceAll('_', '-')),

  // The application argument of postern: by default the application's file.
  program: (read) => read('program') || (read('app') ?? ''),
  http: (read) => yesIf(read('gateway') === 'http'),

  // `address` is in the syntax of postern, `upstream` in that of the front end.
  address: (read) => map(addressOf(read), formatAddress),
  upstream: (read, file) =>
    map(read('upstream'), (address) => upstreamFor(file, address) ?? address),
  port: (read) => map(addressOf(read), (to) => ('port' in to ? String(to.port) : undefined)),
  peer: (read) => map(addressOf(read), peerOf),
  // The path of a unix socket; empty for TCP.
  socket: (read) => map(addressOf(read), (to) => ('path' in to ? to.path : '')),
  // Of the account: it often has the same name.
  group: (read) => groupOf(read),
  // What postern is to be told besides, so that the front end may use its unix socket.
  socketOptions: (read) =>
    map(addressOf(read), (to) => ('path' in to ? ` --socket-group ${groupOf(read)}` : '')),
};

/** The names of values that are derived. */
export const DERIVED_NAMES: readonly string[] = Object.keys(DERIVED);

/**
 * The value of a placeholder or section of `conf/<file>`; undefined if it is missing.
 *
 * @param read the values that are given
 */
export function resolveValue(file: string, name: string, read: Read): string | undefined {
  const readOrDefault: Read = (given) => read(given) ?? DEFAULTS[given];
  if (Object.hasOwn(DERIVED, name)) return DERIVED[name]!(readOrDefault, file);
  return readOrDefault(name);
}

/** @throws {UsageError} for a value that is unknown or not allowed */
export function checkValues(file: string, values: Values): void {
  for (const [name, value] of Object.entries(values)) {
    if (value === undefined) continue;
    const rule = Object.hasOwn(VALUES, name) ? VALUES[name] : undefined;
    if (!rule) throw new UsageError(`conf/${file}: there is no value named ${name}`);
    const [pattern, meaning] = rule;
    if (!pattern.test(value)) {
      throw new UsageError(`conf/${file}: ${name} is ${meaning}, not ${JSON.stringify(value)}`);
    }
  }
}

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
  ['docker/', (to) => formatAddress(to)],
  ['kubernetes/', (to) => formatAddress(to)],
  ['systemd/', (to) => ('path' in to ? to.path : formatAddress(to))],
];

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

function map<T, R>(value: T | undefined, change: (value: T) => R): R | undefined {
  return value === undefined ? undefined : change(value);
}

function yesIf(condition: boolean): string {
  return condition ? 'yes' : 'no';
}

function hostOf(listen: string | undefined): string | undefined {
  return listen?.slice(0, listen.lastIndexOf(':'));
}

function portOf(listen: string | undefined): string | undefined {
  return listen?.slice(listen.lastIndexOf(':') + 1);
}

/** Where plain HTTP is answered with a redirection, when the site is on HTTPS. */
function redirectFrom(read: Read): string | undefined {
  return read('redirectFrom') ?? map(hostOf(read('listen')), (host) => `${host}:80`);
}

function namesOf(read: Read): string[] | undefined {
  return read('serverName')?.split(' ');
}

/** A regular expression for a host name. */
function hostPattern(name: string): string {
  return escapeDots(name).replace('*', '.+');
}

function escapeDots(text: string): string {
  return text.replaceAll('.', String.raw`\.`);
}

/**
 * The addresses of a site in a Caddyfile. Caddy gets certificates for a name without a scheme, and redirects plain HTTP
 * to it.
 */
function caddyAddresses(read: Read): string | undefined {
  const names = namesOf(read) ?? [''];
  if (isOn(read('automatic')!)) return names.join(', ');
  const [scheme, usual] = read('cert') === '' ? ['http', '80'] : ['https', '443'];
  return map(portOf(read('listen')), (port) =>
    names
      .map((name) => `${scheme}://${name}${port === usual && name !== '' ? '' : `:${port}`}`)
      .join(', '),
  );
}

/** The addresses of the site that redirects plain HTTP to HTTPS. */
function caddyRedirectAddresses(read: Read): string | undefined {
  const names = namesOf(read) ?? [''];
  return map(portOf(redirectFrom(read)), (port) =>
    names.map((name) => `http://${name}:${port}`).join(', '),
  );
}

function groupOf(read: Read): string {
  const user = read('user')!;
  return read('group') ?? user;
}

function addressOf(read: Read): Address | undefined {
  return map(read('upstream'), parseAddress);
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
