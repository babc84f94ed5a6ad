/** Text of a Response: the same bytes whether it is encoded here or left to the gateway. */

import { expect, it } from 'vitest';

import { fromFetch, fromFetchForCommand } from '../../../src/apps/fetch/fetch.ts';
import type { ApplicationFunction } from '../../../src/types.ts';
import { setupTestingDefaults } from '../../../src/testing/defaults.ts';
import { get } from '../kit.ts';

function answer(request: Request): Response {
  const text = decodeURIComponent(new URL(request.url).search.slice(1));
  return new Response(text.repeat(Number(request.headers.get('x-times') ?? 1)));
}

function bodyOf(app: ApplicationFunction): unknown {
  return app(setupTestingDefaults({}), () => () => undefined);
}

const encoded = fromFetch(answer);
const kept = fromFetchForCommand(answer);

it.each([
  ['none', '', 1],
  ['a letter', 'x', 1],
  ['letters of several bytes', 'Grüße, 世界 🌍', 1],
  ['a long text', 'a long text. ', 5000],
  ['a long one of several bytes', 'Grüße, 世界 🌍', 5000],
])('%s', async (_, text, times) => {
  const request = {
    target: `/?${encodeURIComponent(text)}`,
    headers: [['X-Times', String(times)]] as const,
  };
  const [one, other] = [await get(encoded, request), await get(kept, request)];
  expect(other.text).toBe(text.repeat(times));
  expect([other.status, other.headers]).toEqual([one.status, one.headers]);
  expect(other.body.equals(one.body)).toBe(true);
  expect(other.header('content-length')).toBe(String(Buffer.byteLength(text) * times));
  expect(other.header('content-type')).toBe('text/plain;charset=UTF-8');
});

it('is encoded where something may stand between', () => {
  const light = fromFetch(() => new Response('x'), { lightObjects: true });
  expect(bodyOf(light)).toEqual([Buffer.from('x')]);
  expect(bodyOf(fromFetchForCommand(() => new Response('x')))).toEqual(['x']);
});
