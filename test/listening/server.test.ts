/** The server that socket gateways share: connections in, and all of them out again. */

import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';

import { afterEach, describe, expect, test, vi } from 'vitest';

import { UsageError } from '../../src/errors.ts';
import type { ConnectionSource } from '../../src/listening/connection-source.ts';
import { SocketServer } from '../../src/listening/server.ts';
import type { Connection, ServerOptions } from '../../src/listening/server.ts';

const running: SocketServer[] = [];
const clients: Socket[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy();
  for (const server of running.splice(0)) await server.close({ timeout: 0 });
});

/** A connection that writes down what it is told, and obeys if it may. */
class Peer implements Connection {
  readonly socket: Socket;
  readonly told: string[] = [];
  isBusy = false;

  constructor(socket: Socket) {
    this.socket = socket.on('error', () => {}).resume();
  }
  shutdown(): void {
    this.told.push('shutdown');
    if (!this.isBusy) this.socket.destroy();
  }
  destroy(): void {
    this.told.push('destroy');
    this.socket.destroy();
  }
}

interface Started {
  server: SocketServer;
  peers: Peer[];
  /** A client, once it was accepted. */
  open(): Promise<Socket>;
}

async function start({
  listen = 0 as ServerOptions['listen'],
  accepts = true,
  isBusy = false,
} = {}): Promise<Started> {
  const peers: Peer[] = [];
  let onAccept: (() => void) | undefined;
  const server = await SocketServer.start({ listen }, (socket) => {
    onAccept?.();
    if (!accepts) return undefined;
    const peer = new Peer(socket);
    peer.isBusy = isBusy;
    peers.push(peer);
    return peer;
  });
  running.push(server);
  const open = async (): Promise<Socket> => {
    const accepted = new Promise<void>((resolve) => (onAccept = resolve));
    const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
    clients.push(client.on('error', () => {}).resume());
    await accepted;
    return client;
  };
  return { server, peers, open };
}

test('it listens where it is told, by text or as an object', async () => {
  for (const listen of [0, '127.0.0.1:0', { host: '127.0.0.1', port: 0 }]) {
    const { server } = await start({ listen });
    expect(server.address()).toMatchObject({ address: '127.0.0.1', family: 'IPv4' });
  }
  await expect(start({ listen: 'nowhere' })).rejects.toThrow(UsageError);
});

test('it knows the connections that are open, and no others', async () => {
  const { server, peers, open } = await start();
  const [first] = [await open(), await open()];
  expect([...server.connections]).toEqual(peers);
  const gone = once(peers[0]!.socket, 'close');
  first!.destroy();
  // The peer is half-open until it ends its own side.
  peers[0]!.socket.end();
  await gone;
  expect([...server.connections]).toEqual([peers[1]]);
});

test('a connection that is refused is closed, and not counted', async () => {
  const { server, open } = await start({ accepts: false });
  await once(await open(), 'close');
  expect(server.connections.size).toBe(0);
});

describe('a stop', () => {
  test('tells each connection once, and is over when the last has gone', async () => {
    const { server, peers, open } = await start({ isBusy: true });
    await open();
    await open();
    const state = { isOver: false };
    const closing = server.close().then(() => (state.isOver = true));
    expect(peers.map(({ told }) => told)).toEqual([['shutdown'], ['shutdown']]);
    const gone = once(peers[0]!.socket, 'close');
    peers[0]!.socket.destroy();
    await gone;
    expect(state.isOver).toBe(false);
    peers[1]!.socket.destroy();
    await closing;
    await server.closed;
    expect(peers.map(({ told }) => told)).toEqual([['shutdown'], ['shutdown']]);
  });

  test('takes no more connections from its first moment', async () => {
    const { server, open } = await start({ isBusy: true });
    await open();
    const { port } = server.address() as AddressInfo;
    const closing = server.close({ timeout: 0 });
    const late = connect(port, '127.0.0.1');
    const [error] = (await once(late, 'error')) as [NodeJS.ErrnoException];
    expect(error.code).toBe('ECONNREFUSED');
    await closing;
  });

  test('cuts off what is left after its time', async () => {
    const { server, peers, open } = await start({ isBusy: true });
    const client = await open();
    const closed = once(client, 'close');
    await server.close({ timeout: 1 });
    await closed;
    expect(peers[0]!.told).toEqual(['shutdown', 'destroy']);
  });

  test('may be asked for again, and by leaving a block', async () => {
    const { server } = await start();
    const closing = server.close();
    expect(server.close({ timeout: 1 })).toBe(closing);
    expect(server[Symbol.asyncDispose]()).toBe(closing);
    await closing;
    await server.close();
  });

  test('leaves no timer behind, and takes one that no timer can wait for', async () => {
    const cleared = vi.spyOn(globalThis, 'clearTimeout');
    const set = vi.spyOn(globalThis, 'setTimeout');
    const { server } = await start();
    await server.close({ timeout: Infinity });
    const index = set.mock.calls.findIndex(([, ms]) => ms === 0x7fff_ffff);
    expect(cleared).toHaveBeenCalledWith(set.mock.results[index]!.value);
    vi.restoreAllMocks();
  });

  test('waits for requests whose response was sent already', async () => {
    const { server } = await start();
    let finish!: () => void;
    server.track(new Promise<void>((resolve) => (finish = resolve)));
    server.track(Promise.resolve());
    const state = { isOver: false };
    const closing = server.close().then(() => (state.isOver = true));
    await new Promise(setImmediate);
    await new Promise(setImmediate);
    expect(state.isOver).toBe(false);
    finish();
    await closing;
  });

  test('but not for ever', async () => {
    const { server } = await start();
    server.track(new Promise(() => {}));
    await server.close({ timeout: 1 });
    await server.closed;
  });
});

test('connections that are accepted elsewhere are served, and no more of them after a stop', async () => {
  const listener = createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1');
  await once(listener, 'listening');
  let accept!: (socket: Socket) => void;
  const close = vi.fn<() => void>();
  const bound = listener.address();
  const source: ConnectionSource = { bound, open: (given) => void (accept = given), close };
  const { server, peers, open } = await start({ listen: source, isBusy: true });
  listener.on('connection', (socket) => accept(socket));
  expect(server.address()).toBe(bound);
  await open();
  expect(peers[0]!.socket.allowHalfOpen).toBe(true);
  const state = { isOver: false };
  const closing = server.close().then(() => (state.isOver = true));
  expect(close).toHaveBeenCalledOnce();
  await new Promise(setImmediate);
  expect(state.isOver).toBe(false);
  peers[0]!.socket.destroy();
  await closing;
  listener.close();
});
