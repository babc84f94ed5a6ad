/** From a file to what it exports, whatever the file is called. */

import { existsSync } from 'node:fs';
import * as nodeModule from 'node:module';
import { extname } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

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
  if (/^\.[cm]?[jt]s$/.test(extname(path))) return loadScript(path, onFile);
  return loadUnknownExtension(path);
}

async function loadScript(path: string, onFile: OnFile = () => {}): Promise<unknown> {
  try {
    return await import(pathToFileURL(path).href);
  } catch (error) {
    // Node has run nothing of a module of which it cannot read a part.
    if (!isForCompiler(error)) throw error;
    return compileTypeScript(path, onFile);
  }
}

/**
 * Whether a compiler may succeed where Node has not: Node 22.18 and later leave types out, but make nothing
 * of enums, and take no names without their ending; those before do not know TypeScript at all.
 */
function isForCompiler(error: unknown): boolean {
  const { code, message, url } = (error ?? {}) as NodeJS.ErrnoException & { url?: string };
  switch (code) {
    case 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX':
    case 'ERR_UNSUPPORTED_NODE_MODULES_TYPE_STRIPPING':
      return true;
    case 'ERR_UNKNOWN_FILE_EXTENSION':
      return /"\.[cm]?ts"/.test(message);
    case 'ERR_MODULE_NOT_FOUND': {
      // './part' and './part.js' may stand for part.ts, as for the TypeScript compiler.
      const isTypeScript = message.includes(' imported from ') && /\.[cm]?ts$/.test(message);
      if (!isTypeScript || url?.startsWith('file:') !== true) return false;
      return existsSync(`${fileURLToPath(url).replace(/\.js$/, '')}.ts`);
    }
    default:
      return false;
  }
}

/** With a compiler, and everything that it imports by a path. */
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
