import { describe, expect, test, vi } from 'vitest';

import type { Application, ApplicationFunction, Header } from '../../src/types.ts';
import { echo, hello, parse, request, serve, signal, until, where } from './kit.ts';

/** An application that answers with a status, headers and chunks. */
function answer(status: string, headers: Header[], chunks: string[]): Application {
  return (_environ, startResponse) => {
    startResponse(status, headers);
    return chunks.map((chunk) => Buffer.from(chunk));
  };
}

const TEXT: Header[] = [['Content-Type', 'text/plain']];
const CLOSE = 'Connection: close';
const stream = answer('200 OK', TEXT, ['one', 'two']);

/** Status line and headers of a response, without those that change. */
function steady(text: string): string[] {
  const { status, headers } = parse(text);
  return [status, ...headers.filter((header) => !header.startsWith('Date: '))];
}

describe('a response', () => {
  test('is a whole HTTP message', async () => {
    const gateway = await serve(hello);
    const client = (await gateway.connect()).send(request());
    const text = await client.until(/hello$/);
    expect(steady(text)).toEqual([
      'HTTP/1.1 200 OK',
      'Content-Type: text/plain',
      'Content-Length: 5',
      'Server: postern',
      'Keep-Alive: timeout=75',
      'Connection: keep-alive',
    ]);
    expect(text).toMatch(/\r\nDate: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT\r\n/);
  });

  test('has the Date and Server of the application, once', async () => {
    const own: Header[] = [
      ['date', 'Thu, 01 Jan 1970 00:00:00 GMT'],
      ['SERVER', 'mine'],
    ];
    const gateway = await serve(answer('200 OK', own, ['x']));
    const { headers } = parse(await gateway.talk(request('GET / HTTP/1.1', CLOSE)));
    expect(headers.filter((header) => /^(date|server):/i.test(header))).toEqual([
      'date: Thu, 01 Jan 1970 00:00:00 GMT',
      'SERVER: mine',
    ]);
  });

  test.each([
    ['mine/1.0', ['Server: mine/1.0']],
    [false as const, []],
  ])('names the server as the option %s has it', async (serverHeader, expected) => {
    const gateway = await serve(hello, { serverHeader });
    const { headers } = parse(await gateway.talk(request('GET / HTTP/1.1', CLOSE)));
    expect(headers.filter((header) => header.startsWith('Server'))).toEqual(expected);
  });

  test('has its headers in order, repeated ones and latin-1 too', async () => {
    const headers: Header[] = [
      ['Set-Cookie', 'a=1'],
      ['X-Latin', 'caf\xe9'],
      ['Set-Cookie', 'b=2'],
      ['set-cookie', 'c=3'],
    ];
    for (const chunks of [['x'], ['x', 'y'], []]) {
      const gateway = await serve(answer('200 Tr\xe8s bien', headers, chunks));
      const text = await gateway.talk(request('GET / HTTP/1.1', CLOSE));
      expect(steady(text).slice(0, 5)).toEqual([
        'HTTP/1.1 200 Tr\xe8s bien',
        'Set-Cookie: a=1',
        'X-Latin: caf\xe9',
        'Set-Cookie: b=2',
        'set-cookie: c=3',
      ]);
    }
  });

  test('of unknown length comes in chunks', async () => {
    const gateway = await serve(stream);
    const { headers, body } = parse(await gateway.talk(request('GET / HTTP/1.1', CLOSE)));
    expect(headers).toContain('Transfer-Encoding: chunked');
    expect(headers.some((header) => header.startsWith('Content-Length'))).toBe(false);
    // Newer versions of node:http send the chunks of one turn as one.
    expect(body).toMatch(/^(3\r\none\r\n3\r\ntwo|6\r\nonetwo)\r\n0\r\n\r\n$/);
  });

  test('of unknown length ends with the connection in HTTP/1.0', async () => {
    const gateway = await serve(stream);
    const client = await gateway.connect();
    client.send('GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n');
    const { headers, body } = parse(await client.rest());
    expect(headers).toContain('Connection: close');
    expect(headers.join()).not.toMatch(/Transfer-Encoding|Content-Length|Keep-Alive/);
    expect(body).toBe('onetwo');
    expect(client.ending).toBe('closed');
  });

  test('of known length keeps an HTTP/1.0 connection that asks for it', async () => {
    const gateway = await serve(where);
    const client = await gateway.connect();
    client.send('GET /1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n');
    expect(steady(await client.until(/\/1$/))).toContain('Connection: keep-alive');
    client.text = '';
    client.send('GET /2 HTTP/1.0\r\n\r\n');
    expect(steady(await client.rest())).toContain('Connection: close');
  });

  test.each([
    ['a body of one piece', answer('200 OK', TEXT, ['hello']), 'Content-Length: 5'],
    ['a body of several', stream, undefined],
    ['no body', answer('200 OK', TEXT, []), undefined],
    ['its own length', answer('200 OK', [['Content-Length', '99']], []), 'Content-Length: 99'],
  ])('to HEAD has no body, but keeps the connection: %s', async (_what, app, length) => {
    const gateway = await serve(app);
    const client = await gateway.connect();
    client.send(request('HEAD / HTTP/1.1') + request('HEAD / HTTP/1.1', CLOSE));
    const [first, second, ...more] = (await client.rest()).split(/(?<=\r\n\r\n)/);
    expect(more).toEqual([]);
    for (const text of [first!, second!]) {
      const { status, headers, body } = parse(text);
      expect([status, body]).toEqual(['HTTP/1.1 200 OK', '']);
      expect(headers.find((header) => header.startsWith('Content-Length'))).toBe(length);
      expect(headers.join()).not.toContain('Transfer-Encoding');
    }
  });

  test.each(['204 No Content', '304 Not Modified'])('%s has no body', async (status) => {
    const gateway = await serve(answer(status, [], ['not', 'sent']));
    const client = await gateway.connect();
    client.send(request() + request('GET / HTTP/1.1', CLOSE));
    const responses = (await client.rest()).split(/(?<=\r\n\r\n)/);
    expect(responses).toHaveLength(2);
    expect(responses.join()).not.toMatch(/Transfer-Encoding|Content-Length|sent/);
  });

  test('with a status that is no final one is an error of the application', async () => {
    const gateway = await serve(answer('103 Early Hints', [], []));
    const { status } = parse(await gateway.talk(request('GET / HTTP/1.1', CLOSE)));
    expect(status).toBe('HTTP/1.1 500 Internal Server Error');
    expect(gateway.errors.join()).toContain('status "103 Early Hints" is no final status');
  });

  test('of any size up to the border of a write arrives', async () => {
    const gateway = await serve((environ, startResponse) => {
      startResponse('200 OK', []);
      return [Buffer.alloc(Number(environ.QUERY_STRING), '\xe9', 'latin1')];
    });
    for (const size of [1, 16_383, 16_384, 16_385, 100_000]) {
      const client = await gateway.connect();
      client.send(request(`GET /?${size} HTTP/1.1`, CLOSE));
      expect(parse(await client.rest()).body).toBe('\xe9'.repeat(size));
    }
  });

  test('leaves with its first chunk, and each chunk when it is there', async () => {
    const next = signal();
    const gateway = await serve(async function* (_environ, startResponse) {
      startResponse('200 OK', TEXT);
      yield Buffer.from('first');
      await next.promise;
      yield Buffer.from('second');
    });
    const client = (await gateway.connect()).send(request('GET / HTTP/1.1', CLOSE));
    expect(await client.until(/first/)).not.toContain('second');
    next.fire();
    expect(await client.rest()).toMatch(/second\r\n0\r\n\r\n$/);
  });
});

