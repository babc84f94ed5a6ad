/** Rule 22: what an application sets with `AsyncLocalStorage.enterWith` is seen by no other request, on any gateway. */

import { AsyncLocalStorage } from 'node:async_hooks';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setImmediate } from 'node:timers/promises';

import { describe, expect, test } from 'vitest';

import { fromFetch } from '../../src/apps/fetch/fetch.ts';
import { fromNode } from '../../src/apps/node/node.ts';
import { toFetch } from '../../src/apps/fetch/to-fetch.ts';
import type { Application, Environ, StartResponse } from '../../src/types.ts';
import { serve as serveFastCgi } from '../fastcgi/kit.ts';
import { encodeAbort, encodeBegin, encodeParams, encodeRequest } from '../fastcgi/peer.ts';
import type { RequestParts } from '../fastcgi/peer.ts';
import { request as formatRequest, serve as serveHttp } from '../http/kit.ts';
import { PROTOCOLS, serve as serveOneRequest, until } from '../one-request/kit.ts';
import { get } from './kit.ts';

const storage = new AsyncLocalStorage<string>();
const TEXT = [['Content-Type', 'text/plain']] as const;

/** Notes whose context it runs in, and makes it that of `path`. */
function enter(path: string): string {
  const before = storage.getStore() ?? 'none';
  storage.enterWith(path);
  return before;
}

/** `path: what was set before it, what is set after it has waited`. */
function describeContexts(path: string, before: string): string {
  return `<${path}: ${before}, ${storage.getStore()}>`;
}

function answer(environ: Environ, startResponse: StartResponse): string[] {
  const before = enter(environ.PATH_INFO);
  startResponse('200 OK', TEXT);
  return [describeContexts(environ.PATH_INFO, before)];
}

async function answerLater(environ: Environ, startResponse: StartResponse): Promise<string[]> {
  const before = enter(environ.PATH_INFO);
  await setImmediate();
  startResponse('200 OK', TEXT);
  return [describeContexts(environ.PATH_INFO, before)];
}

function listen(req: IncomingMessage, res: ServerResponse): void {
  const before = enter(req.url!);
  res.setHeader('Content-Type', 'text/plain');
  res.end(describeContexts(req.url!, before));
}

async function listenLater(req: IncomingMessage, res: ServerResponse): Promise<void> {
  const before = enter(req.url!);
  await setImmediate();
  res.end(describeContexts(req.url!, before));
}

function fetchAnswer(request: Request): Response {
  const path = new URL(request.url).pathname;
  return new Response(describeContexts(path, enter(path)));
}

const node = fromNode(listen);

const SHAPES: Record<string, Application> = {
  'a function': answer as unknown as Application,
  'an async function': answerLater as unknown as Application,
  'a generator function': function* (environ: Environ, startResponse: StartResponse) {
    const before = enter(environ.PATH_INFO);
    startResponse('200 OK', TEXT);
    yield Buffer.from(describeContexts(environ.PATH_INFO, before));
  },
  'an async generator function': async function* (environ: Environ, startResponse: StartResponse) {
    const before = enter(environ.PATH_INFO);
    startResponse('200 OK', TEXT);
    await setImmediate();
    yield Buffer.from(describeContexts(environ.PATH_INFO, before));
  },
  'an object': { call: answer } as unknown as Application,
  'a fetch handler': fromFetch(fetchAnswer),
  'an async fetch handler': fromFetch({
    async fetch(request) {
      const path = new URL(request.url).pathname;
      const before = enter(path);
      await setImmediate();
      return new Response(describeContexts(path, before));
    },
  }),
  'a Node listener': node,
  'an async Node listener': fromNode((req, res) => void listenLater(req, res)),
  'a Node listener in a function': (environ, startResponse) => node(environ, startResponse),
};

const PATHS = ['/1', '/2', '/3'];

/** Requests of FastCGI, with ids from 1 on. */
const RECORDS = PATHS.map((path, index) => encodeRequest({ id: index + 1, ...withPath(path) }));

function withPath(path: string): RequestParts {
  return {
    params: {
      REQUEST_METHOD: 'GET',
      SERVER_PROTOCOL: 'HTTP/1.1',
      SCRIPT_NAME: '',
      PATH_INFO: path,
      REQUEST_URI: path,
      HTTP_HOST: 'example.test',
    },
  };
}

