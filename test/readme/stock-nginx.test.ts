/**
 * The recipes of conf/README.md for nginx, followed as they are written: on the nginx of the distribution, with its own site,
 * while it is running, over IPv4 and IPv6.
 */
import { expect, test } from 'vitest';

import { describeWithServer } from '../servers/availability.ts';
import { canIsolate } from '../servers/stock.ts';
import { follow, hello, plain, redirected, secure, status } from './follow.ts';

const NGINX = {
  heading: '### nginx',
  copied: ['/etc/nginx', '/var/log/nginx', '/var/lib/nginx', '/var/www'],
  start: ['nginx'],
  stop: 'nginx -s stop',
};

/** Debian's site has what no other site has; there is nothing of this name. */
const OTHER = status('127.0.0.1', 'other.example');

// Namespaces are for root, and not in every container.
describeWithServer(['nginx', 'curl', 'ip'], 'nginx as Debian has installed it', () => {
  test.skipIf(!canIsolate)('a site beside the one of the distribution', () => {
    const asks = [plain('127.0.0.1', 'example.org'), plain('[::1]', 'example.org'), OTHER];
    expect(follow(NGINX, 0, asks)).toEqual([hello('/x'), hello('/x', '::1'), '404']);
  });

  test.skipIf(!canIsolate)('a site with HTTPS', () => {
    const asks = [
      secure('127.0.0.1', 'example.org'),
      secure('[::1]', 'www.example.org'),
      redirected('[::1]', 'www.example.org', '/x?y'),
      OTHER,
    ];
    expect(follow(NGINX, 1, asks)).toEqual([
      `${hello('/x')}\n over 2`,
      `${hello('/x', '::1')}\n over 2`,
      '301 https://www.example.org/x?y',
      '404',
    ]);
  });

  test.skipIf(!canIsolate)('two applications in the site of the distribution', () => {
    const asks = [
      plain('127.0.0.1', 'other.example', '/shop/x'),
      plain('127.0.0.1', 'other.example', '/blog'),
      plain('[::1]', 'other.example', '/blog/y'),
      OTHER,
    ];
    expect(follow(NGINX, 2, asks)).toEqual([hello('/x'), hello(''), hello('/y', '::1'), '404']);
  });
});
