/** Finds out which files an application imports, with Node's own hooks, and which it would like to. */

import * as nodeModule from 'node:module';
import { dirname, extname, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { MessageChannel } from 'node:worker_threads';

/** Takes the absolute path of a file that is, or should be, imported, and when that was, if not just now. */
export type OnFile = (path: string, at?: number) => void;

type ResolveNext = (specifier: string, context: ResolveContext) => { url: string };
interface ResolveContext {
  readonly parentURL?: string | undefined;
}

/** Newer than the type declarations of the oldest Node that is supported. */
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
 * Tells of every file that is imported or required from now on in this process.
 *
 * @returns a function that waits until all has been told of what has been imported up to now
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
        tellOfUrl(found.url, onFile);
        return found;
      } catch (error) {
        tellOfMissing(specifier, context.parentURL, error, onFile);
        throw error;
      }
    },
  });
  return () => Promise.resolve();
}

// ---- Node 20, where the hooks of import run in a thread of their own and those of require are none

/** What {@link watchImportsInThread} is told of one resolution. */
export interface Resolution {
  readonly specifier: string;
  readonly parentURL: string | undefined;
  /** Undefined when nothing was found. */
  readonly url: string | undefined;
  /** Of the error, then. */
  readonly missingUrl: string | undefined;
  /** When, in milliseconds since 1970. */
  readonly at: number;
}

/** A question that the thread sends back, behind everything that it had to tell before. */
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
    if (url !== undefined) tellOfUrl(url, onFileThen);
    else tellOfMissing(specifier, parentURL, { url: missingUrl }, onFileThen);
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
      tellOfMissing(request, parentURL, error, onFile);
      throw error;
    }
  };
}

// ---- files

function tellOfUrl(url: string, onFile: OnFile): void {
  if (url.startsWith('file:')) onFile(fileURLToPath(url));
}

/** What may be left out of the name of a file, in CommonJS or with a compiler. */
const ENDINGS = ['', '.js', '.mjs', '.cjs', '.ts', '.json', '/index.js', '/package.json'];

/** Tells where Node has looked, or would, for what it has not found. */
export function tellOfMissing(
  specifier: string,
  parentURL: string | undefined,
  error: unknown,
  onFile: OnFile,
): void {
  const { url } = (error ?? {}) as { url?: unknown };
  if (typeof url === 'string') tellOfUrl(url, onFile);
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