/** Sends the requests. @returns the bodies of all responses */
type Send = (application: Application) => Promise<string>;

async function fastCgiInOneRead(application: Application, multiplex = true): Promise<string> {
  const peer = await (await serveFastCgi(application, { multiplex })).connect();
  peer.send(...RECORDS);
  let text = '';
  for (const [index] of PATHS.entries()) text += (await peer.reply(index + 1)).text;
  peer.leave();
  return text;
}

const GATEWAYS: Record<string, Send> = {
  'FastCGI, multiplexed': fastCgiInOneRead,
  'FastCGI without multiplexing': (application) => fastCgiInOneRead(application, false),
  'FastCGI, one after another': async (application) => {
    const peer = await (await serveFastCgi(application)).connect();
    let text = '';
    for (const path of PATHS) {
      text += (await peer.request({ ...withPath(path) })).text;
    }
    peer.leave();
    return text;
  },
  'FastCGI of node-fastcgi': async (application) => {
    const gateway = await serveFastCgi(application, { engine: 'node-fastcgi' });
    const peers = await Promise.all(PATHS.map(() => gateway.connect()));
    for (const [i, peer] of peers.entries()) {
      peer.send(encodeRequest({ keep: false, ...withPath(PATHS[i]!) }));
    }
    // The records as they are: the package does not pad them.
    const replies = await Promise.all(peers.map(({ frontEnd }) => frontEnd.reply()));
    return replies.map(({ body }) => body.toString('latin1')).join('');
  },
  'HTTP, pipelined': async (application) => {
    const client = await (await serveHttp(application)).connect();
    client.send(PATHS.map((path) => formatRequest(`GET ${path} HTTP/1.1`)).join(''));
    await client.until(/<\/3: .*>/);
    client.leave();
    return client.text;
  },
  'HTTP, one after another': async (application) => {
    const client = await (await serveHttp(application)).connect();
    for (const path of PATHS) {
      client.send(formatRequest(`GET ${path} HTTP/1.1`));
      await client.until(new RegExp(`<${path}: .*>`));
    }
    client.leave();
    return client.text;
  },
  ...Object.fromEntries(
    PROTOCOLS.map((protocol): [string, Send] => [
      `${protocol.name}, accepted together`,
      async (application) => {
        const gateway = await serveOneRequest(protocol, application);
        const frontEnds = await Promise.all(PATHS.map(() => gateway.connect()));
        for (const [index, frontEnd] of frontEnds.entries()) {
          const path = PATHS[index]!;
          const host = { SERVER_PROTOCOL: 'HTTP/1.1', HTTP_HOST: 'example.test' };
          frontEnd.send(gateway.encode({ PATH_INFO: path, REQUEST_URI: path, ...host }));
        }
        const replies = await Promise.all(frontEnds.map((frontEnd) => frontEnd.reply()));
        return replies.map(({ body }) => body.toString()).join('');
      },
    ]),
  ),
};

describe.each(Object.entries(GATEWAYS))('%s: requests are apart', (_, send) => {
  test.each(Object.entries(SHAPES))('%s', async (_shape, application) => {
    const seen = (await send(application)).match(/<.*?>/g);
    expect(seen).toEqual(PATHS.map((path) => `<${path}: none, ${path}>`));
  });

  test('in the context in which the gateway was started', async () => {
    const seen: string[] = [];
    const application: Application = (environ, startResponse) => {
      seen.push(enter(environ.PATH_INFO));
      startResponse('200 OK', TEXT);
      return [Buffer.from(`<${environ.PATH_INFO}: >`)];
    };
    await storage.run('outside', () => send(application));
    expect(seen).toEqual(['outside', 'outside', 'outside']);
  });
});

/** Answers at the end of the request with what its events have found, each of which then sets its own. */
function listenToEvents(req: IncomingMessage, res: ServerResponse): void {
  const found = [enter(req.url!)];
  req.on('data', () => found.push(enter(`${req.url} data`)));
  req.on('end', () => {
    found.push(enter(`${req.url} end`));
    res.end(`<${req.url}: ${found.join(', ')}>`);
  });
}

