/**
 * The two engines say the same to the same conversation; and where the package cannot, its defect is named, and
 * shown to be there still.
 */

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

import { describe, expect, test } from 'vitest';

import { runWithFastCgi } from '../../adapters/fastcgi/index.ts';
import { UsageError } from '../../src/errors.ts';

import { CAPTURES, bytesOf } from './captures.ts';
import { application, converse } from './differential.ts';
import type { Outcome, Step } from './differential.ts';
import { Held, endlessBody, serve, until } from './kit.ts';
import { cutAt, inPieces } from './parsed.ts';
import {
  ROLE,
  TYPE,
  encodeAbort,
  encodeBegin,
  encodePairs,
  encodeParams,
  encodeRecord,
  encodeRequest,
  encodeStream,
} from './peer.ts';
import type { RequestParts } from './peer.ts';

const ROOT = join(import.meta.dirname, '../..');
const MIB = Buffer.alloc(1024 * 1024, 'postern ');

/** A request of its own connection. */
function get(path: string, parts: RequestParts = {}): Buffer {
  return encodeRequest({ keep: false, ...parts, params: { PATH_INFO: path, ...parts.params } });
}

const NOTHING = Buffer.alloc(0);
const ONE = Buffer.from('1');
const BEGIN = encodeBegin({ keep: false });
const PAIRS = [
  ['REQUEST_METHOD', 'GET'],
  ['PATH_INFO', '/x'],
] as const;

const withParams = (...pairs: (readonly [name: string, value: string])[]): Buffer =>
  Buffer.concat([
    BEGIN,
    encodeStream(TYPE.PARAMS, 1, encodePairs([...PAIRS, ...pairs])),
    encodeRecord(TYPE.STDIN, 1, NOTHING),
  ]);

const FIRST_PAIR = encodePairs([['PATH_INFO', '/x']]).length;
const TWO_PAIRS = encodePairs([
  ['PATH_INFO', '/x'],
  ['HTTP_X', 'value'],
]);

const inParams = (pieces: readonly Buffer[], padding = 0): Buffer =>
  Buffer.concat([
    BEGIN,
    ...[...pieces, NOTHING].map((piece) => encodeRecord(TYPE.PARAMS, 1, piece, padding)),
    encodeRecord(TYPE.STDIN, 1, NOTHING, padding),
  ]);

const inRecordsOfOne = (stdin: string): Buffer =>
  Buffer.concat([
    BEGIN,
    encodeParams({ stdin, params: { PATH_INFO: '/echo' } }),
    encodeStream(TYPE.STDIN, 1, Buffer.from(stdin), 1),
  ]);

const abort = encodeAbort;
const getValues = (...names: string[]): Buffer =>
  encodeRecord(TYPE.GET_VALUES, 0, encodePairs(names.map((name) => [name, ''] as const)));

const upload = get('/echo', { stdin: MIB, params: { REQUEST_METHOD: 'POST' } });
const many = Array.from({ length: 500 }, (_, i) => [`HTTP_X_${i}`, `value ${i}`] as const);

/** Both engines say the same to these. */
const SAME: readonly (readonly [name: string, step: Step])[] = [
  ['GET', [get('/x', { params: { QUERY_STRING: 'a=1' } }), 1]],
  ['POST with a small body', [get('/echo', { stdin: 'body' }), 1]],
  ['a body of 1 MiB', [upload, 1]],
  ['a body of 1 MiB in pieces of a prime number', [inPieces(upload, 65_521), 1]],
  ['a body in records of one byte', [inRecordsOfOne('body'), 1]],
  ['a body without a length', [get('/echo', { stdin: 'x', params: { CONTENT_LENGTH: '-1' } }), 1]],
  ['a body that is not read', [get('/unread', { stdin: MIB }), 1]],
  ['byte by byte', [inPieces(get('/echo', { stdin: 'body' }), 1), 1]],
  ['an odd method', [get('/x', { stdin: 'body', params: { REQUEST_METHOD: 'BREW' } }), 1]],
  ['HEAD', [get('/unread', { params: { REQUEST_METHOD: 'HEAD' } }), 1]],
  ['many variables', [withParams(...many), 1]],
  ['a variable of 60,000 bytes', [withParams(['LONG', 'x'.repeat(60_000)]), 1]],
  ['empty values', [withParams(['EMPTY', ''], ['QUERY_STRING', '']), 1]],
  ['names of the members of objects', [withParams(['toString', '1'], ['constructor', '2']), 1]],
  ['UTF-8 in variables', [withParams(['HTTP_X', 'caf\xc3\xa9']), 1]],
  ['a variable without a name', [withParams(['', 'x']), 1]],
  ['PARAMS in records that are cut between pairs', [inParams(cutAt(TWO_PAIRS, [FIRST_PAIR])), 1]],
  ['padding', [inParams([TWO_PAIRS], 255), 1]],
  ['a status of its own, and two cookies', [get('/teapot'), 1]],
  ['204', [get('/nothing'), 1]],
  ['a large response', [get('/large'), 1]],
  ['wsgi.errors', [get('/errors'), 1]],
  ['an error before the headers', [get('/throws'), 1]],
  ['an error after the headers', [get('/breaks'), 1]],
  ['a response that ends short', [get('/short'), 1]],
  ['a CONTENT_LENGTH that is none', [get('/echo', { params: { CONTENT_LENGTH: 'x' } }), 1]],
  ['an id of two bytes', [get('/echo', { id: 0x1234, stdin: 'body' }), 1]],
  ['an authorizer', [get('/roles', { role: ROLE.AUTHORIZER }), 1]],
  ['a filter', [get('/roles', { role: ROLE.FILTER, stdin: 'stdin', data: 'data' }), 1]],
  ['GET_VALUES', [getValues('FCGI_MAX_CONNS', 'FCGI_OTHER'), 1]],
  ['a record of a request that is none', [[encodeRecord(TYPE.STDIN, 7, ONE), get('/x')], 1]],
  ['a connection that ends within a record', [get('/echo', { stdin: 'body' }).subarray(0, 40), 0]],
];

