/** Trusted proxies, and the headers in which they describe the client. */

import { createAllowList } from '../../src/sockets/allow-list.ts';
import { remount, splitPort } from '../../src/environ/environ.ts';
import type { Variables } from '../../src/environ/environ.ts';
import { readForwarded, readXForwarded } from '../../src/environ/forwarded/claims.ts';
import type { ClaimNames, Claims } from '../../src/environ/forwarded/claims.ts';
import { linesIn } from '../../src/environ/forwarded/lines.ts';
import type { LinesOf } from '../../src/environ/forwarded/lines.ts';
import type { Hop } from '../../src/environ/forwarded/node.ts';

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
   * socket, `'*'` for whoever connects. The client is the last address in the header that is in this list no more:
   * what stands before it is that client's own word. `'*'` and `'unix'` are no addresses: with them alone the last
   * one is the client. Default: none.
   */
  forwardedAllowIps?: readonly string[] | undefined;
  /**
   * The headers in which trusted proxies tell of the client, or `'forwarded'` for the one of RFC 7239. Only what
   * the proxy sets, adds to or removes in every request may be named: the client sends the others. Read from the
   * right, because each proxy adds its word at the end; what is malformed ends that, and nothing before it counts.
   * Default: `X-Forwarded-For`, `-Proto`, `-Host`, `-Port`.
   */
  forwardedHeaders?: ForwardedHeaders | 'forwarded' | undefined;
}

/** The forwarding rules of one server. */
export class Forwarding {
  readonly #isListed: (address: string | undefined) => boolean;
  readonly #trustsAll: boolean;
  readonly #trustsUnix: boolean;
  readonly #read: (linesOf: LinesOf) => Claims;

  /** @throws {UsageError} for an invalid entry of `forwardedAllowIps` */
  constructor(options: ForwardingOptions) {
    const list = options.forwardedAllowIps ?? [];
    this.#trustsAll = list.includes('*');
    this.#trustsUnix = this.#trustsAll || list.includes('unix');
    this.#isListed = createAllowList(list.filter((entry) => entry !== '*' && entry !== 'unix'));
    const headers = options.forwardedHeaders ?? {};
    if (headers === 'forwarded') {
      this.#read = readForwarded;
    } else {
      const names = namesOf(headers);
      this.#read = (linesOf) => readXForwarded(names, linesOf);
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
    const claims = this.#read((header) => linesIn(rawHeaders, header));
    this.#applyClient(environ, claims.hops);
    if (claims.proto === 'https') environ['HTTPS'] = 'on';
    else if (claims.proto === 'http') delete environ['HTTPS'];
    if (claims.host !== undefined) environ['HTTP_HOST'] = claims.host;
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
      if (!this.#isListed(address)) return;
    }
  }
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

function applyPrefix(environ: Variables, prefix: string): void {
  const path = environ['PATH_INFO'] as string;
  const [script, rest] = remount('', path, prefix);
  environ['SCRIPT_NAME'] = prefix;
  environ['PATH_INFO'] = script === prefix ? rest : path;
  // A proxy that has removed the prefix from the path has removed it from the URI, too.
  const uri = environ['REQUEST_URI'] as string;
  if (script !== prefix && uri !== '*') environ['REQUEST_URI'] = prefix + uri;
}