/** An application that fails after its first chunk. */
function breaking(headers: Header[]): ApplicationFunction {
  return async function* (_environ, startResponse) {
    startResponse('200 OK', headers);
    yield Buffer.from('first');
    throw new Error('midway');
  };
}

describe('a response that breaks', () => {
  test('in chunks: has no last chunk', async () => {
    const gateway = await serve(breaking(TEXT));
    const text = await gateway.talk(request());
    expect(text).toMatch(/5\r\nfirst\r\n$/);
    expect(gateway.errors.join()).toContain('midway');
  });

  test('with a length: ends before it', async () => {
    const gateway = await serve(breaking([['Content-Length', '10']]));
    expect(parse(await gateway.talk(request())).body).toBe('first');
  });

  test('that would end with the connection: is reset', async () => {
    const gateway = await serve(breaking(TEXT));
    const client = await gateway.connect();
    client.send('GET / HTTP/1.0\r\n\r\n');
    await client.rest();
    expect(client.ending).toBe('reset');
  });

  test('with a body shorter than its length, in one piece: is not complete', async () => {
    const gateway = await serve(answer('200 OK', [['Content-Length', '10']], ['first']));
    const { headers, body } = parse(await gateway.talk(request()));
    expect(headers).toContain('Content-Length: 10');
    expect(body).toBe('first');
  });

  test('is the last on its connection', async () => {
    const application = vi.fn(breaking(TEXT));
    const gateway = await serve(application);
    await gateway.talk(request() + request());
    expect(application).toHaveBeenCalledOnce();
  });
});

