/** Gateways behind real web servers, which run the shipped configuration. */

import { cpSync } from 'node:fs';
import { join, relative } from 'node:path';

import type { ServerName } from '../../../src/cli/registry.ts';
import { startApache } from '../../servers/apache.ts';
import { startHaproxy } from '../../servers/haproxy.ts';
import type { RunningServer, ServerOptions } from '../../servers/launch.ts';
import { startNginx } from '../../servers/nginx.ts';
import { stagePackage, stageProgram } from '../../servers/staging.ts';
import { openHttp } from '../http-client.ts';
import type { Driver } from '../types.ts';
import { startGateway } from './gateway.ts';

/** A gateway behind a front end: a {@link Driver} but for how it is started. */
interface FrontEnd extends Omit<Driver, 'start'> {
  /** The file under `conf/`. */
  readonly conf: string;
  /** Its values beside those that every file is filled in with. */
  readonly values?: Readonly<Record<string, string>>;
  start(options: ServerOptions): Promise<RunningServer>;
  /** What it logs on behalf of the application is the first group. */
  readonly reports?: RegExp;
}

const COMMON: Driver['cannot'] = {
  shortUpload: 'the front end gives such a request up',
  excessUpload: 'what follows a request on its connection is the next request',
};

const NGINX: Driver['cannot'] = {
  ...COMMON,
  partialUpload: 'nginx takes in the whole upload before it turns to the application',
  duplex: 'nginx sends no more of an upload once the response has begun',
};

const APACHE: Driver['cannot'] = {
  ...COMMON,
  repeats: 'Apache joins the values of a header that is repeated',
  idleDeparture: 'Apache tells nobody before the application sends something',
};

export const nginxFastCgi = behind({
  name: 'FastCGI behind nginx, on kept connections',
  gateway: 'fastcgi',
  conf: 'nginx/fastcgi.conf',
  cannot: NGINX,
  start: startNginx,
  reports: /FastCGI sent in stderr: "(.*?)" while reading/gs,
});

export const apacheFastCgi = behind({
  name: 'FastCGI behind Apache',
  gateway: 'fastcgi',
  conf: 'apache/proxy_fcgi.conf',
  cannot: APACHE,
  start: startApache,
  reports: /AH01071: Got error '(.*)'/g,
});

const HAPROXY: Omit<FrontEnd, 'name'> = {
  gateway: 'fastcgi',
  conf: 'haproxy/fastcgi.cfg',
  cannot: {
    ...COMMON,
    idleDeparture: 'HAProxy tells nobody before the application sends something',
    bare304: 'HAProxy adds a Content-Length of 0',
    unreadUpload:
      'HAProxy 2.6 passes the response on, and then now and then does not close the connection',
  },
  start: startHaproxy,
  // All lines but those of its own access log.
  reports: /^(?!127\.0\.0\.1:\d+ \[)(.+)$/gm,
};

export const haproxyFastCgi = behind({
  ...HAPROXY,
  name: 'FastCGI behind HAProxy, on kept connections',
});

export const haproxyMultiplexed = behind({
  ...HAPROXY,
  name: 'FastCGI behind HAProxy, on multiplexed connections',
  values: { multiplex: 'yes' },
});

export const nginxScgi = behind({
  name: 'SCGI behind nginx',
  gateway: 'scgi',
  conf: 'nginx/scgi.conf',
  cannot: NGINX,
  start: startNginx,
});

export const nginxUwsgi = behind({
  name: 'uwsgi behind nginx',
  gateway: 'uwsgi',
  conf: 'nginx/uwsgi.conf',
  cannot: NGINX,
  start: startNginx,
});

export const nginxHttp = behind({
  name: 'HTTP behind nginx',
  gateway: 'http',
  conf: 'nginx/http.conf',
  cannot: NGINX,
  start: startNginx,
});

/** Apache starts the process, which speaks CGI. */
export const apacheCgi = startedBy({
  name: 'CGI in Apache',
  gateway: 'cgi',
  conf: 'apache/cgi.conf',
  cannot: {
    ...APACHE,
    cut: 'CGI has no way to tell that a response without a length is not complete',
    shortResponse: 'Apache corrects the Content-Length of a program that has ended',
    duplex: 'Apache passes the whole upload to a program before it reads anything from it',
  },
  start: startApache,
  // The program's standard error is Apache's error log; lines of Apache's own begin with the date.
  reports: /^(?!\[\w{3} \w{3} \d\d )(.+)$/gm,
});

/** The gateway is a process of its own, which the front end connects to. */
function behind({ conf, values, start, reports, ...driver }: FrontEnd): Driver {
  return {
    ...driver,
    async start(application) {
      const gateway = driver.gateway as ServerName;
      const process = await startGateway(gateway, application);
      const upstream = `127.0.0.1:${process.port}`;
      const server = await start({ conf, values: { ...values, mount: '', upstream } });
      return {
        open: (request) => openHttp(server.port, request),
        logs: () => [process.log(), reported(server, reports)],
        async stop() {
          await server.stop();
          await process.stop();
        },
      };
    },
  };
}

/** The front end starts the program, under an account of its own. */
function startedBy({ conf, start, reports, ...driver }: FrontEnd): Driver {
  return {
    ...driver,
    async start(application) {
      const { path } = stagePackage();
      const server = await start({
        conf,
        values: { mount: '', app: stageApplication(application), path },
      });
      return {
        open: (request) => openHttp(server.port, request),
        logs: () => [reported(server, reports)],
        stop: () => server.stop(),
      };
    },
  };
}

/** What a front end has logged on behalf of the application. */
function reported(server: RunningServer, reports: RegExp | undefined): string {
  if (reports === undefined) return '';
  return [...server.errorLog().matchAll(reports)].map((match) => `${match[1]}\n`).join('');
}

/**
 * A program that serves an application of the suite, and that another account can run.
 *
 * @param application `path[:export]`
 */
function stageApplication(application: string): string {
  const { root, postern } = stagePackage();
  const suite = join(import.meta.dirname, '..');
  const copy = join(root, 'test/suite');
  cpSync(suite, copy, { recursive: true });
  return stageProgram(`exec '${postern}' '${join(copy, relative(suite, application))}'`);
}