/** Where the package cannot: what is wrong with it, and what it says. */
const DEFECTS: readonly (readonly [
  name: string,
  defect: string,
  steps: readonly Step[],
  said: (theirs: Outcome, ours: Outcome) => void,
])[] = [
  [
    'a kept connection',
    'it takes no notice of FCGI_KEEP_CONN, and closes',
    [
      [get('/echo', { keep: true, stdin: 'one' }), 1],
      [get('/echo', { keep: true, stdin: 'two', id: 2 }), 1],
    ],
    (theirs, ours) => {
      expect(ours.requests[2]).toMatchObject({ body: 'two' });
      expect(theirs.requests).toEqual({ 1: ours.requests[1] });
    },
  ],
  [
    'two requests at once',
    'the end of one of them closes the connection of both',
    [
      [[get('/unread', { keep: true }), get('/never', { keep: true, id: 2 })], 1],
      [abort(2), 1],
    ],
    (theirs, ours) => {
      expect(ours.requests[2]?.end).toBeDefined();
      expect(theirs.requests).toEqual({ 1: ours.requests[1] });
    },
  ],
  [
    'FCGI_MPXS_CONNS',
    'for that reason it is told to say that it carries one request at a time',
    [[getValues('FCGI_MPXS_CONNS'), 1]],
    (theirs, ours) => {
      expect(ours.management).toEqual([[TYPE.GET_VALUES_RESULT, '\x0f\x01FCGI_MPXS_CONNS1']]);
      expect(theirs.management).toEqual([[TYPE.GET_VALUES_RESULT, '\x0f\x01FCGI_MPXS_CONNS0']]);
    },
  ],
  [
    'PARAMS in records that are cut inside of a pair',
    'it reads the pairs of each record by themselves',
    [[inParams(cutAt(TWO_PAIRS, [FIRST_PAIR + 4])), 1]],
    (theirs, ours) => {
      expect(ours.requests[1]?.body).toContain('HTTP_X=value\n');
      expect(theirs.requests[1]?.body).not.toContain('HTTP_X=value\n');
    },
  ],
  [
    'a header that comes twice',
    'the last one is all that is left of it',
    [[withParams(['HTTP_X', '1'], ['HTTP_X', '2']), 1]],
    (theirs, ours) => {
      expect(ours.requests[1]?.body).toContain('HTTP_X=1, 2\n');
      expect(theirs.requests[1]?.body).toContain('HTTP_X=2\n');
    },
  ],
  [
    'bytes that are no UTF-8',
    'it takes all variables for UTF-8',
    [[withParams(['HTTP_X', '\xff']), 1]],
    (theirs, ours) => {
      expect(ours.requests[1]?.body).toContain('HTTP_X=\xff\n');
      expect(theirs.requests[1]?.body).toContain('HTTP_X=\xef\xbf\xbd\n');
    },
  ],
  [
    'a variable __proto__',
    'it keeps them in an object that has a prototype',
    [[withParams(['__proto__', 'x']), 1]],
    (theirs, ours) => {
      expect(ours.requests[1]?.body).toContain('__proto__=x\n');
      expect(theirs.requests[1]?.body).not.toContain('__proto__');
    },
  ],
  [
    'an abort',
    'its END_REQUEST says that all went well',
    [[[get('/never'), abort(1)], 1]],
    (theirs, ours) => {
      expect(ours.requests[1]?.end).toEqual({ appStatus: 1, protocolStatus: 0 });
      expect(theirs.requests[1]?.end).toEqual({ appStatus: 0, protocolStatus: 0 });
    },
  ],
  [
    'an unknown role',
    'it gives the status of an application that was never asked',
    [[get('/roles', { role: 4 }), 1]],
    (theirs, ours) => {
      // With a page, and a status that leaves the connection's other requests alone behind HAProxy.
      expect(ours.requests[1]?.end).toEqual({ appStatus: 0, protocolStatus: 0 });
      expect(theirs.requests[1]?.end).toEqual({ appStatus: 1, protocolStatus: 3 });
    },
  ],
  [
    'GET_VALUES for toString',
    'it throws: the connection is lost, and without our guard the process',
    [[[getValues('toString'), get('/unread')], 2]],
    (theirs, ours) => {
      expect(ours.management).toEqual([[TYPE.GET_VALUES_RESULT, '']]);
      expect(theirs).toEqual({ requests: {}, management: [] });
    },
  ],
  [
    'a record of an unknown type',
    'it throws: the connection is lost, and without our guard the process',
    [[[encodeRecord(99, 0, Buffer.alloc(0)), get('/unread')], 2]],
    (theirs, ours) => {
      expect(ours.management).toEqual([[TYPE.UNKNOWN_TYPE, '\x63\0\0\0\0\0\0\0']]);
      expect(theirs).toEqual({ requests: {}, management: [] });
    },
  ],
  [
    'another version of the protocol',
    'it does not look at it',
    [[Buffer.concat([Buffer.from([2]), get('/unread').subarray(1)]), 1]],
    (theirs, ours) => {
      expect(ours).toEqual({ requests: {}, management: [] });
      expect(theirs.requests[1]?.body).toBe('unread');
    },
  ],
];

