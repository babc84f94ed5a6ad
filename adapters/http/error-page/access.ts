/**
 * Who may see an error of the application: a browser on this machine, that has asked this server for a page, and no
 * one for whom somebody else asks. Everything is read from the socket and from the request as it came, for
 * the environ may have been changed by a proxy's headers or by the application.
 */

import type { IncomingMessage } from 'node:http';
import { isIPv4 } from 'node:net';

import { createAllowList } from '../../../src/sockets/allow-list.ts';
import { splitPort } from '../../../src/environ/environ.ts';
import { tellsOfProxy } from './proxy-headers.ts';

/**
 * Whether a request comes from such a browser.
 *
 * @param forwarded names of more headers that proxies set, in lower case
 */
export function isLocalBrowser(request: IncomingMessage, forwarded: readonly string[]): boolean {
  return (
    isLoopback(request.socket.remoteAddress) &&
    isDirect(request) &&
    isLocalHost(request.headers.host ?? '') &&
    !isForwarded(request.rawHeaders, forwarded) &&
    acceptsHtml(request.headers.accept ?? '')
  );
}

/** RFC 1122 § 3.2.1.3, RFC 4291 § 2.5.3. The peer of a unix socket, which has no address, is a web server. */
const isLoopback = createAllowList(['127.0.0.0/8', '::1']);

/**
 * To proxies a target is sent in absolute form (RFC 9112 § 3.2.2), and by some of them, nginx among these, HTTP/1.0;
 * by browsers neither.
 */
function isDirect(request: IncomingMessage): boolean {
  return request.url!.startsWith('/') && request.httpVersionMinor > 0;
}

/**
 * A name that resolves to this machine alone, whoever answers for it (RFC 6761 § 6.3): under any other a page of
 * somebody else's could read what we answer, once that name's address has been changed to ours (DNS rebinding).
 */
function isLocalHost(host: string): boolean {
  const name = splitPort(host)[0].toLowerCase();
  return (
    name === '[::1]' ||
    (isIPv4(name) && isLoopback(name)) ||
    /^(?:[a-z0-9-]+\.)*localhost$/.test(name)
  );
}

function isForwarded(rawHeaders: readonly string[], more: readonly string[]): boolean {
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!.toLowerCase().replaceAll('_', '-');
    if (tellsOfProxy(name) || more.includes(name)) return true;
  }
  return false;
}

/** Whether HTML is asked for by name (RFC 9110 § 12.5.1): `*` + `/*` is what programs say. */
function acceptsHtml(accept: string): boolean {
  return accept.split(',').some((range) => {
    const [type, ...parameters] = range.split(';').map((part) => part.trim().toLowerCase());
    return (
      type === 'text/html' && !parameters.some((parameter) => /^q=0(?:\.0*)?$/.test(parameter))
    );
  });
}
