/** The front ends that `postern conf` knows: their files, and what is usual with them. */

import { findAccount } from '../accounts.ts';

const DOCKERFILE = ['docker/Dockerfile'];
const UNITS = ['systemd/postern.service', 'systemd/postern.socket'];

/** The files under `conf/` by front end and gateway. The first gateway is the one taken by default. */
export const FILES: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  nginx: {
    fastcgi: ['nginx/fastcgi.conf'],
    scgi: ['nginx/scgi.conf'],
    uwsgi: ['nginx/uwsgi.conf'],
    http: ['nginx/http.conf'],
  },
  apache: {
    fastcgi: ['apache/proxy_fcgi.conf'],
    scgi: ['apache/proxy_scgi.conf'],
    uwsgi: ['apache/proxy_uwsgi.conf'],
    http: ['apache/proxy_http.conf'],
    cgi: ['apache/cgi.conf'],
    fcgid: ['apache/fcgid.conf'],
  },
  lighttpd: {
    fastcgi: ['lighttpd/fastcgi.conf'],
    'fastcgi-spawn': ['lighttpd/fastcgi-spawn.conf'],
    scgi: ['lighttpd/scgi.conf'],
    uwsgi: ['lighttpd/uwsgi.conf'],
    http: ['lighttpd/proxy.conf'],
    cgi: ['lighttpd/cgi.conf'],
  },
  haproxy: { fastcgi: ['haproxy/fastcgi.cfg'], http: ['haproxy/http.cfg'] },
  caddy: { fastcgi: ['caddy/Caddyfile.fastcgi'], http: ['caddy/Caddyfile.http'] },
  systemd: { fastcgi: UNITS, scgi: UNITS, uwsgi: UNITS, http: UNITS },
  docker: { http: DOCKERFILE, fastcgi: DOCKERFILE, scgi: DOCKERFILE, uwsgi: DOCKERFILE },
  kubernetes: { fastcgi: ['kubernetes/fastcgi.yaml'], http: ['kubernetes/http.yaml'] },
};

/** These serve an application under all names when none is given. */
export const NAMELESS: readonly string[] = ['lighttpd', 'haproxy', 'caddy'];

/** What starts the application, and is not a web server: there is one of it however many sites there are. */
export const STARTERS: readonly string[] = ['systemd', 'docker', 'kubernetes'];

/** What runs the application in an image: paths there are not those of this machine. */
export const IMAGES: readonly string[] = ['docker', 'kubernetes'];

/** Where an application listens by default: the usual port of the protocol. */
export function usualAddress(gateway: string): string {
  const ports: Readonly<Record<string, number>> = { http: 8000, scgi: 4000, uwsgi: 3031 };
  return `127.0.0.1:${ports[gateway] ?? 9000}`;
}

/** The accounts of the web servers in the distributions. Debian has www-data whatever is installed, hence last. */
const ACCOUNTS: Readonly<Record<string, readonly string[]>> = {
  nginx: ['nginx', 'www-data', 'http'],
  apache: ['apache', 'www-data', 'http'],
  lighttpd: ['lighttpd', 'www-data', 'http'],
  haproxy: ['haproxy'],
  caddy: ['caddy'],
  // Of the web server that connects to the socket of the units.
  systemd: ['nginx', 'www-data', 'apache', 'http', 'caddy', 'haproxy', 'lighttpd'],
};

/** The account of a front end on this machine; what is usual for it where there is none. */
export function accountOf(
  frontEnd: string,
  exists = (name: string): boolean => findAccount(name) !== undefined,
): string {
  const usual = ACCOUNTS[frontEnd] ?? ['www-data'];
  return usual.find(exists) ?? (usual.includes('www-data') ? 'www-data' : usual[0]!);
}
