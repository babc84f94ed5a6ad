/** Watches the resolution of imports on Node 20. `module.register` runs this file in the thread of the loader. */

import type { MessagePort } from 'node:worker_threads';

import type { Resolution } from './imports.ts';

type Resolve = (
  specifier: string,
  context: { readonly parentURL?: string },
  next: (specifier: string, context: object) => Promise<{ url: string }>,
) => Promise<{ url: string }>;

let port: MessagePort;

export function initialize(data: { port: MessagePort }): void {
  ({ port } = data);
  // The other side knows by the answer that every message before it has arrived.
  port.on('message', (question) => port.postMessage(question));
}

export const resolve: Resolve = async (specifier, context, next) => {
  const { parentURL } = context;
  const report = (url: string | undefined, missingUrl: string | undefined): void => {
    const resolution: Resolution = { specifier, parentURL, url, missingUrl, at: Date.now() };
    port.postMessage(resolution);
  };
  try {
    const found = await next(specifier, context);
    report(found.url, undefined);
    return found;
  } catch (error) {
    report(undefined, (error as { url?: string } | null)?.url);
    throw error;
  }
};
