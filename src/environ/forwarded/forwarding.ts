/** Trusted proxies, and the headers in which they describe the client. */

import { checkNames, toList } from '../../options.ts';
import type { OptionNames, TextList } from '../../options.ts';
import { createAllowList } from '../../sockets/allow-list.ts';
import { guessScheme, splitPort } from '../environ.ts';
import { isBelow, remount } from '../path.ts';
import type { Variables } from '../environ.ts';
import { readForwarded, readXForwarded } from './claims.ts';
import type { ClaimNames, Claims } from './claims.ts';
import { linesIn } from './lines.ts';
import type { LinesOf } from './lines.ts';
import { plainAddress } from './node.ts';
import type { Hop } from './node.ts';

/** Names of the headers that a proxy sets; null for one that it does not set, which is then ignored. */
export interface ForwardedHeaders {
  /** Addresses of the client and of the proxies behind it. Default `X-Forwarded-For`. */
  for?: string | null;
  /** `http` or `https`. Default `X-Forwarded-Proto`. */
  proto?: string | null;
  /** The Host header of the client. Default `X-Forwarded-Host`. */
  host?: string | null;
  /** The port to which the client connected, 1 to 65535. Default `X-Forwarded-Port`. */
  port?: string | null;
  /**
   * The mount, whether the proxy has taken it off the path or not; most proxies that have one say it in
   * `X-Forwarded-Prefix`. Default null: few proxies set or remove it, and then it is the client's word. At most 256
   * characters of RFC 3986's unreserved ones and `/ + : = @`, without segments that are empty, `.` or `..`; all else
   * is ignored.
   */
  prefix?: string | null;
}

/** Options about proxies. */
export interface ForwardingOptions {
  /**
   * Peers that are trusted proxies: IP addresses and networks (`'10.0.0.0/8'`), `'unix'` for the peers of a unix
   * socket, `'*'` for every peer. The peer is who connects to the HTTP gateway, and who connects to the web server on all
   * others: REMOTE_ADDR. The client is the last address in the header that is in this list no more: what stands before
   * it is that client's own word. `'*'` and `'unix'` are no addresses: with them alone the last one is the client.
   *
   * From all other peers these headers, `Forwarded` and all `X-Forwarded-*` are dropped: an empty list trusts nobody.
   * Default: nobody is trusted, and the headers are passed on as they are.
   */
  forwardedAllowIps?: TextList | undefined;
  /**
   * The headers in which trusted proxies tell of the client, or `'forwarded'` for the one of RFC 7239. Only what
   * the proxy sets, adds to or removes in every request may be named: the client sends the others. Read from the
   * right, because each proxy adds its word at the end; what is malformed ends that, and nothing before it counts.
   * Default: `X-Forwarded-For`, `-Proto`, `-Host`, `-Port`.
   */
  forwardedHeaders?: ForwardedHeaders | 'forwarded' | undefined;
}

/** Names of {@link ForwardingOptions}. */
export const FORWARDING_OPTIONS: OptionNames<ForwardingOptions> = {
  forwardedAllowIps: 'any',
  forwardedHeaders: 'any',
};

const HEADER_NAMES: OptionNames<ForwardedHeaders> = {
  for: 'any',
  host: 'any',
  port: 'any',
  prefix: 'any',
  proto: 'any',
};

/**
 * The forwarding rules of a server; undefined without the option `forwardedAllowIps`.
 *
 * @throws {UsageError} for an invalid entry of `forwardedAllowIps`
 */
export function createForwarding(options: ForwardingOptions): Forwarding | undefined {
  return options.forwardedAllowIps === undefined ? undefined : new Forwarding(options);
}

/** The forwarding rules of one server. */
export class Forwarding {
  readonly #isListed: (address: string | undefined) => boolean;
  readonly #trustsAll: boolean;
  readonly #trustsUnix: boolean;
  readonly #read: (linesOf: LinesOf) => Claims;
  readonly #variables: ReadonlySet<string>;

  /** @throws {UsageError} for an invalid entry of `forwardedAllowIps` */
  constructor(options: ForwardingOptions) {
    const list = toList('forwardedAllowIps', options.forwardedAllowIps ?? []);
    this.#trustsAll = list.includes('*');
    this.#trustsUnix = this.#trustsAll || list.includes('unix');
    this.#isListed = createAllowList(list.filter((entry) => entry !== '*' && entry !== 'unix'));
    const headers = options.forwardedHeaders ?? {};
    if (headers === 'forwarded') {
      this.#read = readForwarded;
      this.#variables = new Set();
    } else {
      checkNames('forwardedHeaders', headers, HEADER_NAMES);
      const names = namesOf(headers);
      this.#read = (linesOf) => readXForwarded(names, linesOf);
      this.#variables = new Set(Object.values(names).map((name) => variableOf(name ?? '')));
    }
  }

  /** Whether a peer is a trusted proxy. @param address undefined for the peer of a unix socket */
  trusts(address: string | undefined): boolean {
    if (address === undefined) return this.#trustsUnix;
    return this.#trustsAll || this.#isListed(address);
  }

