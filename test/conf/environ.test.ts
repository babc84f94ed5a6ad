/**
 * The table behind every front end: the same request makes the same environ, whichever of them is in
 * front, with the configuration that is shipped for it and the command that this configuration names.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { describeWithServer } from '../servers/availability.ts';
import { ask, type HeaderPairs } from './ask.ts';
import { SITES, startSite, stopGateways } from './sites.ts';

type Variables = Record<string, unknown>;

/** A request, and what an environ says of it beyond what all have in common. */
interface Row {
  readonly name: string;
  readonly method: string;
  readonly headers: HeaderPairs;
  readonly body?: string;
  readonly environ: Variables;
}

const TARGET = '/app/some%20path/%C3%A9?x=1&y=a%20b';

/** What conf/apps/environ.mjs calls the number of bytes that it read from wsgi.input. */
const READ = 'bytes';

const ROWS: readonly Row[] = [
  {
    name: 'GET with headers of all kinds',
    method: 'GET',
    headers: [
      ['User-Agent', 'table/1'],
      ['Accept', 'text/html'],
      ['Cookie', 'a=1; b=2'],
      ['Authorization', 'Basic bWU6c2VjcmV0'],
      ['X-Twice', 'one'],
      ['X-Twice', 'two'],
      ['X-Bytes', 'caf\xe9'],
      // What must not come through.
      ['Proxy', 'http://evil.example/'],
      ['X_Under', 'score'],
      ['Keep-Alive', '300'],
    ],
    environ: {
      HTTP_USER_AGENT: 'table/1',
      HTTP_ACCEPT: 'text/html',
      HTTP_COOKIE: 'a=1; b=2',
      HTTP_AUTHORIZATION: 'Basic bWU6c2VjcmV0',
      HTTP_X_TWICE: 'one, two',
      HTTP_X_BYTES: 'caf\xe9',
    },
  },
  {
    name: 'GET with what a visitor says of himself',
    method: 'GET',
    headers: [
      ['Forwarded', 'for=6.6.6.6;proto=https;host=evil.example'],
      ...['X-Forwarded-', 'X_Forwarded_', 'X-Forwarded_', 'X_Forwarded-'].flatMap(
        (prefix): HeaderPairs => [
          [`${prefix}For`, '6.6.6.6'],
          [`${prefix}Host`, 'evil.example'],
          [`${prefix}Port`, '666'],
          [`${prefix}Prefix`, '/evil'],
          [`${prefix}Proto`, 'https'],
          [`${prefix}Server`, 'evil.example'],
        ],
      ),
    ],
    environ: {},
  },
  {
    name: 'POST with a body',
    method: 'POST',
    headers: [
      ['Content-Type', 'text/plain; charset=utf-8'],
      ['Content-Length', '5'],
    ],
    body: 'hello',
    environ: { CONTENT_TYPE: 'text/plain; charset=utf-8', CONTENT_LENGTH: '5', [READ]: 5 },
  },
  {
    name: 'POST with an empty body',
    method: 'POST',
    headers: [['Content-Length', '0']],
    environ: { CONTENT_LENGTH: '0' },
  },
  {
    name: 'POST with a body without a length',
    method: 'POST',
    headers: [['Transfer-Encoding', 'chunked']],
    body: 'hello',
    environ: { [READ]: 5 },
  },
];

/** Where it is not the same. */
interface Difference {
  readonly behind: RegExp;
  /** In one row only. */
  readonly row?: RegExp;
  /** What these variables are instead; undefined: they are not there. */
  readonly environ?: Variables;
  /** Variables that may be anything. */
  readonly ignored?: RegExp;
  /** The request is refused. */
  readonly status?: number;
  readonly why: string;
}

const OVER_HTTP = /[/_.]http|lighttpd\/proxy/;