describe("events of a Node listener's request are apart", () => {
  const application = fromNode(listenToEvents);

  test.each(Object.entries(GATEWAYS))('%s', async (_, send) => {
    const seen = (await send(application)).match(/<.*?>/g);
    expect(seen).toEqual(PATHS.map((path) => `<${path}: none, ${path}>`));
  });

  test('HTTP, with bodies that come later', async () => {
    const client = await (await serveHttp(application)).connect();
    for (const path of PATHS) {
      client.send(
        formatRequest(`POST ${path} HTTP/1.1`, 'Content-Length: 3', 'Expect: 100-continue'),
      );
      await client.until(/100 Continue/);
      client.send('abc');
      await client.until(new RegExp(`<${path}: .*>`));
      client.text = client.text.replace('100 Continue', '');
    }
    client.leave();
    const found = client.text.match(/<.*?>/g)!.map((text, i) => text.replaceAll(PATHS[i]!, 'own'));
    // Only Node 20 keeps what a listener of one event sets for the next event.
    for (const text of found) expect(text).toMatch(/^<own: none, own, own(?: data)?>$/);
    expect(found).toHaveLength(PATHS.length);
  });
});

/** What the listeners of `postern.signal` have found, each of which then sets its own. */
class AbortListeners {
  readonly found: string[] = [];
  waiting = 0;

  readonly application: Application = (environ, startResponse) => {
    const path = environ.PATH_INFO;
    const before = enter(path);
    if (path !== '/1' && path !== '/2') {
      startResponse('200 OK', TEXT);
      return [Buffer.from(before)];
    }
    this.waiting++;
    return new Promise((resolve) => {
      environ['postern.signal'].addEventListener('abort', () => {
        // Node 20 keeps what was set in the context of the request. Later versions have that in which it began.
        const store = storage.getStore();
        this.found.push(store === undefined || store === path ? 'own' : store);
        storage.enterWith(`${path} aborted`);
        resolve([]);
      });
    });
  };
}

describe('listeners of postern.signal are apart', () => {
  const [first, second] = PATHS.map((path, index) => {
    const parts = { id: index + 1, ...withPath(path) };
    return Buffer.concat([encodeBegin(parts), encodeParams(parts)]);
  }) as [Buffer, Buffer];

  test('when a connection is closed', async () => {
    const listeners = new AbortListeners();
    const peer = await (await serveFastCgi(listeners.application)).connect();
    peer.send(first, second);
    await until(() => listeners.waiting === 2);
    peer.leave();
    await until(() => listeners.found.length === 2);
    expect(listeners.found).toEqual(['own', 'own']);
  });

  test('when requests are aborted, also from the next request of the same read', async () => {
    const listeners = new AbortListeners();
    const peer = await (await serveFastCgi(listeners.application)).connect();
    peer.send(first, second, encodeAbort(1), encodeAbort(2), RECORDS[2]!);
    expect((await peer.reply(3)).text).toBe('none');
    expect(listeners.found).toEqual(['own', 'own']);
    peer.leave();
  });

  test('when requests reach a time limit together', async () => {
    const listeners = new AbortListeners();
    const gateway = await serveFastCgi(listeners.application, { responseTimeout: 300 });
    const peer = await gateway.connect();
    peer.send(first, second);
    await until(() => listeners.found.length === 2);
    expect(listeners.found).toEqual(['own', 'own']);
    peer.leave();
  });
});

describe('the caller of an application is apart from it', () => {
  test('behind a handler of streams', async () => {
    const text = await storage.run('outside', async () => {
      const { text: seen } = await get(SHAPES['a function']!, { target: '/1' });
      return `${seen} ${storage.getStore()}`;
    });
    expect(text).toBe('</1: outside, /1> outside');
  });

  test('of toFetch', async () => {
    await storage.run('outside', async () => {
      const fetchOf = toFetch(SHAPES['a function']!);
      const response = fetchOf(new Request('http://example.test/1'));
      expect(storage.getStore()).toBe('outside');
      expect(await (await response).text()).toBe('</1: outside, /1>');
    });
  });
});