  /**
   * Replaces the variables that describe the peer by what a trusted peer says of the client.
   *
   * @param rawHeaders names and values in turn. The environ cannot be used: it joins header lines, and `X_A` and `X-A`
   *   are one variable there.
   */
  apply(environ: Variables, rawHeaders: readonly string[]): void {
    this.#apply(environ, (header) => linesIn(rawHeaders, header));
  }

  /**
   * The same where the variables are all that the web server sends: its peer is REMOTE_ADDR, and the lines of a header
   * are joined. What a peer says that is not trusted is dropped.
   */
  applyVariables(environ: Variables): void {
    if (!this.#trustsPeer(environ['REMOTE_ADDR'] as string | undefined)) this.drop(environ);
    else {
      this.#apply(environ, (header) => {
        const value = environ[variableOf(header)] as string | undefined;
        return value === undefined ? [] : [value];
      });
    }
  }

  #trustsPeer(address: string | undefined): boolean {
    // A peer without an address is nobody that can be named: the web server has not said who it is.
    if (address === undefined) return this.#trustsAll;
    // nginx says `unix:` of peers on a unix socket, and `::ffff:192.0.2.1` of an IPv4 address on an IPv6 socket.
    return this.trusts(address === 'unix:' ? undefined : plainAddress(address));
  }

  /** Deletes the headers in which a peer that is not trusted tells of the client: frameworks may believe them. */
  drop(environ: Variables): void {
    for (const name in environ) {
      if (CLAIM.test(name) || this.#variables.has(name)) delete environ[name];
    }
  }

  #apply(environ: Variables, linesOf: LinesOf): void {
    const claims = this.#read(linesOf);
    this.#applyClient(environ, claims.hops);
    if (claims.proto !== undefined) applyProto(environ, claims.proto);
    if (claims.host !== undefined) {
      environ['HTTP_HOST'] = claims.host;
      environ['SERVER_NAME'] = ''; // completeEnviron takes it from the host
    }
    if (claims.port !== undefined) addPort(environ, claims.port);
    const port = claims.port ?? portOf(claims);
    if (port !== undefined) environ['SERVER_PORT'] = port;
    if (claims.prefix !== undefined) applyPrefix(environ, claims.prefix);
  }

  /** The client is the last address that is not a trusted proxy. The addresses before it come from the client itself. */
  #applyClient(environ: Variables, hops: Iterable<Hop>): void {
    for (const { address, port } of hops) {
      environ['REMOTE_ADDR'] = address;
      if (port === undefined) delete environ['REMOTE_PORT'];
      else environ['REMOTE_PORT'] = port;
      // The web server has looked up the name of its peer.
      if (environ['REMOTE_HOST'] !== undefined) delete environ['REMOTE_HOST'];
      if (!this.#isListed(address)) return;
    }
  }
}

/** Headers in which proxies tell of the client, trusted ones or not. */
const CLAIM = /^HTTP_(?:X_)?FORWARDED(?:_|$)/;

function variableOf(header: string): string {
  return `HTTP_${header.toUpperCase().replaceAll('-', '_')}`;
}

function namesOf(headers: ForwardedHeaders): ClaimNames {
  return {
    for: nameOf(headers.for, 'X-Forwarded-For'),
    proto: nameOf(headers.proto, 'X-Forwarded-Proto'),
    host: nameOf(headers.host, 'X-Forwarded-Host'),
    port: nameOf(headers.port, 'X-Forwarded-Port'),
    prefix: nameOf(headers.prefix),
  };
}

function nameOf(header: string | null | undefined, usual?: string): string | undefined {
  return header === null ? undefined : (header ?? usual)?.toLowerCase();
}

/** The port in Host, or the default of the scheme. The port of the connection is the one that the proxy has used. */
function portOf(claims: Claims): string | undefined {
  const [, port] = splitPort(claims.host ?? '');
  if (port !== undefined || claims.proto === undefined) return port;
  return claims.proto === 'https' ? '443' : '80';
}

function applyProto(environ: Variables, proto: 'http' | 'https'): void {
  if (proto === 'https') environ['HTTPS'] = 'on';
  else delete environ['HTTPS'];
  if (environ['REQUEST_SCHEME'] !== undefined) environ['REQUEST_SCHEME'] = proto;
}

/** Adds the port to a Host without one: the URL of the request is made of it. A default port is not written. */
function addPort(environ: Variables, port: string): void {
  const [name, given] = splitPort((environ['HTTP_HOST'] ?? '') as string);
  const isDefault = port === (guessScheme(environ) === 'https' ? '443' : '80');
  if (name !== '' && given === undefined && !isDefault) environ['HTTP_HOST'] = `${name}:${port}`;
}

function applyPrefix(environ: Variables, prefix: string): void {
  const script = environ['SCRIPT_NAME'] as string;
  if (isBelow(script, prefix)) return; // it is a part of the web server's own mount
  const [mount, rest] = remount(script, environ['PATH_INFO'] as string, prefix);
  if (mount === prefix) {
    environ['SCRIPT_NAME'] = mount;
    environ['PATH_INFO'] = rest;
    return;
  }
  // A proxy that has removed the prefix from the path has removed it from the URI, too.
  environ['SCRIPT_NAME'] = script === '/' ? prefix : prefix + script;
  const uri = environ['REQUEST_URI'] as string;
  if (uri.startsWith('/')) environ['REQUEST_URI'] = prefix + uri;
}
