/**
 * Who may see an error of the application: a browser on this machine that asks this server directly, not through a
 * proxy. The checks use the socket and the request as it came. The environ would not do: headers of a proxy, or the
 * application, may have changed it.
 */

import type { IncomingMessage } from 'node:http';
import { isIPv4 } from 'node:net';

import { createAllowList } from '../../../src/sockets/allow-list.ts';
import { splitPort } from '../../../src/environ/environ.ts';
import { isProxyHeader } from './proxy-headers.ts';

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

/** RFC 1122 § 3.2.1.3, RFC 4291 § 2.5.3. The peer of a unix socket has no address: it is a web server. */
const isLoopback = createAllowList(['127.0.0.0/8', '::1']);

/**
 * Whether the request looks as browsers send it to an origin server. Clients of a proxy send the target in absolute form
 * (RFC 9112 § 3.2.2). Some proxies, nginx for one, send HTTP/1.0.
 */
function isDirect(request: IncomingMessage): boolean {
  return request.url!.startsWith('/') && request.httpVersionMinor > 0;
}

/**
 * Whether a host name always means this machine (RFC 6761 § 6.3). Under any other name a foreign page could read the
 * answer, after its owner has changed the address of that name to this machine's (DNS rebinding).
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
    if (isProxyHeader(name) || more.includes(name)) return true;
  }
  return false;
}

/** Whether Accept names HTML (RFC 9110 § 12.5.1). Programs send only `*` + `/*`. */
function acceptsHtml(accept: string): boolean {
  return accept.split(',').some((range) => {
    const [type, ...parameters] = range.split(';').map((part) => part.trim().toLowerCase());
    return (
      type === 'text/html' && !parameters.some((parameter) => /^q=0(?:\.0*)?$/.test(parameter))
    );
  });
}
