/** A header that comes twice: refused, or the same to every kind of application. */

import { describe, expect, test } from 'vitest';

import { fromFetch } from '../../src/apps/fetch/fetch.ts';
import { fromNode } from '../../src/apps/node/node.ts';
import type { Application, Environ } from '../../src/types.ts';
import { parse, request, serve } from './kit.ts';

type Seen = Record<string, unknown>;

/** Every kind of application, which answers with its headers by their lower-case names. */
const KINDS: [kind: string, application: Application][] = [
  [
    'an application',
    (environ: Environ, startResponse) => {
      const seen: Seen = {};
      for (const [name, value] of Object.entries(environ)) {
        const isContent = name === 'CONTENT_TYPE';
        if (!isContent && !name.startsWith('HTTP_')) continue;
        const header = isContent ? name : name.slice('HTTP_'.length);
        seen[header.toLowerCase().replaceAll('_', '-')] = value;
      }
      startResponse('200 OK', [['Content-Type', 'application/json']]);
      return [Buffer.from(JSON.stringify(seen))];
    },
  ],
  ['a Node listener', fromNode((req, res) => void res.end(JSON.stringify(req.headers)))],
  [
    'a Node listener behind middleware',
    (() => {
      const inner = fromNode((req, res) => void res.end(JSON.stringify(req.headers)));
      return (environ, startResponse) => inner(environ, startResponse);
    })(),
  ],
  ['a fetch handler', fromFetch((req) => Response.json(Object.fromEntries(req.headers)))],
];

describe.each([
  ['Content-Type', 'text/plain', 'application/json'],
  ['Content-Type', '', 'application/json'],
  ['Content-Type', 'application/json', ''],
  ['content-type', 'text/plain', 'application/json'],
  ['Authorization', 'Basic c2VjcmV0OjE=', 'Basic c2VjcmV0OjI='],
  ['Authorization', '', 'Basic c2VjcmV0OjI='],
  ['Proxy-Authorization', 'Basic c2VjcmV0OjE=', 'Basic c2VjcmV0OjI='],
  ['Host', 'other.test', 'third.test'],
])('%s: %j and %j', (name, one, other) => {
  test.each(KINDS)('for %s: 400', async (_kind, application) => {
    const gateway = await serve(application);
    const lines = [`${name}: ${one}`, 'X-Between: 1', `${name.toUpperCase()}: ${other}`];
    const { status, headers } = parse(await gateway.talk(request('GET / HTTP/1.1', ...lines)));
    expect(status).toBe('HTTP/1.1 400 Bad Request');
    expect(headers).toContain('Connection: close');
    expect(gateway.log).toHaveLength(1);
    expect(gateway.log[0]).not.toContain('c2VjcmV0'); // no password in the log
  });
});

// The request headers of RFC 9110, and those of responses that node:http looks at.
const NAMES = (
  'Accept,Accept-Encoding,Accept-Language,Age,Cache-Control,Cookie,Date,DNT,ETag,Expires,Forwarded,From,If-Match,' +
  'If-Modified-Since,If-None-Match,If-Range,If-Unmodified-Since,Last-Modified,Location,Max-Forwards,Origin,Range,' +
  'Referer,Retry-After,Server,TE,Trailer,User-Agent,Vary,Via,X-Forwarded-For,X-Own'
).split(',');

describe.each([[['one', 'two']], [['one', 'two', 'three']], [['one', 'one']]])(
  'all others with %j',
  (values) => {
    test('are the same for every kind of application', async () => {
      const seen: Seen[] = [];
      const lines = NAMES.flatMap((name) => values.map((value) => `${name}: ${value}`));
      for (const [, application] of KINDS) {
        const gateway = await serve(application, { maxHeaders: 200 });
        const bytes = request('GET / HTTP/1.1', 'Connection: close', ...lines);
        const { body } = parse(await gateway.talk(bytes));
        const all = JSON.parse(body.slice(body.indexOf('{'), body.lastIndexOf('}') + 1)) as Seen;
        seen.push(Object.fromEntries(NAMES.map((name) => [name, all[name.toLowerCase()]])));
      }
      expect(seen[0]).toMatchObject({
        'User-Agent': 'one',
        Referer: 'one',
        'X-Own': values.join(', '),
        Cookie: values.join('; '),
      });
      for (const other of seen.slice(1)) expect(other).toEqual(seen[0]);
    });
  },
);

test('a Content-Type that comes twice the same is one', async () => {
  for (const [, application] of KINDS) {
    const gateway = await serve(application);
    const lines = ['Connection: close', 'Content-Type: text/plain', 'Content-Type: text/plain'];
    const { status, body } = parse(await gateway.talk(request('GET / HTTP/1.1', ...lines)));
    expect(status).toBe('HTTP/1.1 200 OK');
    expect(body).toContain('"content-type":"text/plain"');
  }
});
