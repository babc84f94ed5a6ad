/** What proxies say of the client: `X-Forwarded-*`, or `Forwarded` (RFC 7239). Believed of trusted peers alone. */

import { isIP } from 'node:net';

import { createAllowList } from '../../src/allow-list.ts';
import { remount, splitPort } from '../../src/environ.ts';
import type { Variables } from '../../src/environ.ts';
import { isHost } from './target.ts';

/** Names of the headers that a proxy sets; null for one that it does not set, which is then ignored. */
export interface ForwardedHeaders {
  /** Addresses of the client and of the proxies behind it. Default `X-Forwarded-For`. */
  for?: string | null;
  /** `http` or `https`. Default `X-Forwarded-Proto`. */
  proto?: string | null;
  /** The Host header of the client. Default `X-Forwarded-Host`. */
  host?: string | null;
  /** The port to which the client connected. Default `X-Forwarded-Port`. */
  port?: string | null;
  /** The mount, whether the proxy has taken it off the path or not. Default `X-Forwarded-Prefix`. */
  prefix?: string | null;
}

/** Options about proxies. */
export interface ForwardingOptions {
  /**
   * Peers that are trusted proxies: IP addresses and networks (`'10.0.0.0/8'`), `'unix'` for the peers of a unix
   * socket, `'*'` for all. Default: none.
   */
  forwardedAllowIps?: readonly string[] | undefined;
  /**
   * The headers in which trusted proxies tell of the client, or `'forwarded'` for the one of RFC 7239. Only what
   * the proxy sets or removes in every request may be named: the client sends the others.
   * Default: `X-Forwarded-For`, `-Proto`, `-Host`, `-Port`, `-Prefix`.
   */
  forwardedHeaders?: ForwardedHeaders | 'forwarded' | undefined;
}

/** What was said of the client; undefined where nothing was, or nothing that makes sense. */
interface Claims {
  for: string[];
  proto: string | undefined;
  host: string | undefined;
  port: string | undefined;
  prefix: string | undefined;
}

/** The rules of one server. */
export class Forwarding {
  readonly #isTrusted: (address: string | undefined) => boolean;
  readonly #trustsUnix: boolean;
  readonly #read: (environ: Variables) => Claims;

  /** @throws {UsageError} for an entry of `forwardedAllowIps` that is none */
  constructor(options: ForwardingOptions) {
    const list = options.forwardedAllowIps ?? [];
    const all = list.includes('*');
    this.#trustsUnix = all || list.includes('unix');
    const isListed = createAllowList(list.filter((entry) => entry !== '*' && entry !== 'unix'));
    this.#isTrusted = all ? () => true : isListed;
    const headers = options.forwardedHeaders ?? {};
    this.#read = headers === 'forwarded' ? readForwarded : xForwardedReader(headers);
  }

  /** Whether a peer is a trusted proxy. @param address undefined for the peer of a unix socket */
  trusts(address: string | undefined): boolean {
    return address === undefined ? this.#trustsUnix : this.#isTrusted(address);
  }

  /** Puts what a trusted peer says of the client in place of what is known of the peer. */
  apply(environ: Variables): void {
    const claims = this.#read(environ);
    this.#applyClient(environ, claims.for);
    if (claims.proto === 'https') environ['HTTPS'] = 'on';
    else if (claims.proto === 'http') delete environ['HTTPS'];
    if (claims.host !== undefined) environ['HTTP_HOST'] = claims.host;
    const port = claims.port ?? portOf(claims);
    if (port !== undefined) environ['SERVER_PORT'] = port;
    if (claims.prefix !== undefined) applyPrefix(environ, claims.prefix);
  }

  /** The client is the last address that is not a trusted proxy's: those before it are the client's own words. */
  #applyClient(environ: Variables, addresses: string[]): void {
    for (const node of addresses.toReversed()) {
      const [address, port] = parseNode(node);
      if (address === undefined) return;
      environ['REMOTE_ADDR'] = address;
      if (port === undefined) delete environ['REMOTE_PORT'];
      else environ['REMOTE_PORT'] = port;
      if (!this.#isTrusted(address)) return;
    }
  }
}