/** What front ends have sent that meets one of these defects. */
const MET: Readonly<Record<string, string>> = {
  'nginx 1.22, fastcgi_keep_conn on': 'a header that comes twice',
  'HAProxy 2.6, two requests at once': 'a header that comes twice',
  'cgi-fcgi of libfcgi 2.4.2': 'PARAMS in records that are cut inside of a pair',
};

describe('the same conversation', () => {
  test.each(SAME)('%s: the same answer', async (_name, step) => {
    const [ours, theirs] = await both([step]);
    expect(theirs).toEqual(ours);
  });

  test.each(DEFECTS)('%s: %s', async (_name, _defect, steps, said) => {
    const [ours, theirs] = await both(steps);
    said(theirs, ours);
  });

  test.each(Object.entries(CAPTURES))('as %s holds it', async (name, records) => {
    const ids = new Set(records.map(([header]) => header.slice(4, 8)));
    ids.delete('0000');
    const [ours, theirs] = await both([[bytesOf(records), ids.size]]);
    const defect = MET[name];
    if (defect === undefined) expect(theirs).toEqual(ours);
    else {
      expect(DEFECTS.map(([row]) => row)).toContain(defect);
      expect(theirs).not.toEqual(ours);
    }
  });
});

async function both(steps: readonly Step[]): Promise<[ours: Outcome, theirs: Outcome]> {
  const outcomes = (['postern', 'node-fastcgi'] as const).map(async (engine) => {
    const { server } = await serve(application, { engine });
    return converse(server, steps);
  });
  return (await Promise.all(outcomes)) as [Outcome, Outcome];
}

