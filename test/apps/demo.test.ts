/** The demo application. */

import { expect, test } from 'vitest';

import { demoApp, validator } from '../../src/index.ts';
import { testClient } from '../../src/testing/index.ts';

test('greets, and lists the environ, sorted', async () => {
  const response = await testClient(validator(demoApp)).get("/it's?a=b", {
    environ: { HTTP_X_OWN: '\x1b[31mred\n' },
  });
  expect(response.status).toBe(200);
  expect(response.headers.get('Content-Type')).toBe('text/plain; charset=utf-8');
  const [greeting, empty, ...lines] = response.text().split('\n');
  expect([greeting, empty, lines.pop()]).toEqual(['Hello world!', '', '']);
  expect(lines).toContain(`PATH_INFO = "/it's"`);
  expect(lines).toContain("QUERY_STRING = 'a=b'");
  expect(lines).toContain('wsgi.version = [ 1, 0 ]');
  // One line each, whatever is in it.
  expect(lines).toContain(String.raw`HTTP_X_OWN = '\x1B[31mred\n'`);
  const names = lines.map((line) => /^(\S+) = ./.exec(line)![1]!);
  expect(names).toEqual(names.toSorted());
  expect(names).toContain('postern.gateway');
});
