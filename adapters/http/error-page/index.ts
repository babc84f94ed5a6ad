/**
 * The error page of development. It shows what the application has thrown, with source and environ, to a browser on this
 * machine. Nobody else sees anything of it: CVE-2024-34069 is what a page like it led to in Werkzeug.
 *
 * The modules that render it are loaded when the first error is shown.
 */

import type { IncomingMessage } from 'node:http';

import { formatError } from '../../../src/logging/log.ts';
import type { Log } from '../../../src/types.ts';
import type { ForwardingOptions } from '../../../src/environ/forwarded/forwarding.ts';
import { isLocalBrowser } from './access.ts';
import type { ErrorPage } from './render.ts';

/**
 * Makes the page of an error.
 *
 * @returns undefined when this client may not see it; or a promise, which is never rejected. It gives undefined when the
 *   page could not be made: then the reason is in the log.
 */
export type MakeErrorPage = (
  request: IncomingMessage,
  environ: Readonly<Record<string, unknown>>,
  error: unknown,
) => Promise<ErrorPage | undefined> | undefined;

/** @param options name more headers that proxies set */
export function createErrorPage(options: ForwardingOptions, log: Log): MakeErrorPage {
  const forwarded = namesOf(options);
  return (request, environ, error) =>
    isLocalBrowser(request, forwarded) ? render(environ, error, log) : undefined;
}

async function render(
  environ: Readonly<Record<string, unknown>>,
  error: unknown,
  log: Log,
): Promise<ErrorPage | undefined> {
  try {
    const { renderErrorPage } = await import('./render.ts');
    return await renderErrorPage(environ, error);
  } catch (second) {
    log.error(`http: the error page failed: ${formatError(second)}`);
    return undefined;
  }
}

function namesOf({ forwardedHeaders }: ForwardingOptions): string[] {
  if (typeof forwardedHeaders !== 'object') return [];
  const names: unknown[] = Object.values(forwardedHeaders);
  return names.filter((name) => typeof name === 'string').map((name) => name.toLowerCase());
}
