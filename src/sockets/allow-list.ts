/** A list of addresses and networks that may connect. */

import type net from 'node:net';

import { UsageError } from '../errors.ts';

/**
 * Makes a function that tells whether a peer is in a list.
 *
 * @param list IP addresses and CIDR networks: `'10.0.0.1'`, `'10.0.0.0/8'`, `'::1'`, `'fd00::/8'`
 * @returns a function of `socket.remoteAddress`. It returns false for undefined: a unix socket has permission bits
 *   instead, and a TCP peer without an address has left.
 * @throws {UsageError} for an entry that is neither an address nor a network. An address with a zone (`fe80::1%eth0`) is
 *   refused: BlockList ignores the zone, and would let the address in from every one.
 */
export function createAllowList(list: readonly string[]): (address: string | undefined) => boolean {
  // Not imported: a CGI process, which few configurations give a list, would pay for node:net.
  const { BlockList, isIP } = process.getBuiltinModule('node:net');
  const allowed = new BlockList();
  for (const entry of list) addEntry(allowed, entry.trim(), isIP);
  return (address) => {
    const version = address === undefined ? 0 : isIP(address);
    return version !== 0 && allowed.check(address!, version === 4 ? 'ipv4' : 'ipv6');
  };
}

function addEntry(allowed: net.BlockList, entry: string, isIP: typeof net.isIP): void {
  const [, address, prefix] = /^([^/]*)(?:\/(\d{1,3}))?$/.exec(entry) ?? [];
  const version = address === undefined || address.includes('%') ? 0 : isIP(address);
  const bits = version === 4 ? 32 : 128;
  const length = prefix === undefined ? bits : Number(prefix);
  if (version === 0 || length > bits) {
    throw new UsageError(`${JSON.stringify(entry)} is neither an IP address nor a network`);
  }
  allowed.addSubnet(address!, length, version === 4 ? 'ipv4' : 'ipv6');
}
