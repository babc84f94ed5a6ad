/** Parses the addresses of clients and proxies, as proxies write them (RFC 7239 § 6). Pure functions. */

import { isIP } from 'node:net';

import { isPort } from '../../uri/host.ts';

/** A client or a proxy whose address is known. */
export interface Hop {
  /** An IP address, without brackets. */
  address: string;
  /** 1 to 65535; undefined when it is missing or hidden (`_mailport`, RFC 7239 § 6.3). */
  port: string | undefined;
}

/**
 * Reads `1.2.3.4`, `1.2.3.4:5678`, `[::1]:5678` or `::1`.
 *
 * @returns undefined for a malformed node, and for one without an address: `unknown`, and names such as `_hidden`
 *   (RFC 7239 § 6.2, § 6.3). An address with a zone (`fe80::1%eth0`, RFC 4007 § 11) is malformed: a zone means
 *   something only on the machine that has written it.
 */
export function parseNode(node: string): Hop | undefined {
  if (node.includes('%')) return undefined;
  if (isIP(node) !== 0) return { address: plainAddress(node), port: undefined };
  const colon = node.lastIndexOf(':');
  // A colon inside of brackets belongs to an IPv6 address.
  const hasPort = colon > node.lastIndexOf(']');
  const address = addressIn(hasPort ? node.slice(0, colon) : node);
  if (address === undefined) return undefined;
  if (!hasPort) return { address, port: undefined };
  const port = node.slice(colon + 1);
  if (isPort(port)) return { address, port };
  return /^_[A-Za-z0-9._-]+$/.test(port) ? { address, port: undefined } : undefined;
}

/** An IPv4 address, or an IPv6 address in brackets (RFC 7239 § 6). */
function addressIn(text: string): string | undefined {
  if (!text.startsWith('[')) return isIP(text) === 4 ? text : undefined;
  const address = text.slice(1, -1);
  return text.endsWith(']') && isIP(address) === 6 ? plainAddress(address) : undefined;
}

/** Makes an IPv4 address of an IPv4-mapped IPv6 address (RFC 4291 § 2.5.5.2). */
export function plainAddress(address: string): string {
  return /^::ffff:\d/i.test(address) && address.includes('.') ? address.slice(7) : address;
}
