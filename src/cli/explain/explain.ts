/** Explains why an application cannot be loaded: in one line for its author, with a remedy. */

import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, extname, join } from 'node:path';

import { isInstance } from '../../errors.ts';
import { OWN_SERVER_REMEDY } from '../../apps/interface.ts';
import { describe } from '../../response/chunk.ts';
import { ExitWhileLoading } from '../load/guard-loading.ts';
import { MODULES } from './explain-export.ts';
import { explainMissing } from './explain-missing.ts';
import { findSyntaxError } from './syntax-error.ts';

/** The explanation of an error. */
export interface Explanation {
  /** One line. */
  readonly text: string;
  /** A stack whose first frame is the place in the application, if that is known. */
  readonly stack: string | undefined;
}

/**
 * Explains an error that was thrown while an application was loaded.
 *
 * @param path of the application
 */
export async function explainFailure(error: unknown, path: string): Promise<Explanation> {
  if (!isInstance(error, Error)) return { text: `it threw ${describe(error)}`, stack: undefined };
  const missing = explainMissing(error);
  if (missing !== undefined)
    return { text: missing.text, stack: stackAt(missing.place, missing.text) };
  const own = /\n {4}at .*/s.exec(error.stack ?? '')?.[0];
  const place =
    placeIn(error.stack) ??
    (error instanceof SyntaxError ? findSyntaxError(path, error) : undefined);
  const where = place === undefined ? '' : ` (${place})`;
  const remedy = remedyFor(error, place?.replace(/:\d+$/, ''), path);
  const plain = plainText(error);
  const text = `${plain}${where}${remedy === undefined ? '' : `: ${remedy}`}`;
  return { text, stack: placeIn(own) === undefined ? stackAt(place, plain) : error.stack };
}

function stackAt(place: string | undefined, text: string): string | undefined {
  return place === undefined ? undefined : `${text}\n    at ${place}:1`;
}

/** The first line of an error, with its name. */
function plainText(error: Error): string {
  const sentence = firstSentence(error.message);
  if (isInstance(error, ExitWhileLoading)) return sentence;
  // jiti has a syntax error in the text of an Error.
  const [, wrong] = /^ParseError: (.*)$/.exec(sentence) ?? [];
  return wrong === undefined ? `${error.name}: ${sentence}` : `SyntaxError: ${wrong.trimEnd()}`;
}

/** The first line of a message, without advice of Node where ours is better. */
function firstSentence(message: string): string {
  const [line] = message.split('\n', 1);
  const [sentence] = line!.split('. Use import() instead.', 1);
  return sentence!.replace(/, you can use import instead$/, '');
}

/** The first place in the text of an error, as `file:line`. Files of Node itself (`node:…`) are skipped. */
function placeIn(text = ''): string | undefined {
  for (const line of text.split('\n')) {
    const path = /(?:^|[\s(])(?:file:\/\/(?=\/)|(?=\/|[A-Z]:\\))/.exec(line);
    const position = /:\d+(?::\d+)?\)?$/.exec(line);
    if (path === null || position === null) continue;
    const [lineNumber] = /^:\d+/.exec(position[0])!;
    const start = path.index + path[0].length;
    if (start < position.index) return line.slice(start, position.index) + lineNumber;
  }
  return undefined;
}

// ---- ES modules and CommonJS

/** Endings of files that people name by mistake. Others may be those of scripts. */
const NO_MODULE =
  /\.(?:py|php|rb|pl|sh|txt|md|rst|html?|css|ya?ml|toml|ini|conf|lock|log|env|jsx)$/i;

/**
 * @param file in which the error is, if that is known
 * @param path of the application
 */
function remedyFor(error: Error, file: string | undefined, path: string): string | undefined {
  const { message } = error;
  if (isInstance(error, ExitWhileLoading)) return 'throw an error instead';
  if (error instanceof SyntaxError && file === path && NO_MODULE.test(path)) return MODULES;
  const [, name] =
    /^(require|module|exports|__(?:dirname|filename)) is not defined in ES module scope/.exec(
      message,
    ) ?? [];
  if (name !== undefined) return leaveCommonJs(name, file);
  if (OUTSIDE_A_MODULE.test(message)) return becomeModule(file);
  const [, missing, from] =
    /^Named export '([^']+)' not found. The requested module '([^']+)' is a Comm/.exec(message) ??
    [];
  if (from !== undefined) return `import x from '${from}', and take ${missing} from x`;
  if (/does not provide an export named 'default'/.test(message))
    return 'it has no default export; import another by its name: import { NAME }';
  const { code = '' } = error as NodeJS.ErrnoException;
  return REMEDIES.get(code);
}

const REMEDIES = new Map([
  ['EADDRINUSE', OWN_SERVER_REMEDY],
  ['ERR_REQUIRE_ESM', 'use await import() instead of require()'],
  ['ERR_REQUIRE_ASYNC_MODULE', 'use await import() instead of require()'],
  ['ERR_IMPORT_ATTRIBUTE_MISSING', "write with { type: 'json' } behind the import"],
  ['ERR_IMPORT_ASSERTION_TYPE_MISSING', "write with { type: 'json' } behind the import"],
]);

const OUTSIDE_A_MODULE =
  /^(?:Cannot use import statement outside a module|Cannot use 'import\.meta' outside a module|Unexpected token 'export'|await is only valid in async functions and the top level)/;

/** Names that say of which kind a module is. */
const MODULE = /\.m[jt]s$/;
const COMMON_JS = /\.c[jt]s$/;

/** The remedy for an ES module that is written as CommonJS. */
function leaveCommonJs(name: string, file: string | undefined): string {
  if (name.startsWith('__')) return `use import.meta.${name.slice(2)}`;
  const instead = name === 'require' ? 'import' : 'export';
  if (file === undefined || extname(file) === '') return `use ${instead}`;
  const why = MODULE.test(file)
    ? 'its name makes it an ES module'
    : (typeInPackage(file, 'module') ?? 'an import or export makes it an ES module');
  return `${why}; use ${instead}, or rename it to ${renamed(file, 'c')}`;
}

/** The remedy for CommonJS that is written as an ES module. */
function becomeModule(file: string | undefined): string | undefined {
  // It is an ES module already: then the error has another cause.
  if (file === undefined || MODULE.test(file) || typeInPackage(file, 'module')) return undefined;
  const name = renamed(file, 'm');
  if (COMMON_JS.test(file)) return `its name makes it CommonJS; rename it to ${name}`;
  const why = typeInPackage(file, 'commonjs');
  return why === undefined
    ? `it is taken for CommonJS; rename it to ${name}, or write "type": "module" into package.json`
    : `${why}; make that "module", or rename it to ${name}`;
}

/** `app.js` as `app.mjs` or `app.cjs`, `app.ts` as `app.mts` or `app.cts`. */
function renamed(file: string, kind: 'c' | 'm'): string {
  const extension = extname(file);
  return `${basename(file, extension)}.${kind}${extension.endsWith('ts') ? 'ts' : 'js'}`;
}

/** A text that names the package.json of a file, if that has this type. */
function typeInPackage(file: string, type: 'module' | 'commonjs'): string | undefined {
  for (let folder = dirname(file); ; folder = dirname(folder)) {
    const path = join(folder, 'package.json');
    if (existsSync(path)) {
      const said = /"type"\s*:\s*"([a-z]+)"/.exec(readFileSync(path, 'utf8'))?.[1];
      return said === type ? `${path} says "type": "${type}"` : undefined;
    }
    if (folder === dirname(folder)) return undefined;
  }
}
