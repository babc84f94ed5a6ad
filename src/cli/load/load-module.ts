/** Loads a module, whatever its file name. */

import { existsSync } from 'node:fs';
import { extname } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

import type { JitiOptions } from 'jiti';

import { isInstance } from '../../errors.ts';
import { readTsconfig } from './tsconfig.ts';

/** Takes the path of a file that is being loaded. */
type OnFile = (path: string) => void;

/**
 * Loads an ES module or a CommonJS module.
 *
 * @param path absolute
 * @param onFile called with each file that is loaded without Node's own loader
 * @returns its exports, or a promise of them
 */
export function loadModule(path: string, onFile?: OnFile): unknown {
  // For these extensions Node knows the module system.
  const extension = extname(path);
  // The same as import() gives, for which Node would load what it needs for ES modules. But a reload needs the hooks of
  // import() to see what is loaded.
  if (extension === '.cjs' && onFile === undefined) return { default: requireModule(path) };
  if (/^\.(?:[cm]?[jt]s|[jt]sx)$/.test(extension)) return loadScript(path, onFile);
  return loadUnknownExtension(path);
}

async function loadScript(path: string, onFile: OnFile = () => {}): Promise<unknown> {
  try {
    return await import(pathToFileURL(path).href);
  } catch (error) {
    // Node has not run any of the modules if it could not parse or find one of them.
    if (!isForCompiler(error, path)) throw error;
    return compileTypeScript(path, onFile);
  }
}

/**
 * Whether a compiler may succeed where Node has failed. Node 22.18 and later strip types, but support neither enums nor
 * JSX, nor imports without the file's extension or by the `paths` of tsconfig.json. Earlier versions do not support
 * TypeScript at all.
 */
function isForCompiler(error: unknown, path: string): boolean {
  if (!isInstance(error, Error)) return false;
  const { code, message, url } = error as NodeJS.ErrnoException & { url?: string };
  switch (code) {
    case 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX':
    case 'ERR_UNSUPPORTED_NODE_MODULES_TYPE_STRIPPING':
      return true;
    case 'ERR_UNKNOWN_FILE_EXTENSION':
      return /"\.(?:[cm]?ts|[jt]sx)"/.test(message);
    // '@part' and '#part' may be names of tsconfig.json: for Node they are none, or none of a package.
    case 'ERR_INVALID_MODULE_SPECIFIER':
    case 'ERR_PACKAGE_IMPORT_NOT_DEFINED':
      return isFromTypeScript(message) && readTsconfig(path).hasPaths;
    case 'ERR_MODULE_NOT_FOUND': {
      if (!isFromTypeScript(message)) return false;
      if (message.startsWith('Cannot find package')) return readTsconfig(path).hasPaths;
      // './part' and './part.js' may stand for part.ts, as for the TypeScript compiler.
      if (url?.startsWith('file:') !== true) return false;
      const stem = fileURLToPath(url).replace(/\.jsx?$/, '');
      return ['.ts', '.tsx', '/index.ts'].some((ending) => existsSync(stem + ending));
    }
    default:
      return false;
  }
}

/** Whether an error of Node's says that the module that imports is TypeScript. */
function isFromTypeScript(message: string): boolean {
  return message.includes(' imported from ') && /\.(?:[cm]?ts|tsx)$/.test(message);
}

/** Loads a module, and everything that it imports by a path, with a compiler. */
async function compileTypeScript(path: string, onFile: OnFile): Promise<unknown> {
  const { createJiti } = await import('jiti');
  const { file, jsx } = readTsconfig(path);
  // No cache: it would be a folder of code in /tmp, to which everybody may write. No interop: it would make a module look
  // like its default export.
  const options: JitiOptions = { fsCache: false, interopDefault: false, jsx };
  if (file !== undefined) {
    options.tsconfigPaths = file;
    onFile(file);
  }
  const compiler = createJiti(import.meta.url, options);
  const transform: JitiOptions['transform'] = (source) => {
    if (source.filename !== undefined) onFile(source.filename);
    return { code: compiler.transform(source) };
  };
  return createJiti(import.meta.url, { ...options, transform }).import(path);
}

/**
 * Loads `app.cgi`, `app.fcgi`, or a file without extension. `import()` refuses them. `require()` takes them for JavaScript,
 * and detects whether it is an ES module or CommonJS.
 */
function loadUnknownExtension(path: string): unknown {
  try {
    return requireModule(path);
  } catch (error) {
    // An ES module with top-level await. It has not been run.
    const { code } = isInstance(error, Error) ? (error as NodeJS.ErrnoException) : {};
    if (code === 'ERR_REQUIRE_ASYNC_MODULE') return importAsModule(path);
    throw error;
  }
}

function requireModule(path: string): unknown {
  return process.getBuiltinModule('node:module').createRequire(path)(path);
}

/** The type declarations are those of the oldest supported Node, which lacks this function. */
interface HooksApi {
  registerHooks?(hooks: { load: LoadHook }): { deregister(): void };
}
type LoadHook = (url: string, context: object, nextLoad: LoadNext) => unknown;
type LoadNext = (url: string, context: object) => unknown;

async function importAsModule(path: string): Promise<unknown> {
  const own = pathToFileURL(path).href;
  const nodeModule = process.getBuiltinModule('node:module');
  const { registerHooks } = nodeModule as HooksApi;
  if (registerHooks === undefined) {
    // Node 20: hooks run in another thread, and are passed as source code.
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