/** Where the client's port is not told, Host has it, or the scheme; that of the connection is the proxy's affair. */
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
  // A proxy that takes the mount off takes it off the URI as well.
  const uri = environ['REQUEST_URI'] as string;
  if (script !== prefix && uri !== '*') environ['REQUEST_URI'] = prefix + uri;
}

/** `1.2.3.4`, `1.2.3.4:5678`, `[::1]:5678`, `::1`; the names that RFC 7239 § 6 allows as well are no address. */
function parseNode(node: string): [address: string | undefined, port: string | undefined] {
  if (isIP(node) !== 0) return [node, undefined];
  const [host, port] = splitPort(node);
  const address = host.replace(/^\[(.*)\]$/, '$1');
  return isIP(address) === 0 ? [undefined, undefined] : [address, port];
}

// ---- X-Forwarded-*

function xForwardedReader(headers: ForwardedHeaders): (environ: Variables) => Claims {
  const names = {
    for: variableOf(headers.for, 'X-Forwarded-For'),
    proto: variableOf(headers.proto, 'X-Forwarded-Proto'),
    host: variableOf(headers.host, 'X-Forwarded-Host'),
    port: variableOf(headers.port, 'X-Forwarded-Port'),
    prefix: variableOf(headers.prefix, 'X-Forwarded-Prefix'),
  };
  return (environ) => ({
    for: splitList(environ[names.for]),
    proto: checkProto(splitList(environ[names.proto]).at(-1)),
    host: checkHost(splitList(environ[names.host]).at(-1)),
    port: checkPort(splitList(environ[names.port]).at(-1)),
    prefix: checkPrefix(splitList(environ[names.prefix]).at(-1)),
  });
}

function variableOf(header: string | null | undefined, usual: string): string {
  return header === null ? '' : `HTTP_${(header ?? usual).toUpperCase().replaceAll('-', '_')}`;
}

// Several values: each proxy has added its own at the end, and the last is that of the peer, who is trusted.
function splitList(value: unknown): string[] {
  if (typeof value !== 'string' || value === '') return [];
  return value.split(',').map((item) => item.trim());
}

function checkProto(value: string | undefined): string | undefined {
  const proto = value?.toLowerCase();
  return proto === 'http' || proto === 'https' ? proto : undefined;
}

function checkHost(value: string | undefined): string | undefined {
  return value !== undefined && value !== '' && isHost(value) ? value : undefined;
}

function checkPort(value: string | undefined): string | undefined {
  return value !== undefined && /^\d{1,5}$/.test(value) ? value : undefined;
}

function checkPrefix(value: string | undefined): string | undefined {
  const prefix = value?.replace(/\/+$/, '');
  return prefix !== undefined && /^(?:\/[^/?#%]+)+$/.test(prefix) ? prefix : undefined;
}

// ---- Forwarded

/** One parameter of a forwarded-element, RFC 7239 § 4: a token and a value, quoted or not. */
const PARAMETER =
  /([!#$%&'*+\-.^_`|~0-9A-Za-z]+)=(?:"((?:[^"\\]|\\.)*)"|([^",;\s]*))\s*([;,]|$)\s*/y;

function readForwarded(environ: Variables): Claims {
  const elements = parseForwarded((environ['HTTP_FORWARDED'] ?? '') as string);
  const last = elements.at(-1);
  return {
    for: elements.map((element) => element.get('for') ?? ''),
    proto: checkProto(last?.get('proto')),
    host: checkHost(last?.get('host')),
    port: undefined,
    prefix: undefined,
  };
}

/** All elements of the header; none when it is malformed anywhere. */
function parseForwarded(header: string): Map<string, string>[] {
  const elements: Map<string, string>[] = [];
  let element = new Map<string, string>();
  PARAMETER.lastIndex = 0;
  while (PARAMETER.lastIndex < header.length) {
    const match = PARAMETER.exec(header);
    if (match === null) return [];
    element.set(match[1]!.toLowerCase(), match[2]?.replace(/\\(.)/g, '$1') ?? match[3]!);
    if (match[4] === ';') continue;
    elements.push(element);
    element = new Map();
  }
  return elements;
}
