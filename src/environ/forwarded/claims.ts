/** What proxies claim about the client: `X-Forwarded-*`, or `Forwarded` (RFC 7239). Pure functions on header lines. */

import { splitPort } from '../environ.ts';
import { isHost, isPort } from '../../uri/host.ts';
import { elementsFromRight } from './elements.ts';
import { itemsFromRight, lastItem } from './lines.ts';
import type { LinesOf } from './lines.ts';
import { parseNode } from './node.ts';
import type { Hop } from './node.ts';

/**
 * The claims; undefined for one that is missing or invalid. Except for the addresses, only the last value of a header
 * counts. The nearest proxy has added it. Values before it may be the visitor's own.
 */
export interface Claims {
  /** Addresses from the nearest proxy to the client. They end before the first that is malformed or hidden. */
  hops: Iterable<Hop>;
  proto: 'http' | 'https' | undefined;
  host: string | undefined;
  port: string | undefined;
  prefix: string | undefined;
}

/** Names of the headers in lower case; undefined for a header that is not trusted. */
export type ClaimNames = Readonly<Record<keyof Omit<Claims, 'hops'> | 'for', string | undefined>>;

/** Reads the headers of these names. */
export function readXForwarded(names: ClaimNames, linesOf: LinesOf): Claims {
  const last = (name: string | undefined): string | undefined =>
    name === undefined ? undefined : lastItem(linesOf(name));
  return {
    hops: names.for === undefined ? [] : hopsOf(itemsFromRight(linesOf(names.for))),
    proto: checkProto(last(names.proto)),
    host: checkHost(last(names.host)),
    port: checkPort(last(names.port)),
    prefix: checkPrefix(last(names.prefix)),
  };
}

/** Reads `Forwarded`. It has no parameter for the mount, and the port is a part of `host`. */
export function readForwarded(linesOf: LinesOf): Claims {
  const lines = linesOf('forwarded');
  const [last] = elementsFromRight(lines);
  return {
    hops: hopsOf(forParameters(lines)),
    proto: checkProto(last?.get('proto')),
    host: checkHost(last?.get('host')),
    port: undefined,
    prefix: undefined,
  };
}

function* forParameters(lines: readonly string[]): Generator<string, void> {
  for (const element of elementsFromRight(lines)) yield element.get('for') ?? '';
}

function* hopsOf(nodes: Iterable<string>): Generator<Hop, void> {
  for (const node of nodes) {
    const hop = parseNode(node);
    if (hop === undefined) return;
    yield hop;
  }
}

function checkProto(value: string | undefined): 'http' | 'https' | undefined {
  const proto = value?.toLowerCase();
  return proto === 'http' || proto === 'https' ? proto : undefined;
}

function checkHost(value: string | undefined): string | undefined {
  if (value === undefined || !isHost(value)) return undefined;
  const [name, port] = splitPort(value);
  return name !== '' && (port === undefined || isPort(port)) ? value : undefined;
}

function checkPort(value: string | undefined): string | undefined {
  return value !== undefined && isPort(value) ? value : undefined;
}

/** Length of a mount. It is repeated in every link. */
const MAX_PREFIX = 256;

/**
 * A mount becomes a part of links and redirects. So it may have only plain segments: the unreserved characters of RFC 3986
 * § 2.3 and `+`, `:`, `=`, `@`. No segment may be empty, `.` or `..`. One slash at the end is removed.
 */
function checkPrefix(value: string | undefined): string | undefined {
  if (value === undefined || value.length > MAX_PREFIX) return undefined;
  const prefix = value.endsWith('/') ? value.slice(0, -1) : value;
  if (!/^(?:\/[A-Za-z0-9\-._~+:=@]+)+$/.test(prefix)) return undefined;
  return prefix.split('/').some((segment) => segment === '.' || segment === '..')
    ? undefined
    : prefix;
}
