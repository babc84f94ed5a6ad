/** Options of the functions that start a gateway: those that there are not are refused, and lists may be text. */

import { afterEach, describe, expect, test } from 'vitest';

import { runWithCgi } from '../adapters/cgi/index.ts';
import { CGI_OPTIONS } from '../adapters/cgi/options.ts';
import { runWithFastCgi } from '../adapters/fastcgi/index.ts';
import { FASTCGI_OPTIONS } from '../adapters/fastcgi/options.ts';
import { makeServer, runWithHttp } from '../adapters/http/index.ts';
import { HTTP_OPTIONS } from '../adapters/http/options.ts';
import { runWithScgi } from '../adapters/scgi/index.ts';
import { runWithUwsgi } from '../adapters/uwsgi/index.ts';
import { UsageError } from '../src/errors.ts';
import type { Server } from '../src/listening/server.ts';
import { REQUEST_SERVER_OPTIONS } from '../src/one-request/options.ts';
import type { Option } from '../src/cli/options/option.ts';
import { OPTIONS, OPTION_NAMES } from '../src/cli/options/options.ts';
import { toList } from '../src/options.ts';
import { similarTo } from '../src/similar.ts';
import type { Application } from '../src/types.ts';
import { demoApp } from '../src/apps/demo.ts';
import { fromFetch } from '../src/apps/fetch/fetch.ts';
import { toFetch } from '../src/apps/fetch/to-fetch.ts';
import { testClient } from '../src/testing/index.ts';

type Run = (application: Application, options: never) => Promise<unknown>;

