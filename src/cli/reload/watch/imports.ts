/** Reports which files an application imports, and which it tries to import, with Node's own hooks. */

import * as nodeModule from 'node:module';
import { dirname, extname, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { MessageChannel } from 'node:worker_threads';

/** Takes the absolute path of a file that is imported, or would be if it existed. @param at when; default: now */
export type OnFile = (path: string, at?: number) => void;

type ResolveNext = (specifier: string, context: ResolveContext) => { url: string };
interface ResolveContext {
  readonly parentURL?: string | undefined;
}

/** Functions that the type declarations lack: they are those of the oldest supported Node. */
interface Hooks {
  registerHooks?(hooks: {
    resolve(specifier: string, context: ResolveContext, next: ResolveNext): { url: string };
  }): void;
  _resolveFilename(
    request: string,
    parent?: { filename?: string | null },
    ...rest: unknown[]
  ): string;
}
const hooks = nodeModule.Module as unknown as Hooks;

/**
 * Reports every file that is imported or required from now on in this process.
 *
 * @returns a function whose promise is fulfilled when every import up to now has been reported
 */
export function watchImports(onFile: OnFile): () => Promise<void> {
  if (hooks.registerHooks === undefined) {
    watchRequires(onFile);
    return watchImportsInThread(onFile);
  }
  hooks.registerHooks({
    resolve(specifier, context, next) {
      try {
        const found = next(specifier, context);
        reportUrl(found.url, onFile);
        return found;
      } catch (error) {
        reportMissing(specifier, context.parentURL, error, onFile);
        throw error;
      }
    },
  });
  return () => Promise.resolve();
}

// ---- Node 20: hooks of import run in another thread, and there are none for require

/** One resolution, as {@link watchImportsInThread} gets it from the other thread. */
export interface Resolution {
  readonly specifier: string;
  readonly parentURL: string | undefined;
  /** The result; undefined when nothing was found. */
  readonly url: string | undefined;
  /** The `url` of the error, when nothing was found. */
  readonly missingUrl: string | undefined;
  /** When, in milliseconds since 1970. */
  readonly at: number;
}

/** A message that the other thread sends back, after everything that it has reported before. */
type Echo = 'echo';

function watchImportsInThread(onFile: OnFile): () => Promise<void> {
  const { port1, port2 } = new MessageChannel();
  const waiting: (() => void)[] = [];
  port1.on('message', (message: Resolution | Echo) => {
    if (message === 'echo') {
      waiting.shift()!();
      return;
    }
    const { specifier, parentURL, url, missingUrl, at } = message;
    const onFileThen: OnFile = (path) => onFile(path, at);
    if (url !== undefined) reportUrl(url, onFileThen);
    else reportMissing(specifier, parentURL, { url: missingUrl }, onFileThen);
  });
  port1.unref();
  nodeModule.register(`./import-hooks${extname(import.meta.filename)}`, {
    parentURL: import.meta.url,
    data: { port: port2 },
    transferList: [port2],
  });
  return () =>
    new Promise((resolve) => {
      waiting.push(resolve);
      port1.postMessage('echo' satisfies Echo);
    });
}

function watchRequires(onFile: OnFile): void {
  const original = hooks._resolveFilename;
  hooks._resolveFilename = function (request, parent, ...rest) {
    try {
      const found = original.call(this, request, parent, ...rest);
      if (found.startsWith('/') || /^[A-Z]:\\/i.test(found)) onFile(found);
      return found;
    } catch (error) {
      const { filename } = parent ?? {};
      const parentURL = filename ? pathToFileURL(filename).href : undefined;
      reportMissing(request, parentURL, error, onFile);
      throw error;
    }
  };
}

// ---- files

function reportUrl(url: string, onFile: OnFile): void {
  if (url.startsWith('file:')) onFile(fileURLToPath(url));
}

/** Parts that may be left out of a file's name, in CommonJS or with a compiler. */
const ENDINGS = ['', '.js', '.mjs', '.cjs', '.ts', '.json', '/index.js', '/package.json'];

/** Reports all files with which an import that has failed would have succeeded. */
export function reportMissing(
  specifier: string,
  parentURL: string | undefined,
  error: unknown,
  onFile: OnFile,
): void {
  const { url } = (error ?? {}) as { url?: unknown };
  if (typeof url === 'string') reportUrl(url, onFile);
  if (parentURL?.startsWith('file:') !== true) return;
  const folder = dirname(fileURLToPath(parentURL));
  if (/^(?:\.{0,2}\/|file:)/.test(specifier)) {
    const path = specifier.startsWith('file:')
      ? fileURLToPath(specifier)
      : resolve(folder, specifier);
    for (const ending of ENDINGS) onFile(path + ending);
    return;
  }
  const name = /^(?:@[^/]+\/)?[^/]+/.exec(specifier)?.[0];
  if (name === undefined || /^[#\w]+:|^#/.test(name)) return;
  for (let above = folder; ; above = dirname(above)) {
    onFile(resolve(above, 'node_modules', name, 'package.json'));
    if (above === dirname(above)) return;
  }
}
