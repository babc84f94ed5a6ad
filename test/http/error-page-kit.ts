/** Applications that fail, and browsers that ask them. */

import { expect } from 'vitest';

import type { HttpOptions } from '../../adapters/http/index.ts';
import type { Application } from '../../src/index.ts';
import { parse, serve } from './kit.ts';

export const BARE = 'A server error occurred. Please contact the administrator.';

/** What a browser on this machine sends. */
export const BROWSER: Readonly<Record<string, string>> = {
  Host: 'localhost:8000',
  Accept: 'text/html,application/xhtml+xml,*/*;q=0.8',
};

export interface Asked {
  line?: string;
  /** In place of, or beside, those of a browser; without a value: not sent. */
  headers?: Readonly<Record<string, string | undefined>>;
}

export function bytes({ line = 'GET /x HTTP/1.1', headers = {} }: Asked = {}): string {
  const all = Object.entries({ ...BROWSER, Connection: 'close', ...headers });
  const lines = all.flatMap(([name, value]) => (value === undefined ? [] : [`${name}: ${value}`]));
  return [line, ...lines, '', ''].join('\r\n');
}

export const failing: Application = () => {
  throw new Error('the reason');
};

/** Serves an application that fails. @returns the response to one request */
export async function ask(
  asked: Asked = {},
  application: Application = failing,
  options: Partial<HttpOptions> = {},
): Promise<ReturnType<typeof parse> & { errors: string }> {
  const { talk, errors } = await serve(application, { errorPage: true, ...options });
  const response = parse(await talk(bytes(asked)));
  return { ...response, errors: errors.join('') };
}

/** Of an application that throws this. @returns the page */
export async function pageOf(thrown: unknown, asked: Asked = {}): Promise<string> {
  const { status, headers, body } = await ask(asked, () => {
    throw thrown;
  });
  expect(status).toBe('HTTP/1.1 500 Internal Server Error');
  expect(headers).toContain('Content-Type: text/html; charset=utf-8');
  return Buffer.from(body, 'latin1').toString();
}

/** A page without the lines of this file, which have in them what they look for. */
export const withoutSource = (page: string): string =>
  page.replace(/<div class="stack-frame-source">[^]*?<\/li>|<details[^]*?<\/details>/g, '');
