/**
 * The recipes of conf/README.md for web servers, followed as they are written: on the server of the distribution, with its own
 * site, while it is running, over IPv4 and IPv6.
 */
import { describe, expect, test } from 'vitest';

import { describeWithServer } from '../servers/availability.ts';
import { canIsolate } from '../servers/stock.ts';
import {
  follow,
  hello,
  plain,
  redirected,
  run,
  secure,
  status,
  type StockServer,
} from './follow.ts';

const CADDY_ACCOUNT =
  'setpriv --reuid caddy --regid caddy --init-groups --inh-caps=+net_bind_service --ambient-caps=+net_bind_service';

const SERVERS = {
  nginx: {
    heading: '### nginx',
    copied: ['/etc/nginx', '/var/log/nginx', '/var/lib/nginx', '/var/www'],
    start: ['nginx'],
    stop: 'nginx -s stop',
  },
  apache: {
    heading: '### Apache',
    copied: ['/etc/apache2', '/var/lib/apache2', '/var/log/apache2', '/var/www'],
    start: ['mkdir /run/lock', 'service apache2 start >&2'],
    stop: 'service apache2 stop',
  },
  haproxy: {
    heading: '### HAProxy',
    copied: ['/etc/haproxy', '/etc/default', '/var/lib/haproxy'],
    start: ['service haproxy start >&2'],
    stop: 'service haproxy stop',
  },
  lighttpd: {
    heading: '### lighttpd',
    copied: ['/etc/lighttpd', '/var/log/lighttpd', '/var/cache/lighttpd', '/var/www'],
    start: ['service lighttpd start >&2'],
    stop: 'service lighttpd stop',
  },
  // The package has a unit of systemd alone.
  caddy: {
    heading: '### Caddy',
    copied: ['/etc/caddy', '/var/lib/caddy'],
    start: [
      `HOME=/var/lib/caddy ${CADDY_ACCOUNT} caddy run --environ --config /etc/caddy/Caddyfile >&2 &`,
      'until_up curl -s http://127.0.0.1/',
    ],
    stop: 'caddy stop',
  },
} as const satisfies Readonly<Record<string, StockServer>>;

const NEEDS = {
  nginx: 'nginx',
  apache: 'apache/proxy_fcgi.conf',
  haproxy: 'haproxy',
  lighttpd: 'lighttpd',
  caddy: 'caddy',
};

const FOUR = '127.0.0.1';
const SIX = '[::1]';

/** Which recipe is which. */
const SITE = { nginx: 0, apache: 1, haproxy: 0, lighttpd: 0, caddy: 0 };
const HTTPS = { nginx: 1, apache: 2, haproxy: 1, lighttpd: 1, caddy: 1 };
const LOCATION = { nginx: 2, apache: 3, lighttpd: 2, caddy: 2 };

/** mod_proxy_fcgi is without HTTP/2: it would hang where a response breaks off. */
const VERSION = { nginx: '2', apache: '1.1', haproxy: '2', lighttpd: '2', caddy: '2' };

type Name = keyof typeof SERVERS;

const STOCK = canIsolate
  ? 'as Debian has installed it'
  : 'as Debian has installed it (skipped: namespaces cannot be made here)';

describe.each(Object.keys(SERVERS) as Name[])('%s', (name) => {
  const server = SERVERS[name];
  // The distribution's own site answers for other names. HAProxy has none.
  const beside = name === 'haproxy' ? [] : [status(FOUR, 'other.example')];
  const besideAnswers = beside.map(() => '404');

  describeWithServer([NEEDS[name], 'curl', 'ip'], STOCK, () => {
    test.skipIf(!canIsolate || name === 'caddy')(
      'a site beside the one of the distribution',
      () => {
        const asks = [plain(FOUR, 'example.org'), plain(SIX, 'example.org'), ...beside];
        const answers = [hello('/x'), hello('/x', '::1'), ...besideAnswers];
        expect(follow(server, SITE[name], asks)).toEqual(answers);
      },
    );

    test.skipIf(!canIsolate)('a site with HTTPS', () => {
      const answers = follow(server, HTTPS[name], [
        secure(FOUR, 'example.org'),
        secure(SIX, 'www.example.org'),
        redirected(SIX, 'www.example.org', '/x%20%C3%A9?y=%20&z'),
        ...beside,
      ]);
      expect(answers).toEqual([
        `${hello('/x')}\n over ${VERSION[name]}`,
        `${hello('/x', '::1')}\n over ${VERSION[name]}`,
        `301 https://www.example.org/x%20%C3%A9?y=%20&z`,
        ...besideAnswers,
      ]);
    });

    test.skipIf(!canIsolate || name === 'haproxy')('two applications in a site', () => {
      if (name === 'haproxy') return;
      const answers = follow(server, LOCATION[name], [
        plain(FOUR, 'example.org', '/shop/x'),
        plain(FOUR, 'example.org', '/blog'),
        plain(SIX, 'example.org', '/blog/y'),
        status(FOUR, 'example.org', '/shopping'),
      ]);
      expect(answers).toEqual([hello('/x'), hello(''), hello('/y', '::1'), '404']);
    });
  });
});

/** Where a configuration goes, and how the server is told of it. */
const INSTALLING = {
  nginx: ['/etc/nginx/conf.d/app.conf', 'nginx -t && nginx -s reload'],
  apache: ['/etc/apache2/sites-enabled/app.conf', 'apachectl configtest && apachectl graceful'],
  haproxy: [
    '/etc/haproxy/app.cfg',
    `echo 'EXTRAOPTS="-f /etc/haproxy/app.cfg"' >> /etc/default/haproxy; service haproxy restart >&2`,
  ],
  lighttpd: ['/etc/lighttpd/conf-enabled/app.conf', 'service lighttpd restart'],
  caddy: ['/etc/caddy/Caddyfile', 'caddy reload --config /etc/caddy/Caddyfile'],
} as const;