describe('a connection', () => {
  test('is kept, and carries one request after another', async () => {
    const gateway = await serve(where);
    const client = await gateway.connect();
    for (const path of ['/1', '/2', '/3']) {
      client.text = '';
      client.send(request(`GET ${path} HTTP/1.1`));
      await client.until(new RegExp(`\r\n\r\n${path}$`));
    }
    client.text = '';
    client.send(request('GET /4 HTTP/1.1', CLOSE));
    expect(steady(await client.rest())).toContain('Connection: close');
    expect(client.ending).toBe('closed');
  });

  test('takes a request in pieces of one byte', async () => {
    const gateway = await serve(echo);
    const client = await gateway.connect();
    const bytes = request('POST / HTTP/1.1', 'Transfer-Encoding: chunked', CLOSE);
    for (const byte of `${bytes}5\r\nhello\r\n0\r\n\r\n`) {
      client.send(byte);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(parse(await client.rest()).body).toBe('hello');
  });

  test('serves pipelined requests one after the other, in order', async () => {
    let running = 0;
    let most = 0;
    const gateway = await serve(async (environ, startResponse) => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setTimeout(resolve, environ.PATH_INFO === '/1' ? 20 : 0));
      running--;
      return where(environ, startResponse);
    });
    const paths = ['/1', '/2', '/3', '/4', '/5'];
    const requests = paths.map((path) => request(`GET ${path} HTTP/1.1`));
    const text = await gateway.talk(requests.join('') + request('GET /6 HTTP/1.1', CLOSE));
    expect(text.match(/(?<=\r\n\r\n)\/\d/g)).toEqual([...paths, '/6']);
    expect(most).toBe(1);
  });

  test('drops requests behind the one that closes it', async () => {
    const application = vi.fn(where);
    const gateway = await serve(application);
    const text = await gateway.talk(request('GET /1 HTTP/1.1', CLOSE) + request('GET /2 HTTP/1.1'));
    expect(text).toMatch(/\/1$/);
    expect(application).toHaveBeenCalledOnce();
  });

  test.each([
    ['at once', [request('GET /2 HTTP/1.1')]],
    ['in pieces', [request('POST /2 HTTP/1.1', 'Content-Length: 4'), 'bo', 'dy']],
  ])('that the client closes ends the requests on it (the second came %s)', async (_, second) => {
    const begun: string[] = [];
    const aborted: string[] = [];
    const gateway = await serve(async (environ, startResponse) => {
      begun.push(environ.PATH_INFO);
      environ['postern.signal'].addEventListener('abort', () => aborted.push(environ.PATH_INFO));
      await new Promise((resolve) => environ['postern.signal'].addEventListener('abort', resolve));
      return hello(environ, startResponse);
    });
    const client = await gateway.connect();
    client.send(request('GET /1 HTTP/1.1'));
    await until(() => begun.length > 0);
    for (const piece of second) {
      client.send(piece);
      for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
    }
    client.leave();
    await until(() => aborted.length > 0);
    expect([begun, aborted]).toEqual([['/1'], ['/1']]);
    expect(gateway.errors).toEqual([]);
    expect(gateway.log).toEqual([]);
  });
});
