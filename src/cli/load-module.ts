/** From a file to what it exports, whatever the file is called. */

import * as nodeModule from 'node:module';
import { extname } from 'node:path';
import { pathToFileURL } from 'node:url';

import type { JitiOptions } from 'jiti';

/** Takes the path of a file that is being loaded. */
type OnFile = (path: string) => void;

/**
 * Loads an ES module or a CommonJS module.
 *
 * @param path absolute
 * @param onFile is told of files that are loaded without Node's own loader
 * @returns what it exports, or a promise of it
 */
export function loadModule(path: string, onFile?: OnFile): unknown {
  // Node knows these by their extension and their package.
  if (/^\.[cm]?js$/.test(extname(path))) return import(pathToFileURL(path).href);
  if (/^\.[cm]?ts$/.test(extname(path))) return loadTypeScript(path, onFile);
  return loadUnknownExtension(path);
}

/** What Node itself does not make JavaScript of: enums, and whatever else needs more than to be left out. */
const BEYOND_NODE = new Set([
  'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX',
  'ERR_UNSUPPORTED_NODE_MODULES_TYPE_STRIPPING',
]);

async function loadTypeScript(path: string, onFile: OnFile = () => {}): Promise<unknown> {
  // Node 22.18 and later strip types themselves; the type declarations of the oldest do not know of it.
  const { typescript } = process.features as { typescript?: string | false };
  if (!typescript) return compileTypeScript(path, onFile);
  try {
    return await import(pathToFileURL(path).href);
  } catch (error) {
    // Node has run nothing of a module of which it cannot read a part.
    const { code } = (error ?? {}) as NodeJS.ErrnoException;
    if (code === undefined || !BEYOND_NODE.has(code)) throw error;
    return compileTypeScript(path, onFile);
  }
}

async function compileTypeScript(path: string, onFile: OnFile): Promise<unknown> {
  const { createJiti } = await import('jiti');
  // Its cache would be a folder of executable code in /tmp, which belongs to everyone; its interop
  // would make a module look like its default export.
  const options = { fsCache: false, interopDefault: false };
  const compiler = createJiti(import.meta.url, options);
  const transform: JitiOptions['transform'] = (source) => {
    if (source.filename !== undefined) onFile(source.filename);
    return { code: compiler.transform(source) };
  };
  return createJiti(import.meta.url, { ...options, transform }).import(path);
}

/**
 * `app.cgi`, `app.fcgi`, or no extension at all: `import()` refuses them, `require()` takes them for
 * JavaScript and finds out itself whether it is an ES module or CommonJS.
 */
function loadUnknownExtension(path: string): unknown {
  try {
    return nodeModule.createRequire(path)(path);
  } catch (error) {
    // An ES module, since only these have it. Nothing of it has been run.
    const code = (error as NodeJS.ErrnoException | null)?.code;
    if (code === 'ERR_REQUIRE_ASYNC_MODULE') return importAsModule(path);
    throw error;
  }
}

/** Newer than the type declarations of the oldest Node that is supported. */
interface HooksApi {
  registerHooks?(hooks: { load: LoadHook }): { deregister(): void };
}
type LoadHook = (url: string, context: object, nextLoad: LoadNext) => unknown;
type LoadNext = (url: string, context: object) => unknown;

async function importAsModule(path: string): Promise<unknown> {
  const own = pathToFileURL(path).href;
  const { registerHooks } = nodeModule as HooksApi;
  if (registerHooks === undefined) {
    // Node 20: hooks run in a thread of their own and are given as source.
    const load = `(url, context, next) => next(url, url === ${JSON.stringify(own)} ? { ...context, format: 'module' } : context)`;
    nodeModule.register(
      `data:text/javascript,${encodeURIComponent(`export const load = ${load}`)}`,
    );
    return import(own);
  }
  const hooks = registerHooks({
    load: (url, context, next) =>
      next(url, url === own ? { ...context, format: 'module' } : context),
  });
  try {
    return await import(own);
  } finally {
    hooks.deregister();
  }
}
