/** Apache httpd with one shipped file, the modules that file needs, and nothing of the system's own. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';

import {
  WORKER_ACCOUNT,
  isRoot,
  launch,
  prepareSite,
  type PreparedServer,
  type RunningServer,
  type ServerOptions,
} from './launch.ts';

/** Where distributions keep the modules. */
const MODULE_FOLDERS = [
  '/usr/lib/apache2/modules',
  '/usr/lib64/httpd/modules',
  '/usr/lib/httpd/modules',
];

/** Needed whatever is served. */
const BASE_MODULES = ['authz_core', 'headers', 'setenvif'];

/** What each shipped file needs beside them. `mpm_event` where nothing else is said. */
const MODULES: Readonly<Record<string, readonly string[]>> = {
  'cgi.conf': ['cgid', 'alias', 'env'],
  'fcgid.conf': ['fcgid', 'alias'],
  'proxy_fcgi.conf': ['proxy', 'proxy_fcgi'],
  'proxy_scgi.conf': ['proxy', 'proxy_scgi'],
  'proxy_uwsgi.conf': ['proxy', 'proxy_uwsgi'],
  'proxy_http.conf': ['proxy', 'proxy_http'],
};

export interface ApacheOptions extends ServerOptions {
  /** The prefork server with mod_cgi in place of the threaded one with mod_cgid. */
  readonly prefork?: boolean;
  /** Modules that `extra` needs. */
  readonly modules?: readonly string[];
}

export function apacheModuleFolder(): string | undefined {
  return MODULE_FOLDERS.find((folder) => existsSync(folder));
}

/** The names of the modules that a shipped file needs, without `mod_`. */
export function apacheModules(options: ApacheOptions): readonly string[] {
  const modules = [...BASE_MODULES, ...(MODULES[basename(options.conf)] ?? [])];
  const chosen = options.prefork
    ? ['mpm_prefork', ...modules.map((name) => (name === 'cgid' ? 'cgi' : name))]
    : ['mpm_event', ...modules];
  const secure = options.values['cert'] === undefined ? [] : ['ssl', 'rewrite', 'http2'];
  return [...new Set([...chosen, ...secure, ...(options.modules ?? [])])];
}

export async function prepareApache(options: ApacheOptions): Promise<PreparedServer> {
  const { folder, port } = await prepareSite('site.conf', options);
  const modules = apacheModules(options);
  const load = modules.map(
    (name) => `LoadModule ${name}_module ${apacheModuleFolder()}/mod_${name}.so`,
  );
  mkdirSync(join(folder, 'www'));
  writeFileSync(
    join(folder, 'httpd.conf'),
    `
${load.join('\n')}
ServerRoot "${folder}"
DefaultRuntimeDir "${folder}"
PidFile httpd.pid
Mutex "file:${folder}" default
Listen 127.0.0.1:${port}
ServerName localhost
DocumentRoot "${join(folder, 'www')}"
ErrorLog error.log
LogLevel info
${isRoot ? `User ${WORKER_ACCOUNT}\nGroup ${WORKER_ACCOUNT}` : ''}
StartServers 1
${options.prefork ? 'MaxRequestWorkers 8' : 'ThreadsPerChild 32\nMaxRequestWorkers 32\nMinSpareThreads 1\nMaxSpareThreads 32'}
${modules.includes('cgid') ? 'ScriptSock cgid.sock' : ''}
${modules.includes('fcgid') ? 'FcgidIPCDir fcgid\nFcgidProcessTableFile fcgid.shm' : ''}
<Directory "/">
    Require all denied
    AllowOverride None
</Directory>
<Directory "${join(folder, 'www')}">
    Require all granted
</Directory>
${options.extra ?? ''}
${
  // What goes into a virtual host is given one that has other things as well.
  options.values['part'] === 'location'
    ? `<VirtualHost 127.0.0.1:${port}>
    ServerName localhost
    Include site.conf
    <Location "/beside">
        Require all denied
    </Location>
</VirtualHost>`
    : 'Include site.conf'
}
`,
  );
  const args = ['-d', folder, '-f', 'httpd.conf'];
  return {
    folder,
    port,
    command: 'apache2',
    startArgs: [...args, '-D', 'FOREGROUND'],
    checkArgs: [...args, '-t'],
    env: options.env,
    // Until its daemon has started, mod_cgid answers 503.
    ...(modules.includes('cgid') ? { helperSocket: 'cgid.sock' } : {}),
  };
}

export async function startApache(options: ApacheOptions): Promise<RunningServer> {
  return launch(await prepareApache(options));
}
