/**
 * Files that the front end sends by itself, told so in a header of the response: X-Accel-Redirect or
 * X-Sendfile. Only the operator's option and the application's FileWrapper lead here, and nothing that
 * a client has said (CVE-2025-61780, CVE-2026-7381).
 */

import { ReadStream, fstatSync, readFileSync, readlinkSync, realpathSync, statSync } from 'node:fs';
import type { PathLike, Stats } from 'node:fs';

import { normalizeMount } from '../uri/mount.ts';
import { quotePath } from '../uri/percent.ts';
import type { FileWrapper } from './file-wrapper.ts';
import type { CheckedHeaders } from './headers.ts';
import type { SendfileOptions } from '../types.ts';

/**
 * The headers with which the front end sends a file; `undefined` when it has to be sent byte by byte:
 * when it is not known to be a whole regular file below the root, or the response is another than a
 * plain 200.
 */
export function delegateFile(
  options: SendfileOptions,
  file: FileWrapper,
  status: string,
  headers: CheckedHeaders,
): CheckedHeaders | undefined {
  if (!status.startsWith('200 ') || headers.list.some(isContrary)) return undefined;
  const path = wholeFile(file.filelike, headers.contentLength);
  // lighttpd makes an underscore of an encoded control character.
  if (path === undefined || /[\0-\x1f\x7f]/.test(path)) return undefined;
  const relative = below(options.root, path);
  if (relative === undefined) return undefined;
  const list = headers.list.filter(([name]) => name.toLowerCase() !== 'content-length');
  // All of these front ends undo the encoding; nothing but ASCII remains.
  const value =
    options.header === 'X-Accel-Redirect'
      ? `${normalizeMount(options.prefix ?? '')}/${quotePath(relative)}`
      : quotePath(path);
  list.push([options.header, value]);
  return { ...headers, list, contentLength: -1 };
}

/** What speaks of other bytes than the file's, or sends a file already. */
const CONTRARY: ReadonlySet<string> = new Set([
  'content-encoding',
  'content-range',
  'x-accel-redirect',
  'x-sendfile',
]);

function isContrary([name]: readonly [name: string, value: string]): boolean {
  return CONTRARY.has(name.toLowerCase());
}

/**
 * The real path, as a byte string, of the file that would be sent from its first byte to its last.
 *
 * @param contentLength of the response, or -1
 */
function wholeFile(file: object, contentLength: number): string | undefined {
  try {
    const found = file instanceof ReadStream ? ofStream(file, contentLength) : ofHandle(file);
    if (found === undefined || !found.stats.isFile()) return undefined;
    const isPart = contentLength >= 0 && contentLength !== found.stats.size;
    return isPart ? undefined : found.path;
  } catch {
    return undefined; // it has gone, or cannot be looked at
  }
}

interface Found {
  path: string;
  stats: Stats;
}

/** A stream does not tell where it begins and ends: only with the file's whole length is it the whole. */
function ofStream(stream: ReadStream, contentLength: number): Found | undefined {
  if (contentLength < 0 || stream.bytesRead > 0 || stream.readableEncoding !== null) {
    return undefined;
  }
  const path = realPath(stream.path);
  return { path, stats: statSync(bytesOf(path)) };
}

/** Only Linux tells the path and the position of a descriptor. */
function ofHandle(file: { fd?: unknown }): Found | undefined {
  const { fd } = file;
  if (typeof fd !== 'number' || fd < 0 || process.platform !== 'linux') return undefined;
  if (!/^pos:\s*0$/m.test(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'))) return undefined;
  const path = readlinkSync(`/proc/self/fd/${fd}`, 'latin1');
  const stats = statSync(bytesOf(path));
  const opened = fstatSync(fd);
  // Meanwhile the path may name another file.
  return stats.ino === opened.ino && stats.dev === opened.dev ? { path, stats } : undefined;
}

/** What comes after the root, or `undefined` for a path that is not below it. */
function below(root: string, path: string): string | undefined {
  try {
    const real = realPath(root);
    const folder = real.endsWith('/') ? real : `${real}/`;
    return path.startsWith(folder) ? path.slice(folder.length) : undefined;
  } catch {
    return undefined;
  }
}

function realPath(path: PathLike): string {
  return realpathSync.native(path, 'buffer').toString('latin1');
}

function bytesOf(path: string): Buffer {
  return Buffer.from(path, 'latin1');
}
