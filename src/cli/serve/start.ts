/** Starts what the settings ask for: one CGI request, or gateways, with or without reload. */

import { loadApplication } from '../load/load-app.ts';
import { openInspector } from '../load/inspect.ts';
import { PLACES } from '../load/default-application.ts';
import { resolveModuleOrFolder } from '../load/resolve.ts';
import { WrongUsage } from '../options/option.ts';
import type { Settings } from '../options/options.ts';
import { SERVER_NAMES } from '../registry.ts';
import { detectListeners } from './detect.ts';
import { checkListeners, isDevelopment } from './gateways.ts';
import type { Listener } from './gateways.ts';
import { isManaged } from './signals.ts';

/** @returns when the gateways listen, or the CGI request has been served */
export async function start(settings: Settings): Promise<void> {
  const { app } = settings;
  if (app === undefined) throw new WrongUsage(`no application: ${PLACES} (see postern --help)`);
  const listeners = listenersOf(settings);
  if (settings.cgi) {
    if (listeners.length > 0)
      throw new WrongUsage('--cgi serves one request: no other gateway can be given with it');
    const { runCgi } = await import('../cgi/cgi.ts');
    await runCgi(() => ({ ...settings, application: resolveModuleOrFolder(app) }));
    return;
  }
  // Before the application is loaded: a descriptor that it opens must not be taken for one that was passed.
  const given = listeners.length > 0 ? listeners : await detectListeners(process.env);
  checkListeners(given, settings);
  if (reloads(settings, given)) {
    const { serveWithReload } = await import('../reload/supervisor.ts');
    await serveWithReload(given, settings);
    return;
  }
  const { serve } = await import('./serve.ts');
  await openInspector(settings);
  const application = await loadApplication(resolveModuleOrFolder(app), settings.interface);
  await serve(application, given, settings);
}

/** @throws {WrongUsage} where it cannot be done */
function reloads({ reload }: Settings, listeners: readonly Listener[]): boolean {
  // Neither hands connections over to another process.
  const other = 'Bun' in globalThis ? 'Bun' : 'Deno' in globalThis ? 'Deno' : undefined;
  if (other === undefined) return reload ?? (isDevelopment() && !isManaged(listeners));
  if (reload !== true) return false;
  throw new WrongUsage(
    `--reload needs Node; with ${other}: ${other.toLowerCase()} --watch, and --no-reload`,
  );
}

function listenersOf(settings: Settings): Listener[] {
  return SERVER_NAMES.flatMap((gateway) =>
    settings[gateway].map((address) => ({ gateway, address })),
  );
}
