/** Resolution of imports on Node 20, in the thread of the loader: `module.register` runs it there. */

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
  // Whoever asks knows by the answer that nothing is on its way any more.
  port.on('message', (question) => port.postMessage(question));
}

export const resolve: Resolve = async (specifier, context, next) => {
  const { parentURL } = context;
  const tell = (url: string | undefined, missingUrl: string | undefined): void => {
    const told: Resolution = { specifier, parentURL, url, missingUrl, at: Date.now() };
    port.postMessage(told);
  };
  try {
    const found = await next(specifier, context);
    tell(found.url, undefined);
    return found;
  } catch (error) {
    tell(undefined, (error as { url?: string } | null)?.url);
    throw error;
  }
};
