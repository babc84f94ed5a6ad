/**
 * Lines of source around the places that a stack names. A stack is text: it may come from a client, or out of a cache,
 * and name any file. So source is shown only of scripts that lie below the working folder, and of CommonJS modules that
 * are loaded. (Node has no list of the ES modules that are.)
 */

import { constants } from 'node:fs';
import { open, realpath } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { extname, sep } from 'node:path';

import type { StackFrame } from 'youch/types';

type SourceLine = NonNullable<StackFrame['source']>[number];

/** Frames of a page that have source. */
const MAX_FRAMES = 40;
/** Files that are looked at for them. */
const MAX_FILES = 40;
/** Lines before and behind the one that a frame names. */
const MARGIN = 5;
/** Characters of a line: in a bundle there is one for everything. */
const MAX_LINE = 300;
/** Bytes of a file. */
const MAX_FILE = 4 * 1024 * 1024;

/** Reads source for one page. */
export class SourceReader {
  #left = MAX_FRAMES;
  readonly #files = new Map<string, Promise<readonly string[] | undefined>>();

  /** The lines around the place of a frame; undefined when they are not to be shown, or not there. */
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
    // A named pipe is not waited for, nor what somebody has put in the place of the file by now followed.
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
    return undefined; // no file, or none of ours
  }
}

/** `app.cgi` is loaded by require() as well; so are files that hold data. */
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