const servers: Server[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

const LISTENING: readonly (readonly [name: string, run: Run])[] = [
  ['runWithFastCgi', runWithFastCgi],
  ['runWithScgi', runWithScgi],
  ['runWithUwsgi', runWithUwsgi],
  ['runWithHttp', runWithHttp],
];
const RUNS: readonly (readonly [name: string, run: Run])[] = [
  ...LISTENING,
  ['runWithCgi', runWithCgi],
  ['makeServer', (app, options: object) => makeServer('', 0, app, options)],
];

/** What a function says of options. */
async function refusal(run: Run, options: unknown): Promise<string> {
  const error: unknown = await run(demoApp, options as never).then(
    (server) => void servers.push(server as Server),
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(UsageError);
  return (error as UsageError).message;
}

describe.each(RUNS)('%s', (name, run) => {
  const listen = LISTENING.some(([listening]) => listening === name) ? { listen: 0 } : {};

  test.each([
    ['forwardedAllowIPs', 'forwardedAllowIps'],
    ['accesLog', 'accessLog'],
    ['script_name', 'scriptName'],
    ['trustProxy', 'forwardedAllowIps'],
  ])('has no %s: did you mean %s?', async (option, meant) => {
    expect(await refusal(run, { ...listen, [option]: undefined })).toBe(
      `${name} has no option "${option}": did you mean ${meant}?`,
    );
  });

  test('has no option that is like none', async () => {
    const options = { ...listen, '\nsomething else': 1 };
    expect(await refusal(run, options)).toBe(`${name} has no option "\\nsomething else"`);
  });

  test('has no option that is the gateway’s own', async () => {
    const forwarding = { applyVariables() {} };
    expect(await refusal(run, { ...listen, forwarding })).toContain('has no option "forwarding"');
  });

  test.each([
    [{ accessLog: 'combined' }, /^accessLog is a string: createAccessLog\(\) makes the function/],
    [{ log: () => {} }, /^log lacks one of the methods/],
    [{ scriptName: 'app' }, /^scriptName "app" is neither '' nor a path/],
    [{ scriptName: '/app/' }, /^scriptName "\/app\/" is neither/],
    [{ scriptName: '/' }, /^scriptName "\/" is neither/],
    [
      { sendfile: { header: 'X-Sendfile', rot: '/srv' } },
      /^sendfile has no option "rot": did you mean root\?$/,
    ],
    [
      { forwardedAllowIps: '*', forwardedHeaders: { Proto: 'X' } },
      /^forwardedHeaders has no option "Proto": did you mean proto\?$/,
    ],
    [{ forwardedAllowIps: '*', forwardedHeaders: 'X' }, /^forwardedHeaders takes an object of/],
    [{ multiprocess: 'false' }, /^multiprocess is a string, not a boolean$/],
    [{ sendfile: 'X-Sendfile' }, /^sendfile is a string, not an object$/],
    [{ sendfile: null }, /^sendfile is null, not an object$/],
    [{ forwardedAllowIps: [7] }, /^forwardedAllowIps: a number is neither text nor a list of text/],
    [{ forwardedAllowIps: true }, /^forwardedAllowIps: a boolean is neither/],
    [{ forwardedAllowIps: '10.0.0.0/8, nobody' }, /^"nobody" is neither an IP address nor/],
  ])('%o: %s', async (options, message) => {
    // The process of the tests is no CGI program: the list is looked at when that has begun.
    if (name === 'runWithCgi' && 'forwardedAllowIps' in options) return;
    expect(await refusal(run, { ...listen, ...options })).toMatch(message);
  });
});

describe.each(LISTENING)('%s', (name, run) => {
  test.each([{}, { listen: undefined }, { listen: null }])('needs listen: %o', async (options) => {
    expect(await refusal(run, options)).toMatch(
      new RegExp(`^${name} needs the option listen, where it listens: '127.0.0.1:8000', 8000,`),
    );
  });

  test.each([undefined, null, 8000, '8000'])('needs an object: %o', async (options) => {
    expect(await refusal(run, options)).toMatch(
      new RegExp(`^${name} takes an object of options, not (?:undefined|null|a number|a string)$`),
    );
  });

  test.each(['port', 'host', 'path', 'fd', 'lsten', 'Listen'])('%s is listen', async (option) => {
    expect(await refusal(run, { [option]: 1 })).toBe(
      `${name} has no option "${option}": did you mean listen?`,
    );
  });

  test.each([
    [{ socketMode: '660' }, 'socketMode is a string, not a number'],
    [{ socketMode: 660 }, 'socketMode 660 is not a mode from 0 to 0o777'],
    [{ backlog: '5' }, 'backlog is a string, not a number'],
    [{ spoolDir: 5 }, 'spoolDir is a number, not a string'],
    [{ maxConcurrentRequests: '5' }, 'maxConcurrentRequests 5 is not a number from 0 up'],
  ])('refuses what it cannot use: %o', async (options, message) => {
    expect(await refusal(run, { listen: 0, ...options })).toBe(message);
  });

  test.each([
    { allow: '127.0.0.1, ::1', forwardedAllowIps: '*' },
    { allow: '127.0.0.1 ::1', forwardedAllowIps: 'unix,10.0.0.0/8' },
    { allow: ['127.0.0.1,::1'], forwardedAllowIps: '' },
    { allow: ' 127.0.0.1 ', forwardedAllowIps: ['10.0.0.1', 'unix'] },
  ])('takes text as a list: %o', async (options) => {
    const server = (await run(demoApp, { listen: 0, ...options } as never)) as Server;
    servers.push(server);
    expect(server.address()).not.toBe(null);
  });
});

test('an option of another gateway is none', async () => {
  expect(await refusal(runWithScgi, { listen: 0, tls: {} })).toBe(
    'runWithScgi has no option "tls"',
  );
  expect(await refusal(runWithHttp, { listen: 0, multiplex: true })).toBe(
    'runWithHttp has no option "multiplex"',
  );
  expect(await refusal(runWithHttp, { listen: 0, cert: 'x' })).toBe(
    'runWithHttp has no option "cert": did you mean tls?',
  );
});

test('the options of other functions are looked at, too', async () => {
  const calls = [
    () => fromFetch(() => new Response(), { lightObject: true } as object),
    () => toFetch(demoApp, { scriptname: '/app' } as object),
    () => testClient(demoApp, { cookie: true } as object),
    () => testClient(demoApp, { throwErrors: 'no' } as object),
  ];
  const messages = calls.map((call) => {
    try {
      return String(call());
    } catch (error) {
      return (error as UsageError).message;
    }
  });
  expect(messages).toEqual([
    'fromFetch has no option "lightObject": did you mean lightObjects?',
    'toFetch has no option "scriptname": did you mean scriptName?',
    'testClient has no option "cookie": did you mean cookies?',
    'throwErrors is a string, not a boolean',
  ]);
  const request = testClient(demoApp).get('/', { header: {} } as object);
  await expect(request).rejects.toThrow(
    'the request has no option "header": did you mean headers?',
  );
});

test.each([{}, { certfile: 'x.pem' }, { key: 'x' }])(
  'tls without a certificate: %o',
  async (tls) => {
    expect(await refusal(runWithHttp, { listen: 0, tls })).toMatch(
      /^tls has no certificate: certFile/,
    );
  },
);

test('every setting of the command that is for gateways is an option of one of them', () => {
  const known = [CGI_OPTIONS, FASTCGI_OPTIONS, HTTP_OPTIONS, REQUEST_SERVER_OPTIONS];
  const names = OPTION_NAMES.flatMap((name) => {
    const { gateway = [] }: Option<unknown> = OPTIONS[name];
    return gateway === true ? [name] : gateway;
  });
  expect(names.length).toBeGreaterThan(20);
  expect(names.filter((name) => !known.some((table) => name in table))).toEqual([]);
});

describe('toList', () => {
  test.each<[unknown, string[]]>([
    ['*', ['*']],
    ['a,b', ['a', 'b']],
    [' a , b ', ['a', 'b']],
    ['a b\tc', ['a', 'b', 'c']],
    ['', []],
    [',', []],
    [[], []],
    [
      ['a', 'b, c', ''],
      ['a', 'b', 'c'],
    ],
  ])('%o: %o', (list, expected) => {
    expect(toList('option', list as string)).toEqual(expected);
  });

  test.each([5, {}, null, [null], [['a']]])('%o is none', (list) => {
    expect(() => toList('option', list as never)).toThrow(UsageError);
  });
});

test.each([
  ['maxConnection', 'maxConnections'],
  ['max_connections', 'maxConnections'],
  ['MAXCONNECTIONS', 'maxConnections'],
  ['logs', 'log'],
  ['something', undefined],
  ['', undefined],
])('%s is like %s', (word, expected) => {
  expect(similarTo(word, ['maxConnections', 'allow', 'log'])).toBe(expected);
});
