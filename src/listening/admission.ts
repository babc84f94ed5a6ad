/** Decides which connections a gateway takes. */

import type { Socket } from 'node:net';

import { createAllowList } from '../sockets/allow-list.ts';
import type { LimitError } from '../errors.ts';
import { toList } from '../options.ts';
import type { TextList } from '../options.ts';
import { isTcp, peerOf } from '../sockets/peer.ts';
import type { GatewayName, Log } from '../types.ts';

/** Checks each new connection: its address, the number of connections, memory. */
export class Admission {
  readonly #gateway: GatewayName;
  readonly #maxConnections: number;
  readonly #log: Log;
  readonly #isAllowed: ((address: string | undefined) => boolean) | undefined;

  /**
   * @param allow addresses and networks that may connect over TCP. Undefined: all
   * @throws {UsageError} for an entry that is neither an address nor a network
   */
  constructor(gateway: GatewayName, maxConnections: number, allow: TextList | undefined, log: Log) {
    this.#gateway = gateway;
    this.#maxConnections = maxConnections;
    this.#log = log;
    if (allow !== undefined) this.#isAllowed = createAllowList(toList('allow', allow));
  }

  /**
   * Whether a connection is taken. One that is refused is logged.
   *
   * @param open number of open connections
   * @param shortage a limit that is reached, if a connection needs memory before its first request
   */
  admits(socket: Socket, open: number, shortage?: LimitError): boolean {
    // Unix sockets have permissions instead of addresses.
    if (this.#isAllowed?.(socket.remoteAddress) === false && isTcp(socket)) {
      return this.#refuse(socket, 'not among the addresses that may connect');
    }
    const limit = this.#maxConnections;
    if (open >= limit) return this.#refuse(socket, `more than maxConnections (${limit})`);
    return shortage === undefined || this.#refuse(socket, shortage.message);
  }

  #refuse(socket: Socket, reason: string): false {
    this.#log.warn(`${this.#gateway}: ${peerOf(socket)}: ${reason}`);
    return false;
  }
}
