/** Loads an application into the test's own process, for gateways that are run in it. */

import { pathToFileURL } from 'node:url';

import { toFunction } from '../../src/handler/application.ts';
import type { Application, ApplicationFunction } from '../../src/types.ts';

/** @param spec `path[:export]` */
export async function loadApplication(spec: string): Promise<ApplicationFunction> {
  const [path, name = 'default'] = spec.split(':') as [string, string?];
  const module = (await import(pathToFileURL(path).href)) as Record<string, Application>;
  const application = module[name];
  if (application === undefined) throw new Error(`${path} does not export ${name}`);
  return toFunction(application);
}
