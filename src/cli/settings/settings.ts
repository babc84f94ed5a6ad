/** Gathers the settings: of the command line, the environment and the configuration; and the application of the folder. */

import { existsSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';

import { defaultApplication } from '../load/default-application.ts';
import { resolveModuleOrFolder } from '../load/resolve.ts';
import { doubtFile, readConfigFile, readPackageConfig } from './config.ts';
import { doubtVariables, environmentSource } from './environment.ts';
import { WrongUsage } from '../options/option.ts';
import { resolveSettings } from '../options/options.ts';
import type { RawValue, Settings, Source } from '../options/options.ts';
import { reportLine } from '../report.ts';

/** @param flags of the command line */
export function readSettings(flags: Source): Settings {
  doubtVariables(process.env).forEach(reportLine);
  const environment = environmentSource(process.env);
  const file = flags.values.config ?? environment.values.config;
  if (Array.isArray(file))
    throw new WrongUsage(`${flags.label('config')}: it can be given once only`);
  const app = flags.values.app ?? environment.values.app;
  const config = file === undefined ? findConfig(app) : readConfigFile(String(file));
  const settings = resolveSettings(
    config === undefined ? [flags, environment] : [flags, environment, config],
  );
  return { ...settings, app: settings.app ?? ownApplication() };
}

function findConfig(app: RawValue | undefined): Source | undefined {
  if (app === undefined) return readPackageConfig('.');
  const { path } = resolveModuleOrFolder(String(app));
  return readPackageConfig(dirname(path), path);
}

/**
 * The application of the working folder. Nobody has named it: so it counts only if no other account can have put it there.
 *
 * @returns undefined when there is none
 */
function ownApplication(): string | undefined {
  const path = defaultApplication(process.cwd());
  if (path === undefined) return undefined;
  for (const file of [path, resolve('package.json')]) {
    const doubt = existsSync(file) ? doubtFile(file) : undefined;
    if (doubt === undefined) continue;
    const advice = `(postern ${relative('', path)} runs it all the same)`;
    const why = file === path ? doubt : `of ${file}, ${doubt}`;
    throw new WrongUsage(`${path} is not run: ${why} ${advice}`);
  }
  return '.';
}
