/** `req.url` and `request.url` behind front ends that merge paths. */

import { posix } from 'node:path';

import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { fromFetch } from '../../../src/apps/fetch/fetch.ts';
import { fromNode } from '../../../src/apps/node/node.ts';
import { absoluteUrl, localTarget, requestTarget } from '../../../src/apps/request/target.ts';
import type { Environ } from '../../../src/types.ts';
import { unquotePath } from '../../../src/uri/percent.ts';
import { get } from '../kit.ts';

const node = fromNode((req, res) => void res.end(req.url));
const web = fromFetch((request) => new Response(request.url));

/** What a Node listener and a fetch handler see. */
async function seen(uri: string, script: string, path: string): Promise<[string, string]> {
  const query = uri.includes('?') ? uri.slice(uri.indexOf('?') + 1) : '';
  const variables = {
    REQUEST_URI: uri,
    SCRIPT_NAME: script,
    PATH_INFO: path,
    QUERY_STRING: query,
  };
  const answers = [await get(node, { variables }), await get(web, { variables })];
  return answers.map(({ body }) => body.toString()) as [string, string];
}

describe('a path that the front end has merged', () => {
  // REQUEST_URI, SCRIPT_NAME and PATH_INFO as nginx sends them, and req.url.
  test.each([
    ['/proxy/https://x/y?z', '', '/proxy/https:/x/y', '/proxy/https://x/y?z'],
    ['/app/proxy/https://x', '/app', '/proxy/https:/x', '/proxy/https://x'],
    ['/a/./b', '', '/a/b', '/a/./b'],
    ['/a//', '', '/a/', '/a//'],
    ['/a/.', '', '/a/', '/a/.'],
    ['/a%2F%2Fb//c', '', '/a/b/c', '/a%2F%2Fb//c'],
    ['/app//a%2Fb', '/app', '/a/b', '/a%2Fb'],
    ['//app/.///a//b', '/app', '/a/b', '/a//b'],
    ['/%61pp//a//b', '/app', '/a/b', '/a//b'],
    ['/app/./', '/app', '/', '/'],
    ['//app', '/app', '', '/'],
    ['/app%2Fx', '/app', '/x', '/x'],
    ['/app//%2F/x', '/app', '/x', '/x'],
    // A URL that begins with // has a host.
    ['//evil.test/x', '', '/evil.test/x', '/evil.test/x'],
    ['/app//evil.test//x', '/app', '/evil.test/x', '/evil.test//x'],
    // With .. it is what the front end has made of it.
    ['/admin/../public//x', '', '/public/x', '/public/x'],
    ['/a/%2e%2E//b', '', '/b', '/b'],
    ['/a%2F..%2Fb', '', '/b', '/b'],
    ['/app/../app//x', '/app', '/x', '/x'],
    // What the front end has rewritten is not undone.
    ['/old//x', '', '/new/x', '/new/x'],
    ['/a/b/', '', '/a/b', '/a/b'],
    ['/a//b', '', '/a/b/', '/a/b/'],
  ])('%s, as %j and %j: %s', async (uri, script, path, expected) => {
    const [url, href] = await seen(uri, script, path);
    expect(url).toBe(expected);
    expect(new URL(href).host).toBe('localhost');
  });

  test('a path that is not merged is as it was sent', async () => {
    // HAProxy sends it so. `new Request()` resolves dots, as every URL does.
    const [url, href] = await seen('//x/./y', '', '//x/./y');
    expect([url, href]).toEqual(['//x/./y', 'http://localhost//x/y']);
  });
});

/** As nginx does it, by other means: decodes, then resolves. */
function merge(raw: string): string {
  return posix.normalize(unquotePath(raw));
}

test('no path gets around a rule that was asked about the merged one', () => {
  const piece = fc.constantFrom(
    '/',
    '//',
    '.',
    '..',
    '%2e',
    '%2F',
    '%2f%2F',
    '/admin',
    'admin',
    'x',
  );
  const raws = fc.array(piece, { maxLength: 8 }).map((pieces) => `/${pieces.join('')}`);
  fc.assert(
    fc.property(raws, fc.constantFrom('', '/admin', '/x'), (raw, mount) => {
      const judged = merge(raw);
      fc.pre(judged === mount || judged.startsWith(`${mount}/`));
      const environ = {
        REQUEST_URI: raw,
        SCRIPT_NAME: mount,
        PATH_INFO: judged.slice(mount.length),
        QUERY_STRING: '',
        HTTP_HOST: 'host',
        'wsgi.url_scheme': 'http',
      } as unknown as Environ;
      const local = localTarget(environ);
      expect(mount + merge(local)).toBe(judged === mount ? `${mount}/` : judged);
      for (const target of [
        local,
        requestTarget(environ),
        new URL(absoluteUrl(environ)).pathname,
      ]) {
        const url = new URL(target, 'http://host');
        expect(url.host).toBe('host');
        const below = target === local ? judged.slice(mount.length) || '/' : judged;
        // As a router reads it that compares it as it is, one that decodes it, and one that makes a URL of it.
        for (const path of [target, unquotePath(target), url.pathname, merge(url.pathname)]) {
          if (/^\/admin(?:\/|$)/.test(path)) expect(below).toMatch(/^\/admin(?:\/|$)/);
        }
      }
    }),
    { numRuns: 20_000 },
  );
});
