/** Authorizers and filters (FastCGI 1.0 § 6.3, § 6.4). */

import { expect, describe, test } from 'vitest';

import type { ApplicationFunction, Environ } from '../../src/types.ts';
import { controlTime, hello, keeping, pattern, serve, until } from './kit.ts';
import { ROLE, TYPE, encodeBegin, encodeParams, encodeRecord, encodeStream } from './peer.ts';

const MIB = 1024 * 1024;

test('an application is told which role it plays', async () => {
  const environs: Environ[] = [];
  const gateway = await serve(keeping(environs, hello));
  for (const role of Object.values(ROLE)) await gateway.request({ role, data: '' });
  const roles = environs.map((environ) => environ['postern.role']);
  expect(roles).toEqual(['responder', 'authorizer', 'filter']);
});

describe('an authorizer', () => {
  const role = ROLE.AUTHORIZER;

  test('lets a request on with 200, and gives the responder variables', async () => {
    const gateway = await serve((_environ, startResponse) => {
      startResponse('200 OK', [
        ['Variable-AUTH_METHOD', 'database lookup'],
        ['Variable-REMOTE_GROUP', 'admins'],
      ]);
      return [];
    });
    const answer = await gateway.request({ role });
    expect(answer.status).toBe('200 OK');
    expect(answer.head).toContain('Variable-AUTH_METHOD: database lookup\r\n');
    expect(answer.head).toContain('Variable-REMOTE_GROUP: admins\r\n');
    expect(answer.text).toBe('');
  });

  test('refuses it with any other response', async () => {
    const gateway = await serve((_environ, startResponse) => {
      startResponse('403 Forbidden', [['Content-Type', 'text/plain']]);
      return [Buffer.from('not you')];
    });
    const answer = await gateway.request({ role });
    expect([answer.status, answer.text]).toEqual(['403 Forbidden', 'not you']);
  });

  test('gets no body, and nothing of the resource, even if the front end sends them', async () => {
    const environs: Environ[] = [];
    const bodies: string[] = [];
    const gateway = await serve(async (environ, startResponse) => {
      environs.push(environ);
      bodies.push(String(await environ['wsgi.input'].read()));
      return hello(environ, startResponse);
    });
    const params = {
      REQUEST_METHOD: 'POST',
      REQUEST_URI: '/app/secret?x=1',
      SCRIPT_NAME: '/app',
      PATH_INFO: '/secret',
      PATH_TRANSLATED: '/srv/secret',
      CONTENT_LENGTH: '4',
      HTTP_COOKIE: 'a=b',
    };
    expect((await gateway.request({ role, params, stdin: 'body' })).text).toBe('hello');
    const environ = environs.at(-1)!;
    expect(bodies.at(-1)).toBe('');
    expect(environ).toMatchObject({
      REQUEST_METHOD: 'POST',
      REQUEST_URI: '/app/secret?x=1',
      SCRIPT_NAME: '',
      PATH_INFO: '',
      HTTP_COOKIE: 'a=b',
    });
    expect(Object.keys(environ)).not.toContain('PATH_TRANSLATED');
    expect(Object.keys(environ)).not.toContain('CONTENT_LENGTH');
  });
});

