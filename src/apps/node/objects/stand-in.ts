/**
 * The members of node:http's sockets that ours lacks, above all those of a Readable. They are those of a socket that is
 * not connected: nothing comes from it. It is made at the first use of one of them.
 */

import { Server } from 'node:http';
import { Socket } from 'node:net';
import type { Writable } from 'node:stream';

const STAND_IN = Symbol('postern.standIn');
let server: Server | undefined;

interface WithStandIn extends Writable {
  [STAND_IN]?: Socket;
}

/** Adds these members to the prototype of our sockets. */
export function addMembers(prototype: Writable): void {
  // A Writable has a pipe() that only throws.
  const names = new Set<string | symbol>(['pipe', ...OWN_MEMBERS]);
  for (let at: object | null = Socket.prototype; at !== null; at = Object.getPrototypeOf(at)) {
    for (const name of Reflect.ownKeys(at)) {
      const isInternal = typeof name === 'symbol' && name !== Symbol.asyncIterator;
      if (!isInternal && !(name in prototype)) names.add(name);
    }
  }
  for (const name of names) defineMember(prototype, name, (socket) => memberOf(socket, name));
  // Frameworks keep things of their own at `socket.server`. It is one server for all sockets, and listens nowhere.
  defineMember(prototype, 'server', () => (server ??= new Server()));
}

/** Members of the object itself. */
const OWN_MEMBERS = ['_readableState', '_handle', 'allowHalfOpen'];

function defineMember(
  prototype: Writable,
  name: string | symbol,
  get: (socket: WithStandIn) => unknown,
): void {
  Object.defineProperty(prototype, name, {
    get(this: WithStandIn) {
      return get(this);
    },
    set(this: WithStandIn, value: unknown) {
      assignMember(this, name, value);
    },
    configurable: true,
    enumerable: false,
  });
}

/** Makes an accessor of the prototype a plain member of the socket: what an application assigns is what it reads. */
export function assignMember(socket: Writable, name: string | symbol, value: unknown): void {
  Object.defineProperty(socket, name, {
    value,
    writable: true,
    enumerable: true,
    configurable: true,
  });
}

function memberOf(socket: WithStandIn, name: string | symbol): unknown {
  const standIn = (socket[STAND_IN] ??= new Socket({ allowHalfOpen: true }));
  const value = Reflect.get(standIn, name) as unknown;
  if (typeof value !== 'function') return value;
  return (...args: unknown[]): unknown => {
    const result: unknown = Reflect.apply(value, standIn, args);
    return result === standIn ? socket : result;
  };
}