const DIFFERENCES: readonly Difference[] = [
  {
    behind: OVER_HTTP,
    ignored: /^HTTP_X_(?:FORWARDED_.*|HOST)$/,
    why: 'in a request of HTTP the front end tells of the visitor in headers, and they stay there',
  },
  {
    behind: OVER_HTTP,
    environ: { REMOTE_PORT: undefined },
    why: 'and there is none that tells the port',
  },
  {
    behind: /^(?!haproxy\/http|caddy)/,
    row: /without a length/,
    environ: { CONTENT_LENGTH: '5' },
    why: 'the front end takes in the whole body first, and so knows its length',
  },
  {
    behind: /^apache\/(?:cgi|proxy_scgi|proxy_uwsgi)/,
    row: /without a length/,
    status: 411,
    why: 'CGI, SCGI and uwsgi have no other end of a body than its length, and Apache does not find it out',
  },
  {
    behind: /^lighttpd\/(?!proxy)/,
    row: /of all kinds/,
    environ: { HTTP_X_UNDER: 'score' },
    why: 'lighttpd has no option to drop them, and the variable does not tell which character it was',
  },
  {
    behind: /^caddy.*fastcgi/,
    environ: { SERVER_ADDR: undefined },
    why: 'Caddy before 2.8 cannot tell',
  },
  {
    behind: /^caddy.*fastcgi/,
    row: /POST with(?! a body$)/,
    environ: { CONTENT_TYPE: 'application/x-www-form-urlencoded' },
    why: 'Caddy says so of every body without a type, and it looks like one that the visitor has sent',
  },
];

/** What of an environ is about the request, and not about the server. */
const COMPARED = new RegExp(
  `^(?:(?:HTTP|CONTENT|REMOTE|AUTH)_.*|REQUEST_(?:METHOD|URI)|QUERY_STRING|SCRIPT_NAME|PATH_INFO|HTTPS
  |SERVER_(?:NAME|ADDR|PORT|PROTOCOL)|wsgi\\.url_scheme|${READ})$`.replaceAll(/\s/g, ''),
);

for (const site of SITES) {
  describeWithServer(site.conf, site.title, () => {
    describe.concurrent.each(['', '/app'])('mounted at %j', (mount) => {
      let port: number;
      let stop: (() => Promise<void>) | undefined;

      beforeAll(async () => {
        const server = await startSite(site, mount);
        port = server.port;
        stop = () => server.stop();
      });
      afterAll(() => stop?.());

      test.each(ROWS)('$name', async (row) => {
        const differences = DIFFERENCES.filter(
          ({ behind, row: only }) => behind.test(site.conf) && (only ?? /^/).test(row.name),
        );
        const { status, body, localPort } = await ask(
          port,
          row.method,
          TARGET,
          row.headers,
          row.body,
        );
        const refused = differences.find((difference) => difference.status !== undefined);
        expect(status, body).toBe(refused?.status ?? 200);
        if (refused !== undefined) return;
        const ignored = differences.flatMap((difference) => difference.ignored ?? []);
        const environ = Object.entries(JSON.parse(body) as Variables).filter(
          ([name]) => COMPARED.test(name) && !ignored.some((pattern) => pattern.test(name)),
        );
        expect(Object.fromEntries(environ)).toEqual({
          SCRIPT_NAME: mount,
          PATH_INFO: `${mount === '' ? '/app' : ''}/some path/\xc3\xa9`,
          QUERY_STRING: 'x=1&y=a%20b',
          REQUEST_URI: TARGET,
          REQUEST_METHOD: row.method,
          SERVER_NAME: 'localhost',
          SERVER_PORT: String(port),
          SERVER_PROTOCOL: 'HTTP/1.1',
          SERVER_ADDR: '127.0.0.1',
          REMOTE_ADDR: '127.0.0.1',
          REMOTE_PORT: String(localPort),
          'wsgi.url_scheme': 'http',
          HTTP_HOST: `localhost:${port}`,
          [READ]: 0,
          ...row.environ,
          ...Object.assign({}, ...differences.map((difference) => difference.environ)),
        });
      });
    });
  });
}

afterAll(stopGateways);
