/** What a Node listener can read and assign: the members of its request, response and socket beside those of node:http. */

import { once } from 'node:events';
import { createServer, request } from 'node:http';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

import { describe, expect, it } from 'vitest';

import { fromNode } from '../../../src/apps/node/node.ts';
import { get } from '../kit.ts';

/** The members of a prototype chain, with the types of their values. */
type Members = Map<string, string>;

function membersOf(object: object): Members {
  const members: Members = new Map();
  for (let at = object; at !== Object.prototype; at = Object.getPrototypeOf(at) as object) {
    for (const name of Object.getOwnPropertyNames(at)) {
      // Members that begin with `_`, and symbols, are Node's own.
      if (name.startsWith('_') || name === 'constructor' || members.has(name)) continue;
      members.set(name, typeOf(read(object, name)));
    }
  }
  return members;
}

function read(object: object, name: string): unknown {
  return (object as Record<string, unknown>)[name];
}

function typeOf(value: unknown): string {
  return value === null ? 'null' : typeof value;
}

/** Names of the members that cannot be assigned their own value. */
function constants(object: object, members: Members): string[] {
  return [...members.keys()].filter((name) => {
    try {
      Reflect.set(object, name, read(object, name));
      (object as Record<string, unknown>)[name] = read(object, name);
      return false;
    } catch {
      return true;
    }
  });
}

interface Seen {
  members: Members;
  constants: string[];
}
type Part = 'req' | 'res' | 'socket';

async function look(
  listen: (listener: RequestListener) => Promise<unknown>,
): Promise<Map<Part, Seen>> {
  const seen = new Map<Part, Seen>();
  await listen((req: IncomingMessage, res: ServerResponse) => {
    const socket: Socket = req.socket;
    for (const [part, object] of Object.entries({ req, res, socket })) {
      const members = membersOf(object);
      seen.set(part as Part, { members, constants: [] });
    }
    for (const [part, object] of Object.entries({ req, res, socket })) {
      const one = seen.get(part as Part)!;
      one.constants = constants(object, one.members);
    }
    setImmediate(() => res.end());
  });
  return seen;
}

const node = await look(async (listener) => {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const sent = request({ port, method: 'POST', agent: false }).end('body');
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  await once(response.resume(), 'end');
  server.close();
});

const ours = await look((listener) =>
  get(fromNode(listener), {
    method: 'POST',
    body: 'body',
    variables: { SERVER_ADDR: '127.0.0.1', REMOTE_PORT: '4321' },
  }),
);

/** Members that differ, and why. */
const DIFFERENT: Record<Part, Record<string, string>> = {
  req: {
    joinDuplicateHeaders: 'an option of the server: front ends have joined them already',
  },
  res: {},
  socket: {
    bufferSize: 'deprecated since Node 14.6: writableLength',
    parser: 'there is none: the front end has parsed the request',
    readableFlowing: 'nothing is read from this socket',
  },
};

describe.each(['req', 'res', 'socket'] as const)('%s', (part) => {
  const { members, constants: fixed } = ours.get(part)!;
  const expected = node.get(part)!;

  it('has the members that it has under node:http, with values of the same types', () => {
    const different = [...expected.members]
      .filter(([name, type]) => members.get(name) !== type)
      .map(([name]) => name);
    expect(different.toSorted()).toEqual(Object.keys(DIFFERENT[part]).toSorted());
  });

  it('takes what can be assigned under node:http', () => {
    const { members: known, constants: constant } = expected;
    expect(fixed.filter((name) => known.has(name) && !constant.includes(name))).toEqual([]);
  });
});

/** Lets a listener use its socket. Rejects with what that throws. */
async function withSocket(use: (socket: Socket, req: IncomingMessage) => unknown): Promise<void> {
  let failure: unknown;
  const listener = async (req: IncomingMessage, res: ServerResponse): Promise<void> => {
    try {
      await use(req.socket, req);
    } catch (error) {
      failure = error;
    }
    res.end();
  };
  await get(
    fromNode((req, res) => void listener(req, res)),
    { method: 'POST', body: 'body' },
  );
  if (failure !== undefined) throw failure;
}

describe('the socket', () => {
  it('may be told that it is encrypted, as the tests of Express do', () =>
    withSocket((socket) => {
      expect(Object.assign(socket, { encrypted: true })).toHaveProperty('encrypted', true);
    }));

  it('counts the bytes of the body', () =>
    withSocket(async (socket, req) => {
      expect(socket.bytesRead).toBe(0);
      await once(req.resume(), 'end');
      expect(socket.bytesRead).toBe(4);
    }));

  it('can be read from, and gives nothing', () =>
    withSocket((socket) => {
      expect(socket.read()).toBe(null);
      expect(socket.setEncoding('utf8')).toBe(socket);
      expect(socket.readableEncoding).toBe('utf8');
      expect(socket.isPaused()).toBe(false);
    }));

  it('has a server, the same for each', async () => {
    const servers: unknown[] = [];
    for (let i = 0; i < 2; i++) {
      await withSocket((socket) => {
        const { server } = socket as unknown as { server: { listening: boolean } };
        expect(server.listening).toBe(false);
        servers.push(server);
      });
    }
    expect(servers[0]).toBe(servers[1]);
  });
});
