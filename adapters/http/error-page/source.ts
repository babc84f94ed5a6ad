/**
 * Lines of source around the positions in a stack. A stack is text: it may come from a client or a cache, and name any
 * file. So source is shown only of scripts below the working folder, and of CommonJS modules that are loaded. (Node has no
 * list of loaded ES modules.)
 */

import { constants } from 'node:fs';
import { open, realpath } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { extname, sep } from 'node:path';

import type { StackFrame } from 'youch/types';

type SourceLine = NonNullable<StackFrame['source']>[number];

/** Frames that are shown with source, on one page. */
const MAX_FRAMES = 40;
/** Files that are read for them. */
const MAX_FILES = 40;
/** Lines before and after the one of a frame. */
const MARGIN = 5;
/** Characters of a line: a bundle may be a single line. */
const MAX_LINE = 300;
/** Bytes of a file. */
const MAX_FILE = 4 * 1024 * 1024;

/** Reads source for one page. */
export class SourceReader {
  #left = MAX_FRAMES;
  readonly #files = new Map<string, Promise<readonly string[] | undefined>>();

  /** The lines around the position of a frame; undefined when they may not be shown, or do not exist. */
  async linesAround({
    fileName,
    fileType,
    type,
    lineNumber,
  }: StackFrame): Promise<SourceLine[] | undefined> {
    if (fileName === undefined || lineNumber === undefined || lineNumber < 1) return undefined;
    if (fileType !== 'fs' || type === 'native' || this.#left === 0) return undefined;
    let file = this.#files.get(fileName);
    if (file === undefined) {
      if (this.#files.size >= MAX_FILES) return undefined;
      file = readLines(fileName);
      this.#files.set(fileName, file);
    }
    const lines = await file;
    if (lines === undefined || lineNumber > lines.length || this.#left === 0) return undefined;
    this.#left--;
    const first = Math.max(0, lineNumber - 1 - MARGIN);
    return lines
      .slice(first, lineNumber + MARGIN)
      .map((line, i) => ({ chunk: clipLine(line), lineNumber: first + i + 1 }));
  }
}

function clipLine(line: string): string {
  return line.length > MAX_LINE ? `${line.slice(0, MAX_LINE)}…` : line;
}

async function readLines(path: string): Promise<readonly string[] | undefined> {
  try {
    const real = await realpath(path);
    if (!isLoaded(real) && !(await isScriptBelowCwd(real))) return undefined;
    // O_NONBLOCK: a named pipe must not block. O_NOFOLLOW: the file may have been replaced by a link since realpath().
    const flags = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW;
    const file = await open(real, flags);
    try {
      const stats = await file.stat();
      if (!stats.isFile() || stats.size > MAX_FILE) return undefined;
      return (await file.readFile('utf8')).split(/\r?\n/);
    } finally {
      await file.close();
    }
  } catch {
    return undefined; // it does not exist, or we may not read it
  }
}

/** Whether require() has loaded it: a script of any extension (`app.cgi`), but not data. */
function isLoaded(path: string): boolean {
  return Object.hasOwn(LOADED, path) && !/^\.(?:json|node)$/.test(extname(path));
}

const LOADED = createRequire(import.meta.url).cache;

const SCRIPT = /^\.(?:[cm]?[jt]s|[jt]sx)$/;

async function isScriptBelowCwd(path: string): Promise<boolean> {
  if (!SCRIPT.test(extname(path))) return false;
  const folder = await realpath(process.cwd());
  return path.startsWith(folder.endsWith(sep) ? folder : folder + sep);
}