describe('a filter', () => {
  const role = ROLE.FILTER;
  test('gets the body first, then the file', async () => {
    const gateway = await serve(concatenate);
    const answer = await gateway.request({
      role,
      stdin: 'input',
      data: 'the file',
      params: lengths('the file'),
    });
    expect(answer.text).toBe('849120604 input/the file');
  });

  test('a file without a length ends with its stream', async () => {
    const gateway = await serve(concatenate);
    const params = { FCGI_DATA_LAST_MOD: '1' };
    const answer = await gateway.request({ role, data: 'the file', params });
    expect(answer.text).toBe('1 /the file');
  });

  test('the file ends at its length', async () => {
    const gateway = await serve(concatenate);
    const data = 'the file and more';
    const params = lengths('the file');
    expect((await gateway.request({ role, data, params })).text).toBe('849120604 /the file');
  });

  test('other roles have no file', async () => {
    const environs: Environ[] = [];
    const gateway = await serve(keeping(environs, hello));
    await gateway.request({ data: 'what is this' });
    expect(Object.keys(environs[0]!)).not.toContain('postern.data');
  });

  test('FCGI_DATA_LENGTH that is no number is answered 400', async () => {
    const gateway = await serve(concatenate);
    const answer = await gateway.request({ role, params: { FCGI_DATA_LENGTH: '1x' } });
    expect(answer.status).toBe('400 Bad Request');
    expect(gateway.log).toEqual(['fastcgi: 400: FCGI_DATA_LENGTH is not a number: "1x"']);
  });

  test('a file that ends short of its length is an error', async () => {
    const codes: string[] = [];
    const gateway = await serve(async (environ, startResponse) => {
      await environ['postern.data']!.read().catch((error: { code: string }) => {
        codes.push(error.code);
      });
      return hello(environ, startResponse);
    });
    await gateway.request({ role, data: 'short', params: lengths('longer') });
    expect(codes).toEqual(['ERR_POSTERN_INPUT_SHORT']);
  });

  test('8 MiB of each, read slowly: both arrive, and little of them waits', async () => {
    let most = 0;
    const gateway = await serve(async (environ, startResponse) => {
      let total = 0;
      for (const stream of [environ['wsgi.input'], environ['postern.data']!]) {
        for await (const chunk of stream) {
          total += chunk.length;
          most = Math.max(most, (stream as unknown as { buffered: number }).buffered);
          await new Promise((resolve) => setImmediate(resolve));
        }
      }
      startResponse('200 OK', []);
      return [Buffer.from(String(total))];
    });
    const large = Buffer.alloc(8 * MIB);
    const answer = await gateway.request({ role, stdin: large, data: large });
    expect(answer.text).toBe(String(16 * MIB));
    expect(most).toBeLessThan(MIB / 4);
  });

  test('a file that stalls is given up after bodyTimeout', async () => {
    const second = controlTime();
    const gateway = await serve(concatenate, { bodyTimeout: 3000 });
    const peer = await gateway.connect();
    const parts = { role, params: lengths('0123456789') };
    const some = encodeRecord(TYPE.DATA, 1, Buffer.from('01234'));
    peer.send(encodeBegin(parts), encodeParams(parts), encodeStream(TYPE.STDIN, 1, EMPTY), some);
    await until(() => {
      second();
      return gateway.log.length > 0;
    });
    expect((await peer.reply()).status).toBe('408 Request Timeout');
    expect(gateway.log).toEqual(['fastcgi: 408: the body stalled for bodyTimeout']);
    peer.leave();
  });

  test('an application may read the file before a large body, which waits in a spool file', async () => {
    let buffered = 0;
    const gateway = await serve(async (environ, startResponse) => {
      const data = await environ['postern.data']!.read();
      const input = environ['wsgi.input'];
      ({ buffered } = input as unknown as { buffered: number });
      const stdin = await input.read();
      startResponse('200 OK', []);
      return [data, stdin];
    });
    const stdin = pattern(8 * MIB);
    const answer = await gateway.request({ role, stdin, data: 'the file' });
    expect(answer.body.equals(Buffer.concat([Buffer.from('the file'), stdin]))).toBe(true);
    expect(buffered).toBeLessThan(MIB / 4);
  });

  test('a read of the file after the response fails, and one that waits is woken', async () => {
    const outcomes: unknown[] = [];
    const gateway = await serve((environ, startResponse) => {
      const data = environ['postern.data']!;
      void data.read().catch((error: { code: string }) => {
        outcomes.push(error.code);
        data.read().catch((again: { code: string }) => outcomes.push(again.code));
      });
      return hello(environ, startResponse);
    });
    const peer = await gateway.connect();
    const parts = { role, params: lengths('the file') };
    peer.send(encodeBegin(parts), encodeParams(parts));
    expect((await peer.reply()).text).toBe('hello');
    await until(() => outcomes.length === 2);
    expect(outcomes).toEqual(['ERR_POSTERN_INPUT_STATE', 'ERR_POSTERN_INPUT_STATE']);
    peer.leave();
  });

  test('a client that leaves ends a read of the file', async () => {
    const codes: string[] = [];
    const gateway = await serve(async (environ, startResponse) => {
      await environ['postern.data']!.read().catch((error: { code: string }) => {
        codes.push(error.code);
      });
      return hello(environ, startResponse);
    });
    const peer = await gateway.connect();
    const parts = { role, params: lengths('the file') };
    peer.send(encodeBegin(parts), encodeParams(parts));
    await new Promise((resolve) => setImmediate(resolve));
    peer.leave();
    await until(() => codes.length === 1);
    expect(codes).toEqual(['ERR_POSTERN_DISCONNECT']);
  });
});

const EMPTY = Buffer.alloc(0);

/** Answers with the time of the file, the body and the file. */
const concatenate: ApplicationFunction = async (environ, startResponse) => {
  const input = await environ['wsgi.input'].read();
  const data = await environ['postern.data']!.read();
  startResponse('200 OK', []);
  return [Buffer.from(`${environ['FCGI_DATA_LAST_MOD'] as string} ${input}/${data}`)];
};

function lengths(data: string): Record<string, string> {
  return { FCGI_DATA_LENGTH: String(data.length), FCGI_DATA_LAST_MOD: '849120604' };
}
