import { expect, test } from 'vitest';

import { checkHeaders } from '../../src/response/headers.ts';
import { addIncremental } from '../../src/response/incremental.ts';
import type { Header } from '../../src/types.ts';

const INCREMENTAL: Header = ['Incremental', '?1'];
const UNBUFFERED: Header = ['X-Accel-Buffering', 'no'];

/** What is added to these headers. */
function added(headers: Header[], frontEnd?: string): readonly Header[] {
  const checked = checkHeaders(headers);
  addIncremental(checked, frontEnd);
  expect(checked.list.slice(0, headers.length)).toEqual(headers);
  return checked.list.slice(headers.length);
}

test.each([
  'text/event-stream',
  'text/event-stream;charset=utf-8',
  'Text/Event-Stream ; charset=UTF-8',
])('%s is passed on piece by piece, and nginx is told so in its own words', (type) => {
  const headers: Header[] = [['content-type', type]];
  for (const frontEnd of ['nginx/1.22.1', 'nginx']) {
    expect(added(headers, frontEnd)).toEqual([INCREMENTAL, UNBUFFERED]);
  }
  for (const frontEnd of [undefined, '', 'Apache/2.4.71', 'lighttpd/1.4.69', 'not nginx']) {
    expect(added(headers, frontEnd)).toEqual([INCREMENTAL]);
  }
});

test.each(['text/plain', 'text/event-streams', 'application/json', 'x; text/event-stream'])(
  '%s is no event stream',
  (type) => expect(added([['Content-Type', type]], 'nginx/1.22.1')).toEqual([]),
);

test('a response without a Content-Type is none', () => {
  expect(added([['X-Type', 'text/event-stream']], 'nginx/1.22.1')).toEqual([]);
});

test('what the application has set stays', () => {
  const type: Header = ['Content-Type', 'text/event-stream'];
  expect(added([type, ['INCREMENTAL', '?0']], 'nginx/1.22.1')).toEqual([UNBUFFERED]);
  expect(added([type, ['x-accel-buffering', 'yes']], 'nginx/1.22.1')).toEqual([INCREMENTAL]);
});
