/** Options of gunicorn, uvicorn, node, pm2, nodemon and others, for those who type them out of habit. */

/** What to use instead, and the option of ours that does it. An option that there is not (yet) is not advised. */
const FOREIGN: Readonly<Record<string, readonly [ours: string, how: string]>> = {
  '--host': ['http', '--http HOST:PORT'],
  '--hostname': ['http', '--http HOST:PORT'],
  '--address': ['http', '--http ADDR'],
  '--listen': ['http', '--http ADDR'],
  '--uds': ['http', '--http unix:PATH'],
  '--socket': ['http', '--http unix:PATH, or --fastcgi unix:PATH'],
  '--unix': ['http', '--http unix:PATH, or --fastcgi unix:PATH'],
  '--fd': ['http', '--http fd:N, or --fastcgi fd:N'],
  '--fcgi': ['fastcgi', '--fastcgi ADDR'],
  '--root-path': ['script-name', '--script-name PREFIX'],
  '--base-path': ['script-name', '--script-name PREFIX'],
  '--prefix': ['script-name', '--script-name PREFIX'],
  '--mount': ['script-name', '--script-name PREFIX'],
  '--ssl-certfile': ['cert', '--cert FILE'],
  '--certfile': ['cert', '--cert FILE'],
  '--ssl-keyfile': ['key', '--key FILE'],
  '--keyfile': ['key', '--key FILE'],
  '--watch': ['reload', '--reload'],
  '--dev': ['reload', '--reload'],
  '--graceful-timeout': ['shutdown-timeout', '--shutdown-timeout SECONDS'],
  '--timeout-graceful-shutdown': ['shutdown-timeout', '--shutdown-timeout SECONDS'],
  '--timeout': ['response-timeout', '--response-timeout SECONDS'],
  '--keep-alive': ['idle-timeout', '--idle-timeout SECONDS'],
  '--timeout-keep-alive': ['idle-timeout', '--idle-timeout SECONDS'],
  '--access-logfile': ['access-log', '--access-log [FILE]'],
  '--access-logformat': ['access-log-format', '--access-log-format FORMAT'],
  '--limit-concurrency': ['max-connections', '--max-connections COUNT'],
  '--worker-connections': ['max-connections', '--max-connections COUNT'],
  '--proxy-headers': ['forwarded-allow-ips', '--forwarded-allow-ips PEER'],
  '--umask': ['socket-mode', '--socket-mode MODE'],
  '--chmod-socket': ['socket-mode', '--socket-mode MODE'],
  '--quiet': ['log-level', '--log-level warn'],
  '-q': ['log-level', '--log-level warn'],
  '--verbose': ['log-level', '--log-level debug'],
  '--debug': ['log-level', '--log-level debug'],
  '-v': ['version', '--version, or --log-level debug'],
};

/** Options with which nothing of ours can be meant: how it is done all the same. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  '--max-requests':
    'a process serves any number of requests; how many at once is --max-concurrent-requests COUNT',
  '--daemon': 'it stays in the foreground: let a service manager start it (postern conf systemd)',
  '-D': 'it stays in the foreground: let a service manager start it (postern conf systemd)',
  '--daemonize':
    'it stays in the foreground: let a service manager start it (postern conf systemd)',
  '--env': 'variables come from the environment: NAME=VALUE postern APP',
  '-e': 'variables come from the environment: NAME=VALUE postern APP',
  '--factory': 'a promise may be exported: export default await create()',
};

/**
 * The end of a message on an unknown option that another program has.
 *
 * @param known the options that there are, by name
 */
export function foreignFlag(
  typed: string,
  known: ReadonlyMap<string, unknown>,
): string | undefined {
  if (!known.has('fastcgi')) return undefined; // not the options of the command itself
  const [ours, how] = Object.hasOwn(FOREIGN, typed) ? FOREIGN[typed]! : [];
  if (ours !== undefined && known.has(ours)) return `; use ${how}`;
  return Object.hasOwn(ELSEWHERE, typed) ? `: ${ELSEWHERE[typed]}` : undefined;
}
