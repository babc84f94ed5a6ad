/** Explains a module that was not found: where it is imported, and what may have been meant. */

import { readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { dirname, isAbsolute, join, relative, resolve } from 'node:path';

import { packageFile } from '../package.ts';
import { isFile, similarFile } from '../load/similar-file.ts';

/** @returns one line, and the place of the import as `file:line`; undefined for any other error */
export function explainMissing(
  error: NodeJS.ErrnoException,
): { readonly text: string; readonly place: string | undefined } | undefined {
  const missing = parse(error);
  if (missing === undefined) return undefined;
  const { text, specifier, importer, by } = missing;
  if (importer === undefined) return { text, place: undefined };
  const named = findName(specifier, importer);
  const remedy = isPath(specifier)
    ? remedyForFile(resolve(dirname(importer), specifier), importer)
    : remedyForPackage(named?.word ?? specifier, importer);
  const place = named && `${importer}:${named.line}`;
  const where = `${by} ${place ?? importer}`;
  return { text: `${text}${where}${remedy === undefined ? '' : `: ${remedy}`}`, place };
}

/** The parts of Node's error. */
interface Missing {
  /** Its message up to the importer. */
  readonly text: string;
  /** As it was written, or the path to which Node has resolved it. */
  readonly specifier: string;
  readonly importer: string | undefined;
  readonly by: string;
}

function parse(error: NodeJS.ErrnoException): Missing | undefined {
  const { code, message } = error;
  if (code === 'MODULE_NOT_FOUND') {
    const [, text, specifier] = /^(Cannot find module '(.+?)')/.exec(message) ?? [];
    if (specifier === undefined) return undefined;
    // jiti has the importer only in the message.
    const importer = /\nRequire stack:\n- (.+)/.exec(message)?.[1];
    return { text: text!, specifier, importer, by: ', required by' };
  }
  if (code !== 'ERR_MODULE_NOT_FOUND' && code !== 'ERR_UNSUPPORTED_DIR_IMPORT') return undefined;
  const [line] = message.split('\n', 1);
  const [text, importer] = line!.split(' imported from ');
  const specifier = /^[^']*'(.+)'/.exec(text!)?.[1];
  if (specifier === undefined || importer === undefined) return undefined;
  return { text: text!, specifier, importer, by: ' imported from' };
}

function isPath(specifier: string): boolean {
  return isAbsolute(specifier) || /^\.{1,2}(?:\/|$)/.test(specifier);
}

/** Finds the import in a file. Of an import from a package, Node's error has only the name of the package. */
function findName(
  specifier: string,
  importer: string,
): { readonly line: number; readonly word: string } | undefined {
  const folder = dirname(importer);
  const path = isPath(specifier) ? resolve(folder, specifier) : undefined;
  const isIt = (word: string): boolean =>
    path === undefined
      ? word === specifier || word.startsWith(`${specifier}/`)
      : isPath(word) && resolve(folder, word) === path;
  for (const [index, line] of readText(importer).split('\n').entries()) {
    for (const [, , word] of line.matchAll(/(["'`])([^"'`]+)\1/g))
      if (isIt(word!)) return { line: index + 1, word: word! };
  }
  return undefined;
}

function remedyForFile(missing: string, importer: string): string | undefined {
  const similar = similarFile(missing, importer);
  return similar && meaning(similar, importer);
}

// ---- packages

function remedyForPackage(specifier: string, importer: string): string | undefined {
  if (isBuiltin(`node:${specifier}`)) return `did you mean 'node:${specifier}'?`;
  const beside = join(dirname(importer), specifier);
  if (isFile(beside)) return meaning(beside, importer);
  const [name] = /^(?:@[\w.-]+\/)?[a-z\d_-][\w.-]*/i.exec(specifier) ?? [];
  if (name === undefined) return undefined;
  if (isDependency(name, importer)) return 'npm install';
  return `npm install ${name === OWN_NAME ? ownPackage() : name}`;
}

const OWN_NAME = 'postern';

/** This package as an argument of npm install: it is in no registry. --install-links copies it: a link cannot be uploaded. */
function ownPackage(): string {
  const folder = dirname(packageFile());
  return `--install-links ${/\s/.test(folder) ? JSON.stringify(folder) : folder}`;
}

/** Whether the package.json of a file names another package as a dependency. */
function isDependency(name: string, file: string): boolean {
  for (let folder = dirname(file); ; folder = dirname(folder)) {
    const text = readText(join(folder, 'package.json'));
    if (text !== '') return text.includes(`${JSON.stringify(name)}:`);
    if (folder === dirname(folder)) return false;
  }
}

// ---- files

function meaning(path: string, importer: string): string {
  const found = relative(dirname(importer), path);
  return `did you mean '${found.startsWith('.') ? found : `./${found}`}'?`;
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
