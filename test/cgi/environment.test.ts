/** From the process environment to the environ. */

import { describe, expect, test } from 'vitest';

import { IisCgiHandler } from '../../adapters/cgi/index.ts';
import { Readable, Writable } from 'node:stream';
import { POSTERN, RUNNER, application, run, runApplication, split } from './process.ts';
import type { Setup } from './process.ts';

type Variables = Record<string, string>;

/** What an application sees, each code unit a byte. */
async function environOf(
  setup: Setup,
  args = [POSTERN, application('environ')],
): Promise<Variables> {
  const { stdout } = await run(args, setup);
  return JSON.parse(split(stdout).body.toString('latin1')) as Variables;
}

describe('values', () => {
  // Node itself could not pass these on: it encodes what it passes as UTF-8.
  test('are bytes, whatever they mean', async () => {
    const bytes = String.raw`/\303\251\351\377\200 \001\n`;
    const environ = await environOf({
      shell: `export PATH_INFO="$(printf '${bytes}.')"; exec "$@"`,
    });
    expect(environ['PATH_INFO']).toBe('/\xc3\xa9\xe9\xff\x80 \x01\n.');
    expect(environ['REQUEST_URI']).toBe('/%C3%A9%E9%FF%80%20%01%0A.');
  });

  test('may hold anything after the first equals sign', async () => {
    const environ = await environOf({ variables: { QUERY_STRING: 'a=b=c&=' } });
    expect(environ['QUERY_STRING']).toBe('a=b=c&=');
  });

  test('are absent when they are empty, except what is always there', async () => {
    const environ = await environOf({
      variables: { REMOTE_USER: '', CONTENT_TYPE: '', PATH_INFO: '', HTTP_X_EMPTY: '' },
    });
    expect(environ).not.toHaveProperty('REMOTE_USER');
    expect(environ).not.toHaveProperty('CONTENT_TYPE');
    expect(environ).toMatchObject({
      PATH_INFO: '',
      SCRIPT_NAME: '',
      QUERY_STRING: '',
      REQUEST_METHOD: 'GET',
      REQUEST_URI: '/',
      SERVER_NAME: 'localhost',
      SERVER_PORT: '80',
      HTTP_X_EMPTY: '',
    });
  });

  test('follow what a program does to its environment', async () => {
    const environ = await environOf(
      { variables: { APPLICATION: 'environ', DELETED_BY_PROGRAM: '1' } },
      [RUNNER],
    );
    expect(environ['SET_BY_PROGRAM']).toBe('\xc3\xa9');
    expect(environ).not.toHaveProperty('DELETED_BY_PROGRAM');
  });

  test('tell of the gateway', async () => {
    expect(await environOf({})).toMatchObject({
      'postern.gateway': 'cgi',
      'postern.role': 'responder',
      'wsgi.run_once': true,
      'wsgi.multiprocess': true,
      'wsgi.multithread': false,
      'wsgi.url_scheme': 'http',
    });
  });
});

describe('the Proxy header (CVE-2016-5385)', () => {
  const variables = { HTTP_PROXY: 'http://evil.example', HTTP_ACCEPT: '*/*' };

  test('is not in the environ', async () => {
    const environ = await environOf({ variables });
    expect(environ).not.toHaveProperty('HTTP_PROXY');
    expect(environ['HTTP_ACCEPT']).toBe('*/*');
  });

  test.each(['command', 'runner'])('is not in the environment of the process (%s)', async (how) => {
    const { stdout } =
      how === 'command'
        ? await runApplication('processEnvironment', { variables })
        : await run([RUNNER], { variables: { ...variables, APPLICATION: 'processEnvironment' } });
    const environment = JSON.parse(split(stdout).body.toString()) as Variables;
    expect(environment).not.toHaveProperty('HTTP_PROXY');
    expect(environment['HTTP_ACCEPT']).toBe('*/*');
  });
});

describe('a mount', () => {
  test('comes from POSTERN_SCRIPT_NAME', async () => {
    const environ = await environOf({
      variables: {
        SCRIPT_NAME: '/cgi-bin/app.cgi',
        PATH_INFO: '/x',
        POSTERN_SCRIPT_NAME: '/cgi-bin/',
      },
    });
    expect(environ).toMatchObject({ SCRIPT_NAME: '/cgi-bin', PATH_INFO: '/app.cgi/x' });
  });
});

describe('under IIS', () => {
  test.each([
    ['/app.cgi', '/app.cgi/x/y', '/x/y'],
    ['/app.cgi', '/app.cgi', ''],
    ['/app.cgi', '/app.cgi2/x', '/app.cgi2/x'],
    ['/app.cgi', '/x', '/x'],
    ['', '/x', '/x'],
  ])('SCRIPT_NAME %j is taken off PATH_INFO %j', async (SCRIPT_NAME, PATH_INFO, expected) => {
    let seen: string | undefined;
    const handler = new IisCgiHandler({
      stdin: Readable.from([]),
      stdout: new Writable({ write: (_chunk, _encoding, done) => done() }),
      stderr: new Writable({ write: (_chunk, _encoding, done) => done() }),
      environ: { SCRIPT_NAME, PATH_INFO },
    });
    await handler.run((environ, startResponse) => {
      seen = environ.PATH_INFO;
      startResponse('200 OK', []);
      return [];
    });
    expect(seen).toBe(expected);
  });

  test('is what POSTERN_IIS says it is', async () => {
    const variables = { SCRIPT_NAME: '/app.cgi', PATH_INFO: '/app.cgi/x' };
    expect((await environOf({ variables }))['PATH_INFO']).toBe('/app.cgi/x');
    const told = await environOf({ variables: { ...variables, POSTERN_IIS: '1' } });
    expect(told['PATH_INFO']).toBe('/x');
  });
});
