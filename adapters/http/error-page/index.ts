/**
 * The error page of development (CVE-2024-34069 is what Werkzeug's led to): what the application threw, with source and
 * environ, to a browser on this machine, and nothing of it to anybody else.
 *
 * What renders it is loaded with the first error that is shown.
 */

import type { IncomingMessage } from 'node:http';

import { formatError } from '../../../src/logging/log.ts';
import type { Log } from '../../../src/types.ts';
import type { ForwardingOptions } from '../forwarded.ts';
import { isLocalBrowser } from './access.ts';
import type { ErrorPage } from './render.ts';

/**
 * Makes the page of an error.
 *
 * @returns undefined when this client is not to see it, at once; or when it cannot be made, which the log then
 *   tells. Never rejected.
 */
export type MakeErrorPage = (
  request: IncomingMessage,
  environ: Readonly<Record<string, unknown>>,
  error: unknown,
) => Promise<ErrorPage | undefined> | undefined;

/** @param options tell by which headers proxies are known */
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
