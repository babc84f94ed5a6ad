/** The command, unless a web server has started it as a CGI program. */

import { dirname } from 'node:path';

import { runCgi } from './cgi/cgi.ts';
import { readConfigFile, readPackageConfig } from './options/config.ts';
import { detectListeners } from './serve/detect.ts';
import { checkListeners, isDevelopment } from './serve/gateways.ts';
import type { Listener } from './serve/gateways.ts';
import { loadApplication, resolveApplication } from './load/load-app.ts';
import { WrongUsage } from './options/option.ts';
import { isInstance } from '../errors.ts';
import { environmentSource, resolveSettings } from './options/options.ts';
import type { RawValue, Settings, Source } from './options/options.ts';
import { parseArguments } from './options/parse.ts';
import { SERVER_NAMES } from './registry.ts';
import { reportError } from './report.ts';
import { serve } from './serve/serve.ts';
import { isManaged } from './serve/signals.ts';

/**
 * Runs the command. Errors are printed on stderr and end the process: with exit code 2 for wrong usage, with 1 otherwise.
 *
 * @param args without node and the command itself
 */
export async function runCommand(args: readonly string[]): Promise<void> {
  let settings: Settings | undefined;
  try {
    if (args[0] === 'conf') {
      const { runConf } = await import('./conf/conf-command.ts');
      runConf(args.slice(1));
      return;
    }
    const parsed = parseArguments(args);
    if ('text' in parsed) {
      process.stdout.write(parsed.text);
      return;
    }
    settings = readSettings(parsed.source);
    await start(settings);
  } catch (error) {
    reportError(error, settings?.logLevel);
    // exit(), because an application that was loaded may have timers and connections open.
    process.exit(isInstance(error, WrongUsage) ? 2 : 1);
  }
}

function readSettings(flags: Source): Settings {
  const environment = environmentSource(process.env);
  const file = flags.values.config ?? environment.values.config;
  const app = flags.values.app ?? environment.values.app;
  const config = file === undefined ? findConfig(app) : readConfigFile(String(file));
  return resolveSettings(
    config === undefined ? [flags, environment] : [flags, environment, config],
  );
}

function findConfig(app: RawValue | undefined): Source | undefined {
  if (app === undefined) return readPackageConfig('.');
  const { path } = resolveApplication(String(app));
  return readPackageConfig(dirname(path), path);
}

async function start(settings: Settings): Promise<void> {
  const { app } = settings;
  if (app === undefined) throw new WrongUsage('no application (see postern --help)');
  const listeners = listenersOf(settings);
  if (settings.cgi) {
    if (listeners.length > 0)
      throw new WrongUsage('--cgi serves one request: no other gateway can be given with it');
    await runCgi(() => settings);
    return;
  }
  // Before the application is loaded: a descriptor that it opens must not be taken for one that was passed.
  const given = listeners.length > 0 ? listeners : await detectListeners(process.env);
  checkListeners(given, settings);
  if (settings.reload ?? (isDevelopment() && !isManaged(given))) {
    const { serveWithReload } = await import('./reload/supervisor.ts');
    await serveWithReload(given, settings);
    return;
  }
  const application = await loadApplication(resolveApplication(app), settings.interface);
  await serve(application, given, settings);
}

function listenersOf(settings: Settings): Listener[] {
  return SERVER_NAMES.flatMap((gateway) =>
    settings[gateway].map((address) => ({ gateway, address })),
  );
}
