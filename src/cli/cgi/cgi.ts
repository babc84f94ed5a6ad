/**
 * The command as a CGI program.
 *
 * A web server may make arguments from the query string, which the visitor writes (RFC 3875 § 4.4). So only the first
 * argument is read, as the application, and only if no visitor can have sent it: then a shebang or a wrapper has
 * (CVE-2012-1823, CVE-2024-4577). Options come from the environment and the configuration.
 */

import { dirname } from 'node:path';

import { UsageError } from '../../errors.ts';
import { createLog } from '../../logging/log.ts';
import type { Application, GatewayOptions } from '../../types.ts';
import { whyUntrusted } from './arguments.ts';
import { readConfigFile, readPackageConfig } from '../settings/config.ts';
import { loadApplication } from '../load/load-app.ts';
import { resolveApplication } from '../load/resolve.ts';
import type { ApplicationName } from '../load/resolve.ts';
import { gatewayOptions } from '../options/gateway-options.ts';
import { doubtVariables, environmentSource } from '../settings/environment.ts';
import { OPTIONS, OPTION_NAMES, resolveSettings } from '../options/options.ts';
import type { Settings, Source } from '../options/options.ts';
import { loadCgi } from '../registry.ts';
import { reportError, reportLine } from '../report.ts';

/** Settings of a CGI program, and the application that they name. */
export interface CgiSettings extends Settings {
  readonly application: ApplicationName;
}

/**
 * Serves the request that the environment describes. If the application cannot be loaded, the response is an error, and
 * the exit code is 1.
 *
 * @param readSettings called when stdout has been redirected: nothing else can get into the response any more
 */
export async function runCgi(readSettings: () => CgiSettings): Promise<void> {
  const { prepareCgi, runWithCgi } = await loadCgi();
  prepareCgi();
  let settings: CgiSettings | undefined;
  let options: GatewayOptions = {};
  let application: Application;
  try {
    settings = readSettings();
    options = { ...gatewayOptions(settings), accessLog: await openFile(settings) };
    application = await loadApplication(settings.application, settings.interface);
  } catch (error) {
    reportError(error, settings?.logLevel);
    process.exitCode = 1;
    application = unavailable;
  }
  await runWithCgi(application, { ...options, log: createLog(settings?.logLevel) });
}

/** Opens the access log, if there is one. Its code is loaded only then. */
async function openFile(settings: Settings): Promise<GatewayOptions['accessLog']> {
  // Without the option there is none, even at a terminal: a web server may have been started at one.
  const { accessLog: target = false } = settings;
  if (target === false) return undefined;
  if (target === '-')
    throw new UsageError('the access log cannot go to stdout, which is the response');
  const { openAccessLog } = await import('../log/access-log.ts');
  const { log, file } = openAccessLog(settings)!;
  return (entry) => {
    log(entry);
    file?.flush(); // the process is about to end
  };
}

const CGI_OPTIONS = OPTION_NAMES.filter((name) => 'cgi' in OPTIONS[name]);

/**
 * Settings of a process that a web server started.
 *
 * @param args of the process, without node and the command itself
 * @throws {UsageError} when there is no application, or a variable or the configuration is wrong
 */
export function readCgiSettings(args: readonly string[]): CgiSettings {
  doubtVariables(process.env).forEach(reportLine);
  const environment = environmentSource(process.env);
  const app = applicationOf(environment, args);
  const file = environment.values.config;
  const application = resolveApplication(app);
  const { path } = application;
  const config =
    file === undefined ? readPackageConfig(dirname(path), path) : readConfigFile(String(file));
  const sources = config === undefined ? [environment] : [environment, config];
  return { ...resolveSettings(sources, CGI_OPTIONS), application };
}

function applicationOf(environment: Source, args: readonly string[]): string {
  if (environment.values.app !== undefined) return String(environment.values.app);
  const [application] = args;
  if (application === undefined) {
    throw new UsageError('no application: name it in the first argument or in POSTERN_APP');
  }
  const reason = whyUntrusted(application, process.env);
  if (reason !== undefined) {
    throw new UsageError(`${reason}: name the application in POSTERN_APP`);
  }
  return application;
}

const unavailable: Application = (_environ, startResponse) => {
  startResponse('500 Internal Server Error', [['Content-Type', 'text/plain; charset=utf-8']]);
  return [Buffer.from('The application could not be started. Please contact the administrator.')];
};
