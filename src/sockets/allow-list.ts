/** Which peers may connect: a list of addresses and networks. */

import { BlockList, isIP } from 'node:net';

import { UsageError } from '../errors.ts';

/**
 * Makes a test out of a list.
 *
 * @param list IP addresses and CIDR networks: `'10.0.0.1'`, `'10.0.0.0/8'`, `'::1'`, `'fd00::/8'`
 * @returns whether a peer with this address (`socket.remoteAddress`) is in the list. A peer without an
 *   address never is: a unix socket has permission bits for that, and a TCP peer without one has left.
 * @throws {UsageError} for an entry that is neither. An address with a zone (`fe80::1%eth0`) is neither: the list would
 *   let it in from every zone.
 */
export function createAllowList(list: readonly string[]): (address: string | undefined) => boolean {
  const allowed = new BlockList();
  for (const entry of list) addEntry(allowed, entry.trim());
  return (address) => {
    const version = address === undefined ? 0 : isIP(address);
    return version !== 0 && allowed.check(address!, version === 4 ? 'ipv4' : 'ipv6');
  };
}

function addEntry(allowed: BlockList, entry: string): void {
  const [, address, prefix] = /^([^/]*)(?:\/(\d{1,3}))?$/.exec(entry) ?? [];
  const version = address === undefined || address.includes('%') ? 0 : isIP(address);
  const bits = version === 4 ? 32 : 128;
  const length = prefix === undefined ? bits : Number(prefix);
  if (version === 0 || length > bits) {
    throw new UsageError(`${JSON.stringify(entry)} is neither an IP address nor a network`);
  }
  allowed.addSubnet(address!, length, version === 4 ? 'ipv4' : 'ipv6');
}
