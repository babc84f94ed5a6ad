/** Cookies of the test client. */

import { describe, expect, test } from 'vitest';

import { CookieJar } from '../../src/testing/index.ts';

describe('cookies', () => {
  test('the last value of a name and path counts', () => {
    const cookies = new CookieJar();
    cookies.store(['a=1', 'b=2; Path=/', 'a = 3 ; HttpOnly'], '/');
    expect(cookies.header('/', false)).toBe('a=3; b=2');
  });

  test('the longer path comes first, and counts only below itself', () => {
    const cookies = new CookieJar();
    cookies.store(
      ['a=root; Path=/', 'a=sub; Path=/sub', 'b=folder', 'c=odd; Path=odd'],
      '/sub/x?y=/z/',
    );
    expect(cookies.header('/sub/x', false)).toBe('a=sub; b=folder; c=odd; a=root');
    expect(cookies.header('/subway', false)).toBe('a=root');
    expect(cookies.get('a')).toBe('root');
    expect(cookies.get('a', '/sub')).toBe('sub');
    expect(cookies.get('b')).toBeUndefined();
  });

  test('end by Max-Age, before Expires', () => {
    const cookies = new CookieJar();
    const past = 'Expires=Thu, 01 Jan 1970 00:00:00 GMT';
    cookies.store(['a=1', 'b=1', 'c=1', 'd=1'], '/');
    cookies.store(
      [`a=2; ${past}`, 'b=2; Max-Age=0', `c=2; Max-Age=60; ${past}`, 'd=2; Max-Age=x; Expires=x'],
      '/',
    );
    expect(cookies.header('/', false)).toBe('c=2; d=2');
  });

  test('Secure ones go over https alone', async () => {
    const cookies = new CookieJar();
    cookies.store(['a=1; Secure'], '/');
    expect(cookies.header('/', false)).toBeUndefined();
    expect(cookies.header('/', true)).toBe('a=1');
  });

  test('can be set and cleared; what is none is ignored', () => {
    const cookies = new CookieJar();
    cookies.store(['=nameless', ''], '/');
    expect(cookies.header('/', true)).toBeUndefined();
    cookies.set('a', '1');
    expect(cookies.header('/x', false)).toBe('a=1');
    cookies.clear();
    expect(cookies.header('/x', false)).toBeUndefined();
  });
});