/** The ways to the application for which there is no recipe. */
const OTHERS: Readonly<Record<Name, readonly string[]>> = {
  nginx: ['scgi', 'uwsgi', 'http'],
  apache: ['scgi', 'uwsgi', 'http', 'fcgid'],
  haproxy: ['http'],
  lighttpd: ['scgi', 'uwsgi', 'http', 'cgi', 'fastcgi-spawn'],
  caddy: ['http'],
};

describe.each(Object.keys(SERVERS) as Name[])('%s, another gateway', (name) => {
  describeWithServer([NEEDS[name], 'curl', 'ip'], STOCK, () => {
    test.skipIf(!canIsolate).each(OTHERS[name])('%s', (gateway) => {
      const [file, telling] = INSTALLING[name];
      const isStarted = ['fcgid', 'cgi', 'fastcgi-spawn'].includes(gateway); // by the server
      const address =
        gateway === 'fastcgi-spawn' ? 'unix:/run/lighttpd/app.sock' : '127.0.0.1:7000';
      const options = [
        `--gateway ${gateway} --server-name example.org`,
        ...(gateway === 'fcgid' || gateway === 'cgi' ? [] : [`--address ${address}`]),
        ...(name === 'caddy' ? ['--listen 80'] : []),
      ].join(' ');
      const lines = [
        ...(name === 'apache'
          ? [`a2enmod headers ${gateway === 'fcgid' ? '' : `proxy_${gateway}`}`]
          : []),
        `chmod +x /srv/app/app.mjs`,
        `postern conf ${name} /srv/app/app.mjs ${options} 2>/run/head >> ${file}`,
        telling,
        // As the head of the file says.
        ...(isStarted
          ? []
          : [
              `sh -c "exec $(grep -o 'postern /srv.* --${gateway} .*' /run/head)" &`,
              `until_up node -e "net.connect(7000).on('connect', () => process.exit())"`,
            ]),
      ];
      const asks = [plain(FOUR, 'example.org'), plain(SIX, 'example.org')];
      expect(run(SERVERS[name], lines, asks)).toEqual([hello('/x'), hello('/x', '::1')]);
    });
  });
});

describeWithServer(['apache/cgi.conf', 'curl', 'ip'], `Apache ${STOCK}`, () => {
  test.skipIf(!canIsolate)('a program in a cgi-bin', () => {
    const asks = [
      plain(FOUR, 'example.org'),
      plain(SIX, 'example.org'),
      status(FOUR, 'other.example'),
    ];
    const answers = [hello('/x'), hello('/x', '::1'), '404'];
    expect(follow(SERVERS.apache, 0, asks)).toEqual(answers);
  });
});

describeWithServer(['caddy', 'curl', 'ip'], `Caddy ${STOCK}`, () => {
  test.skipIf(!canIsolate)('a site with a certificate that Caddy gets', () => {
    const asks = [
      redirected(FOUR, 'example.org', '/x?y'),
      redirected(SIX, 'example.org', '/'),
      status(FOUR, 'other.example'),
    ];
    expect(follow(SERVERS.caddy, 0, asks)).toEqual([
      '308 https://example.org/x?y',
      '308 https://example.org/',
      '404',
    ]);
  });

  const CONF = 'postern conf caddy /srv/app/app.mjs';
  const RELOAD = 'caddy reload --config /etc/caddy/Caddyfile';
  const SERVE = 'postern /srv/app/app.mjs --fastcgi 127.0.0.1:9000';

  test.skipIf(!canIsolate)(
    'a site on port 80 beside that of the package, which has the other names',
    () => {
      const lines = [
        `${CONF} --server-name example.org --listen 80 >> /etc/caddy/Caddyfile`,
        RELOAD,
        SERVE,
      ];
      const asks = Array.from({ length: 20 }, () => [
        plain(FOUR, 'example.org'),
        plain(SIX, 'example.org'),
        status(SIX, 'other.example'),
      ]).flat();
      const answers = Array.from({ length: 20 }, () => [
        hello('/x'),
        hello('/x', '::1'),
        '404',
      ]).flat();
      expect(run(SERVERS.caddy, lines, asks)).toEqual(answers);
    },
  );

  test.skipIf(!canIsolate)('a site for all names in place of that of the package', () => {
    const asks = [plain(FOUR, 'example.org'), plain(SIX, 'other.example')];
    const answers = [hello('/x'), hello('/x', '::1')];
    expect(run(SERVERS.caddy, [`${CONF} > /etc/caddy/Caddyfile`, RELOAD, SERVE], asks)).toEqual(
      answers,
    );
  });
});

describeWithServer(['haproxy', 'curl', 'ip'], `HAProxy ${STOCK}`, () => {
  // Debian's haproxy.cfg says `chroot /var/lib/haproxy`.
  test.skipIf(!canIsolate)('a unix socket below its root folder', () => {
    const lines = [
      'postern conf haproxy /srv/app/app.mjs --address unix:/run/app.sock > /etc/haproxy/app.cfg',
      `echo 'EXTRAOPTS="-f /etc/haproxy/app.cfg"' >> /etc/default/haproxy`,
      'service haproxy restart >&2',
      'mkdir /var/lib/haproxy/run',
      'postern /srv/app/app.mjs --fastcgi unix:/var/lib/haproxy/run/app.sock --socket-group haproxy',
    ];
    expect(run(SERVERS.haproxy, lines, [plain(FOUR, 'example.org')])).toEqual([hello('/x')]);
  });
});
