import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { fromFetch } from '../../../src/apps/fetch/fetch.ts';
import { installLightResponse, lightPartsOf } from '../../../src/apps/fetch/light-response.ts';
import { get } from '../kit.ts';

const Native = globalThis.Response;

beforeAll(installLightResponse);
afterAll(() => void (globalThis.Response = Native));

type Arguments = ConstructorParameters<typeof Response>;

/** Everything that can be asked of a response. */
async function describeResponse(response: Response): Promise<object> {
  const { status, statusText, ok, type, url, redirected, bodyUsed } = response;
  const copy = response.clone();
  return {
    status,
    statusText,
    ok,
    type,
    url,
    redirected,
    bodyUsed,
    headers: [...response.headers],
    hasBody: response.body !== null,
    text: await response.text(),
    usedNow: response.bodyUsed,
    copy: Buffer.from(await copy.arrayBuffer()).toString('latin1'),
  };
}

/** The name of the error that a call throws. */
function errorOf(make: () => unknown): unknown {
  try {
    return make();
  } catch (error) {
    return (error as Error).name;
  }
}

/** Arguments, and whether nothing has to be made for them. */
const CASES: [name: string, args: Arguments, isLight: boolean][] = [
  ['nothing', [], true],
  ['null', [null], true],
  ['text', ['héllo'], true],
  ['an empty text', [''], true],
  ['bytes', [new Uint8Array([1, 255])], true],
  ['a status', ['x', { status: 404 }], true],
  ['no body and 204', [null, { status: 204 }], true],
  ['headers', ['x', { headers: { 'X-A': '1', 'Content-Type': 'text/html' } }], true],
  ['a reason', ['x', { statusText: 'Fine' }], false],
  [
    'pairs of headers',
    [
      'x',
      {
        headers: [
          ['Set-Cookie', 'a=1'],
          ['Set-Cookie', 'b=2'],
        ],
      },
    ],
    false,
  ],
  ['a Headers', ['x', { headers: new Headers({ 'X-A': '1' }) }], false],
  ['spaces to be trimmed', ['x', { headers: { 'X-A': ' 1 ' } }], false],
  ['a form', [new URLSearchParams({ a: '1' })], false],
  ['a blob', [new Blob(['x'], { type: 'text/css' })], false],
  ['a stream', [new Blob(['x']).stream()], false],
];

describe('is as the platform makes it of', () => {
  it.each(CASES)('%s', async (name, args, isLight) => {
    const light = new Response(...args);
    expect(lightPartsOf(light) !== undefined).toBe(isLight);
    // A stream can be given away only once.
    const again = name === 'a stream' ? [new Blob(['x']).stream()] : args;
    const native = new Native(...(again as Arguments));
    expect(await describeResponse(light)).toEqual(await describeResponse(native));
  });

  it.each<[string, Arguments]>([
    ['a status that is none', ['x', { status: 99 }]],
    ['a body with 204', ['x', { status: 204 }]],
    ['a header name that is none', ['x', { headers: { 'a b': '1' } }]],
    ['a header value that is none', ['x', { headers: { a: '1\r\nb: 2' } }]],
    ['a reason that is none', ['x', { statusText: 'a\nb' }]],
  ])('%s: an error', (_, args) => {
    const expected = errorOf(() => new Native(...args));
    expect(expected).toMatch(/Error$/);
    expect(errorOf(() => new Response(...args))).toBe(expected);
  });
});

it('is a Response, and the platform keeps being one', async () => {
  expect(new Response('x')).toBeInstanceOf(Response);
  expect(new Response('x')).toBeInstanceOf(Native);
  expect(new Native('x')).toBeInstanceOf(Response);
  expect(Response.json({ a: 1 })).toBeInstanceOf(Response);
  expect(await Response.json({ a: 1 }).json()).toEqual({ a: 1 });
  expect(Response.redirect('http://a.test/', 302).status).toBe(302);
  expect(Response.name).toBe('Response');
  expect(Object.prototype.toString.call(new Response())).toBe('[object Response]');
});

it('can be extended', async () => {
  class Html extends Response {
    constructor(text: string) {
      super(text, { headers: { 'Content-Type': 'text/html' } });
    }
    get greeting(): string {
      return 'hello';
    }
  }
  const html = new Html('<p>');
  expect(html.greeting).toBe('hello');
  expect(html).toBeInstanceOf(Html);
  expect(new Response('x')).not.toBeInstanceOf(Html);
  expect(html.headers.get('content-type')).toBe('text/html');
  const response = await get(fromFetch(() => new Html('<b>')));
  expect([response.text, response.header('content-type')]).toEqual(['<b>', 'text/html']);
});

it('keeps what was done to its headers', async () => {
  const app = fromFetch(() => {
    const response = new Response('x');
    response.headers.set('X-A', '1');
    return response;
  });
  expect((await get(app)).header('x-a')).toBe('1');
});

it('that was read is no response any more', async () => {
  const app = fromFetch(async () => {
    const response = new Response('x');
    await response.text();
    return response;
  });
  expect((await get(app)).status).toBe(500);
});

it('is left alone unless told otherwise', async () => {
  globalThis.Response = Native;
  await get(fromFetch(() => new Response('x')));
  expect(globalThis.Response).toBe(Native);
  await get(fromFetch(() => new Response('x'), { lightObjects: true }));
  expect(globalThis.Response).not.toBe(Native);
});