describe('node-fastcgi', () => {
  const engine = 'node-fastcgi';

  test('takes many uploads at once', async () => {
    const { server, log } = await serve(application, { engine });
    const outcomes = await Promise.all(
      Array.from({ length: 20 }, () => converse(server, [[inPieces(upload, 65_521), 1]])),
    );
    const [first] = outcomes;
    expect(first!.requests[1]).toMatchObject({ end: { appStatus: 0, protocolStatus: 0 } });
    for (const outcome of outcomes) expect(outcome).toEqual(first);
    expect(log).toEqual([]);
  });

  test('has no end of what it holds of an upload that nobody reads', async () => {
    const gateway = await serve(application, { engine });
    const { socket } = (await gateway.connect()).frontEnd;
    const large = Buffer.alloc(64 * MIB.length);
    const all = get('/never', { stdin: large, params: { CONTENT_LENGTH: `${large.length}` } });
    // Far more than the buffers of both sockets have room for.
    await new Promise<void>((resolve) => void socket.write(all, () => resolve()));
    socket.destroy();
  });

  test.each(['destroy', 'resetAndDestroy'] as const)(
    'learns of a visitor who leaves (%s), wherever the request is',
    async (leave) => {
      const closed: string[] = [];
      const gateway = await serve(
        (environ, startResponse) => {
          const path = environ['PATH_INFO'];
          startResponse('200 OK', []);
          const chunks = path === '/waits' ? waiting() : endlessBody();
          return Object.assign(chunks, { close: () => void closed.push(path) });
        },
        { engine },
      );
      const request = get('/endless', { stdin: 'body' });
      // Within BEGIN_REQUEST, within PARAMS, within STDIN, and while there is a response.
      for (const sent of [
        request.subarray(0, 20),
        request.subarray(0, 60),
        request.subarray(0, -9),
      ]) {
        const peer = await gateway.connect();
        peer.send(sent);
        await new Promise((resolve) => setImmediate(resolve));
        peer.frontEnd.socket[leave]();
      }
      for (const path of ['/endless', '/waits']) {
        const peer = await gateway.connect();
        peer.send(get(path));
        await peer.frontEnd.output.next();
        peer.frontEnd.socket[leave]();
        await until(() => closed.includes(path));
      }
      await until(() => gateway.connections === 0);
      expect(gateway.log).toEqual([]);
    },
  );

  test('finishes what it has when it is stopped', async () => {
    const held = new Held();
    const { server } = await serve(held.application, { engine });
    const outcome = converse(server, [[get('/held'), 1]]);
    await until(() => held.waiting.size === 1);
    const closed = server.close();
    held.finish('/held');
    expect((await outcome).requests[1]).toMatchObject({ body: '/held', end: { appStatus: 0 } });
    await closed;
  });

  test('closes connections that have no request when it is stopped', async () => {
    const gateway = await serve(application, { engine });
    const peer = await gateway.connect();
    await until(() => gateway.connections === 1);
    await gateway.server.close();
    await peer.ending();
  });

  test('knows who may connect, and how many', async () => {
    const strict = await serve(application, { engine, allow: ['10.0.0.0/8'] });
    expect(await converse(strict.server, [[get('/x'), 1]])).toEqual({
      requests: {},
      management: [],
    });
    expect(strict.log[0]).toMatch(/not among the addresses that may connect$/);
    const narrow = await serve(application, { engine, maxConnections: 1 });
    const first = await narrow.connect();
    await until(() => narrow.connections === 1);
    expect(await converse(narrow.server, [[get('/x'), 1]])).toEqual({
      requests: {},
      management: [],
    });
    expect(narrow.log).toHaveLength(1);
    expect(narrow.log[0]).toMatch(/more than maxConnections \(1\)$/);
    first.leave();
  });

  test('says which options it does not know', async () => {
    const { log } = await serve(application, {
      engine,
      maxParams: 5,
      idleTimeout: 1,
      multiplex: true,
    });
    expect(log).toEqual([
      'fastcgi: the engine node-fastcgi ignores maxParams, idleTimeout, multiplex',
    ]);
  });

  test('is told of in the log when it throws', async () => {
    const { server, log } = await serve(application, { engine });
    await converse(server, [[getValues('toString'), 1]]);
    expect(log).toHaveLength(1);
    expect(log[0]).toMatch(
      /^fastcgi: 127\.0\.0\.1:\d+: node-fastcgi failed: Cannot read properties/,
    );
  });

  test('is loaded when it is asked for, and not before', () => {
    const script = `
      import { createRequire } from 'node:module';
      import { runWithFastCgi } from ${JSON.stringify(join(ROOT, 'dist/adapters/fastcgi/index.js'))};
      const { cache } = createRequire(${JSON.stringify(join(ROOT, 'package.json'))});
      for (const engine of ['postern', 'node-fastcgi']) {
        await (await runWithFastCgi(() => [], { listen: '127.0.0.1:0', engine })).close();
        console.log(Object.keys(cache).some((path) => path.includes('node-fastcgi')));
      }`;
    const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script]);
    expect(String(stderr)).toBe('');
    expect(String(stdout)).toBe('false\ntrue\n');
  });
});

test('an engine that is none is an error', async () => {
  const engine = 'php' as 'postern';
  await expect(runWithFastCgi(application, { listen: 0, engine })).rejects.toThrow(
    new UsageError('engine "php" is neither postern nor node-fastcgi'),
  );
});

async function* waiting(): AsyncGenerator<Uint8Array> {
  yield Buffer.from('begun');
  await new Promise(() => {});
}
