/** The test client, where it calls the application directly. */

import { describe, expect, test, vi } from 'vitest';

import {
  ApplicationError,
  ValidationError,
  fromFetch,
  fromNode,
  validator,
} from '../../src/index.ts';
import type { ApplicationFunction, Environ } from '../../src/index.ts';
import { testClient } from '../../src/testing/index.ts';

const TEXT: [string, string][] = [['Content-Type', 'text/plain; charset=utf-8']];

const hello: ApplicationFunction = (_environ, startResponse) => {
  startResponse('200 OK', TEXT);
  return [Buffer.from('hello')];
};

function fail(): never {
  throw new Error('no such path');
}

function throwing(value: unknown): ApplicationFunction {
  return () => {
    throw value;
  };
}

const failing: ApplicationFunction = (environ) => {
  environ['wsgi.errors'].write(`nothing at ${environ.PATH_INFO}\n`);
  return fail();
};

/** Answers with its environ. */
const dump: ApplicationFunction = (environ, startResponse) => {
  startResponse('200 OK', [['Content-Type', 'application/json']]);
  return [Buffer.from(JSON.stringify(environ, (_, value) => (isPlain(value) ? value : null)))];
};

function isPlain(value: unknown): boolean {
  return typeof value !== 'object' || Object.getPrototypeOf(value) === null;
}

