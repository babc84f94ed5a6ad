/**
 * Watches a list of files, some of which may not exist yet.
 *
 * It watches their folders, because editors replace a file by a new one. If the folder does not exist either, it watches
 * the nearest one above that does.
 */

import { lstatSync, statSync, watch } from 'node:fs';
import type { BigIntStats, FSWatcher } from 'node:fs';
import { basename, dirname, join, sep } from 'node:path';

/** Milliseconds without a change after which changes are reported: an editor, a formatter, a checkout make several. */
const QUIET_TIME = 50;
/** Milliseconds after which changes are reported although more of them keep coming. */
const MAX_DELAY = 1000;

/** Milliseconds by which the time of a change may be too early: a tick of the kernel's clock. */
const TICK = 10;

/** A folder that is watched. */
interface Folder {
  readonly watcher: FSWatcher;
  /** A folder that replaces this one has another inode. */
  readonly inode: bigint;
}

/** The events of a watcher. */
export interface WatcherEvents {
  /** Files were changed, made, removed or replaced. */
  changed(paths: readonly string[]): void;
  /** A folder cannot be watched. */
  failed(folder: string, error: Error): void;
}

/** Watches files until it is closed. It does not keep the process alive. */
export class Watcher {
  readonly #events: WatcherEvents;
  /** The last known state of each file; undefined when it did not exist. */
  readonly #files = new Map<string, string | undefined>();
  readonly #folders = new Map<string, Folder>();
  /** Files that are not watched here, and have changed. */
  readonly #touched = new Set<string>();
  #timer: NodeJS.Timeout | undefined;
  #changesSince = 0;

  constructor(events: WatcherEvents) {
    this.#events = events;
  }

  /**
   * Watches one more file.
   *
   * @param since when it was read, in milliseconds since 1970. If it was changed after that, this is reported
   */
  add(path: string, since = Infinity): void {
    if (this.#files.has(path)) return;
    const state = stateOf(path);
    this.#files.set(path, state?.text);
    this.#watchFolders(path);
    // A time in the future would be reported again and again.
    if (state !== undefined && state.modified > since - TICK && state.modified <= Date.now()) {
      this.#files.set(path, 'outdated');
      this.#schedule();
    }
  }

  /** Reports a change that was noticed elsewhere, together with those that come at the same time. */
  touch(path: string): void {
    this.#touched.add(path);
    this.#schedule();
  }

  /** Stops watching all files but these. */
  keep(paths: ReadonlySet<string>): void {
    for (const path of this.#files.keys()) if (!paths.has(path)) this.#files.delete(path);
    const needed = new Set([...this.#files.keys()].flatMap(foldersOf));
    for (const path of this.#folders.keys()) if (!needed.has(path)) this.#unwatch(path);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#files.clear();
    for (const path of this.#folders.keys()) this.#unwatch(path);
  }

  // ---- folders

  /** Watches the folders in which a change of a file can be seen. */
  #watchFolders(path: string): void {
    for (const folder of foldersOf(path)) this.#watchFolder(folder, path);
  }

  #watchFolder(folder: string, path: string): void {
    const inode = tryStat(folder)?.ino;
    if (this.#folders.get(folder)?.inode === inode) return;
    this.#unwatch(folder);
    try {
      const watcher = watch(folder, { persistent: false }, (_event, name) =>
        this.#onEvent(folder, name),
      );
      watcher.on('error', () => this.#unwatch(folder)); // the folder was removed
      this.#folders.set(folder, { watcher, inode: inode! });
    } catch (error) {
      // Not reported for a file that does not exist.
      if (tryStat(path) !== undefined) this.#events.failed(folder, error as Error);
    }
  }

  #unwatch(folder: string): void {
    this.#folders.get(folder)?.watcher.close();
    this.#folders.delete(folder);
  }

  #onEvent(folder: string, name: string | null): void {
    // On some systems an event of the folder itself has the folder's name, or none.
    const isOwn = name === null || name === basename(folder);
    const touched = isOwn ? folder : join(folder, name);
    for (const path of this.#files.keys()) {
      if (path !== touched && !path.startsWith(touched + sep)) continue;
      this.#schedule();
      return;
    }
  }

  // ---- changes

  #schedule(): void {
    const now = Date.now();
    if (this.#timer === undefined) this.#changesSince = now;
    else if (now - this.#changesSince > MAX_DELAY) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#checkFiles(), QUIET_TIME);
  }

  #checkFiles(): void {
    this.#timer = undefined;
    const changed = [...this.#touched].filter((path) => !this.#files.has(path));
    this.#touched.clear();
    for (const [path, before] of this.#files) {
      const state = stateOf(path)?.text;
      if (state !== before) changed.push(path);
      this.#files.set(path, state);
      this.#watchFolders(path);
    }
    if (changed.length > 0) this.#events.changed(changed);
  }
}

/** What tells whether a file was changed or replaced; undefined when there is none. */
export function stateOf(
  path: string,
): { text: string; modified: number; isFolder: boolean } | undefined {
  const stat = tryStat(path);
  if (stat === undefined) return undefined;
  const text = `${stat.ino} ${stat.size} ${stat.mtimeNs}`;
  return { text, modified: Number(stat.mtimeNs / 1_000_000n), isFolder: stat.isDirectory() };
}

/**
 * The folder of a file, and those in which there are the links that lead to it: a release is put into service by another
 * target of a link (`current`).
 */
function foldersOf(path: string): string[] {
  const folders = [nearestFolder(path)];
  for (let part = dirname(path); part !== dirname(part); part = dirname(part))
    if (isLink(part)) folders.push(dirname(part));
  return folders;
}

function isLink(path: string): boolean {
  try {
    return lstatSync(path).isSymbolicLink();
  } catch {
    return false; // it does not exist, or is not accessible
  }
}

/** The folder of a file, or the nearest one above it that exists. */
function nearestFolder(path: string): string {
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    if (tryStat(folder)?.isDirectory() === true || folder === dirname(folder)) return folder;
  }
}

function tryStat(path: string): BigIntStats | undefined {
  try {
    return statSync(path, { bigint: true });
  } catch {
    return undefined; // it does not exist, or is not accessible
  }
}
