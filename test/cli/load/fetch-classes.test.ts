/** Fetch handlers that extend, keep or change the platform's classes when they are loaded: the command replaces the globals. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { CommandProcess } from '../process.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'postern-fetch-'));
  const part = `
    export class Imported extends Request { get isImported() { return true; } }
    export const KeptRequest = Request;
  `;
  writeFileSync(join(folder, 'part.mjs'), part);
});
afterAll(() => rmSync(folder, { recursive: true }));

const TOP = `
  import { Imported, KeptRequest } from './part.mjs';
  class Own extends Request {
    constructor(input, init) { super(input, init); this.own = 'own'; }
    get path() { return new URL(this.url).pathname; }
  }
  class OwnResponse extends Response { get own() { return 'own'; } }
  class OwnHeaders extends Headers { get own() { return 'own'; } }
  const kept = { fetch };
`;

/** What the module does at load, what the handler gives for its request, and what that is. */
const CASES: [name: string, atLoad: string, expression: string, expected: unknown][] = [
  [
    'a class that extends Request',
    '',
    '((own) => own.path + own.own)(new Own(request))',
    '/a/bown',
  ],
  [
    'its body, method and headers',
    '',
    '(async (own) => [own.method, own.headers.get("x-a"), await own.text()])(new Own(request))',
    ['POST', '1', 'body'],
  ],
  [
    'instanceof',
    '',
    `((own) => [request instanceof Request, request instanceof Own, own instanceof Own,
      own instanceof Request, own instanceof KeptRequest])(new Own(request))`,
    [true, false, true, true, true],
  ],
  ['init', '', 'new Own(request, { method: "PUT", body: "x" }).method', 'PUT'],
  ['its clone', '', 'new Own(request).clone().text()', 'body'],
  ['an imported class', '', 'new Imported(request).isImported', true],
  [
    'an imported alias',
    '',
    'new KeptRequest(request, { headers: { a: "b" } }).headers.get("a")',
    'b',
  ],
  ['Request', '', 'new Request(request).text()', 'body'],
  ['a Request as init', '', 'new Request("http://b.test/c", request).text()', 'body'],
  ['a class made later', '', 'new (class extends Request {})(request).text()', 'body'],
  ['clone', '', 'request.clone().text()', 'body'],
  ['structuredClone', '', 'structuredClone(request)', {}],
  ['a class that extends Response', '', 'new OwnResponse("x").own', 'own'],
  ['is a Response', '', 'new OwnResponse("x") instanceof Response', true],
  [
    'a class that extends Headers',
    '',
    '[new OwnHeaders(request.headers).get("x-a"), new OwnHeaders().own]',
    ['1', 'own'],
  ],
  [
    'a method that is replaced',
    'Request.prototype.text = async () => "replaced";',
    'request.text()',
    'replaced',
  ],
  [
    'a method that is wrapped',
    'const { text } = Request.prototype; Request.prototype.text = async function () { return (await text.call(this)) + "!"; };',
    'request.text()',
    'body!',
  ],
  [
    'a method that is added',
    'Request.prototype.where = function () { return this.url.slice(-4); };',
    'request.where()',
    '/a/b',
  ],
  [
    'one that is wrapped in the handler',
    '',
    '(Request.prototype.json = async () => 1, request.json())',
    1,
  ],
];

const REQUEST = {
  REQUEST_METHOD: 'POST',
  REQUEST_URI: '/a/b',
  PATH_INFO: '/a/b',
  HTTP_HOST: 'a.test',
  HTTP_X_A: '1',
  CONTENT_LENGTH: '4',
};

async function answerTo(source: string, variables: Record<string, string> = {}): Promise<unknown> {
  const file = join(folder, `app-${Math.random()}.mjs`);
  writeFileSync(file, source);
  const command = new CommandProcess([file, '--cgi'], {
    env: { ...REQUEST, ...variables },
    stdio: ['pipe'],
  });
  command.child.stdin!.end('body');
  const { stdout, stderr } = await command.ended;
  expect(stderr).toBe('');
  return JSON.parse(stdout.slice(stdout.indexOf('\r\n\r\n') + 4));
}

test.each(CASES)('%s', async (_, atLoad, expression, expected) => {
  const answer = await answerTo(`${TOP} ${atLoad}
    export default { fetch: async (request) => Response.json(await (${expression})) };`);
  expect(answer).toEqual(expected);
});

// The file that is named says nothing of Fetch: what it imports is not looked into.
test.each([
  ['a class that extends Request', '(request) => new Own(request).text()'],
  ['a Request that was kept', '(request) => new Kept(request).text()'],
])('of a module that is exported again: %s', async (_, handler) => {
  const part = `part-${Math.random()}.mjs`;
  writeFileSync(
    join(folder, part),
    `class Own extends Request {}
    const Kept = Request;
    const answer = ${handler};
    export default { fetch: async (request) => Response.json(await answer(request)) };`,
  );
  expect(await answerTo(`export { default } from './${part}';`)).toBe('body');
});

test('a response of a class that extends Response is sent', async () => {
  const answer = await answerTo(`${TOP}
    export default { fetch: () => new OwnResponse('[1]', { headers: { 'x-b': '2' } }) };`);
  expect(answer).toEqual([1]);
});

test('a fetch that was kept takes the request', async () => {
  const server = createServer(
    (req, res) => void res.end(JSON.stringify(`${req.method} ${req.url}`)),
  );
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  const answer = await answerTo(
    `${TOP} export default { fetch: async (request) => kept.fetch(request) };`,
    { HTTP_HOST: `127.0.0.1:${port}` },
  );
  expect(answer).toBe('POST /a/b');
  server.close();
});

test('a module that names nothing of Fetch does not load it', async () => {
  const answer = await answerTo(`
    export default (environ, startResponse) => {
      startResponse('200 OK', []);
      return [JSON.stringify(process.moduleLoadList.some((name) => name.includes('undici/undici')))];
    };`);
  expect(answer).toBe(false);
});