describe('an application called directly', () => {
  test('gets an environ as behind a front end', async () => {
    const response = await testClient(dump).get('/a%20b/é?x=1');
    expect(response.json()).toMatchObject({
      GATEWAY_INTERFACE: 'CGI/1.1',
      SERVER_NAME: 'localhost',
      SERVER_PORT: '80',
      SERVER_PROTOCOL: 'HTTP/1.1',
      REMOTE_ADDR: '127.0.0.1',
      REQUEST_URI: '/a%20b/%C3%A9?x=1',
      SCRIPT_NAME: '',
      PATH_INFO: '/a b/\xc3\xa9',
      QUERY_STRING: 'x=1',
      HTTP_HOST: 'localhost',
      'wsgi.url_scheme': 'http',
      'postern.gateway': 'http',
      'postern.role': 'responder',
    });
  });

  test('with everything that can be chosen', async () => {
    const client = testClient(dump, {
      baseUrl: 'https://example.org:8443',
      scriptName: '/app',
      gateway: 'fastcgi',
      role: 'authorizer',
      multiprocess: true,
      headers: { 'X-Always': '1', Accept: 'text/html' },
    });
    const response = await client.get('/app/x', {
      headers: [
        ['accept', 'image/png'],
        ['Accept', 'image/gif'],
        ['Proxy', 'http://evil'],
        ['Under_score', 'dropped'],
      ],
      environ: { REMOTE_USER: 'ada', REMOTE_ADDR: undefined, 'my.own': 5 },
    });
    const environ = response.json() as Record<string, unknown>;
    expect(environ).toMatchObject({
      HTTPS: 'on',
      SERVER_NAME: 'example.org',
      SERVER_PORT: '8443',
      HTTP_HOST: 'example.org:8443',
      SCRIPT_NAME: '/app',
      PATH_INFO: '/x',
      HTTP_X_ALWAYS: '1',
      HTTP_ACCEPT: 'image/png, image/gif',
      REMOTE_USER: 'ada',
      'my.own': 5,
      'wsgi.url_scheme': 'https',
      'wsgi.multiprocess': true,
      'postern.gateway': 'fastcgi',
      'postern.role': 'authorizer',
    });
    for (const name of ['REMOTE_ADDR', 'HTTP_PROXY', 'HTTP_UNDER_SCORE']) {
      expect(environ).not.toHaveProperty(name);
    }
  });

  test('chunks are those of the application, and memory of the test’s own', async () => {
    const shared = Buffer.from('a');
    const response = await testClient(function* (_environ, startResponse) {
      const write = startResponse('200 OK', TEXT);
      void write(Buffer.from('w'));
      yield shared;
      shared.write('b');
      yield Buffer.alloc(0);
      yield shared;
    }).get('/');
    expect(response.chunks.map(String)).toEqual(['w', 'a', 'b']);
  });

  test('what it throws and what it writes to wsgi.errors', async () => {
    const response = await testClient(failing, { throwErrors: false }).get('/nowhere');
    expect(response.status).toBe(500);
    expect(response.error).toEqual(new Error('no such path'));
    expect(response.errors).toMatch(/^nothing at \/nowhere\nError: no such path\n {4}at /);
    expect((await testClient(hello).get('/')).error).toBeUndefined();
    expect((await testClient(hello).get('/')).errors).toBe('');
  });

  describe('throws what the application throws, so that a failing test shows it:', () => {
    test.each<[string, ApplicationFunction]>([
      ['at once', failing],
      ['later', async (environ, startResponse) => failing(environ, startResponse)],
      [
        'in the body',
        function* (_environ, startResponse) {
          startResponse('200 OK', TEXT);
          yield Buffer.from('x');
          throw new Error('no such path');
        },
      ],
      [
        'when the body is closed',
        (_environ, startResponse) => {
          startResponse('200 OK', TEXT);
          return Object.assign([Buffer.from('x')], { close: fail });
        },
      ],
    ])('%s', async (_, application) => {
      const error: unknown = await testClient(application)
        .get('/nowhere')
        .catch((thrown: unknown) => thrown);
      expect(error).toEqual(new Error('no such path'));
      // The first line of the stack is where it was thrown.
      expect((error as Error).stack).toMatch(/no such path\n {4}at .*direct\.test\.ts/);
    });

    test('what is not an error, too', async () => {
      await expect(testClient(throwing('text')).get('/')).rejects.toBe('text');
      const nothing = testClient(throwing(undefined)).get('/');
      await expect(nothing).rejects.toThrow('the application threw undefined');
    });

    test('what breaks the contract', async () => {
      const silent = testClient(() => []);
      await expect(silent.get('/')).rejects.toThrow(ApplicationError);
      const unchecked = testClient(validator(() => 'text' as never));
      await expect(unchecked.get('/')).rejects.toThrow(ValidationError);
    });

    test('of a Node listener and of a fetch handler, too', async () => {
      await expect(testClient(fromNode(fail)).get('/')).rejects.toThrow('no such path');
      await expect(testClient(fromFetch(fail)).get('/')).rejects.toThrow('no such path');
    });

    test('but nothing when the client has left: then its error follows from that', async () => {
      const response = await testClient(async (environ) => {
        await environ['wsgi.input'].read();
        throw new Error('no such path');
      }).post('/', { body: 'x', signal: AbortSignal.abort() });
      expect(response.outcome).toBe('left');
    });
  });

  test('what the gateway says of a bad request', async () => {
    const response = await testClient(hello).get('/%zz');
    expect(response).toMatchObject({ status: 400, outcome: 'complete' });
    expect(response.errors).toContain('/%zz');
  });

  test('a body of the test that fails', async () => {
    const thrown = new Error('upload');
    const signals: AbortSignal[] = [];
    const body = (async function* (): AsyncGenerator<Buffer> {
      yield Buffer.from('x');
      throw thrown;
    })();
    const reading: ApplicationFunction = async (environ) => {
      signals.push(environ['postern.signal']);
      await environ['wsgi.input'].read();
      return [];
    };
    await expect(testClient(reading).post('/', { body })).rejects.toBe(thrown);
    expect(signals[0]!.reason).toMatchObject({ code: 'ERR_POSTERN_DISCONNECT' });
  });

  test('a body that is shorter than its Content-Length', async () => {
    const read = vi.fn<(error: unknown) => void>();
    const response = await testClient(async (environ, startResponse) => {
      await environ['wsgi.input'].read().catch(read);
      startResponse('200 OK', TEXT);
      return [];
    }).post('/', { body: 'short', headers: { 'Content-Length': '9' } });
    expect(response.status).toBe(200);
    expect(read.mock.calls[0]![0]).toMatchObject({ code: 'ERR_POSTERN_INPUT_SHORT' });
  });

  test('a body that nobody reads is never begun', async () => {
    const begun = vi.fn<() => void>();
    const body = (async function* () {
      begun();
      yield Buffer.from('x');
    })();
    await testClient(dump).post('/', { body });
    expect(begun).not.toHaveBeenCalled();
  });

  test('the next chunk is asked for when the client has taken the one before', async () => {
    const events: string[] = [];
    await testClient(function* (_environ, startResponse) {
      startResponse('200 OK', TEXT);
      for (const text of ['1', '2']) {
        events.push(`asked for ${text}`);
        yield Buffer.from(text);
      }
    }).get('/', {
      onChunk: async (chunk) => {
        await new Promise(setImmediate);
        events.push(`took ${String(chunk)}`);
      },
    });
    expect(events).toEqual(['asked for 1', 'took 1', 'asked for 2', 'took 2']);
  });

  test('the client takes one chunk after the other, though the application does not wait', async () => {
    const events: string[] = [];
    await testClient((_environ, startResponse) => {
      const write = startResponse('200 OK', TEXT);
      for (const text of ['1', '2', '3']) void write(Buffer.from(text));
      return [];
    }).get('/', {
      onChunk: async (chunk) => {
        events.push(`takes ${String(chunk)}`);
        await new Promise(setImmediate);
        events.push(`took ${String(chunk)}`);
      },
    });
    expect(events).toEqual(['takes 1', 'took 1', 'takes 2', 'took 2', 'takes 3', 'took 3']);
  });

  test('a client that leaves while it takes a chunk', async () => {
    const controller = new AbortController();
    const closed = vi.fn<() => void>();
    const response = await testClient((_environ, startResponse) => {
      startResponse('200 OK', TEXT);
      return Object.assign([Buffer.from('1'), Buffer.from('2')], { close: closed });
    }).get('/', {
      signal: controller.signal,
      onChunk: () => {
        setImmediate(() => controller.abort());
        return new Promise(() => {}); // and never takes more
      },
    });
    expect(response).toMatchObject({ outcome: 'left', chunks: [Buffer.from('1')] });
    expect(closed).toHaveBeenCalledOnce();
  });

  test('the access log', async () => {
    const accessLog = vi.fn<() => void>();
    await testClient(hello, { accessLog }).get('/');
    expect(accessLog).toHaveBeenCalledOnce();
  });

  test('applications as classes and objects', async () => {
    expect((await testClient({ call: hello }).get('/')).text()).toBe('hello');
    class App {
      constructor(_environ: Environ, startResponse: Parameters<ApplicationFunction>[1]) {
        startResponse('200 OK', TEXT);
      }
      *[Symbol.iterator](): Iterator<Uint8Array> {
        yield Buffer.from('class');
      }
    }
    expect((await testClient(App).get('/')).text()).toBe('class');
  });
});
