/**
 * Watches a list of files, some of which may not exist yet.
 *
 * Not the files are watched but their folders, because editors put a new file in the place of the old one;
 * for a file whose folder does not exist either, the nearest one above it that does.
 */

import { statSync, watch } from 'node:fs';
import type { BigIntStats, FSWatcher } from 'node:fs';
import { basename, dirname, join, sep } from 'node:path';

/** Milliseconds without a change after which changes are told of: an editor, a formatter, a checkout make several. */
const QUIET = 50;
/** Milliseconds after which they are told of although there is no end of them. */
const PATIENCE = 1000;

/** Milliseconds by which the time of a change may seem too early: a tick of the kernel's clock. */
const TICK = 10;

/** A folder that is watched. */
interface Folder {
  readonly watcher: FSWatcher;
  /** What tells it from another one that is put in its place. */
  readonly inode: bigint;
}

/** What happened. */
export interface WatcherEvents {
  /** Files have been changed, made, removed or replaced. */
  changed(paths: readonly string[]): void;
  /** A folder cannot be watched. */
  failed(folder: string, error: Error): void;
}

/** Watches files until it is closed. It does not keep the process. */
export class Watcher {
  readonly #events: WatcherEvents;
  /** The state in which each file was last seen; undefined when there is none. */
  readonly #files = new Map<string, string | undefined>();
  readonly #folders = new Map<string, Folder>();
  #timer: NodeJS.Timeout | undefined;
  #changesSince = 0;

  constructor(events: WatcherEvents) {
    this.#events = events;
  }

  /**
   * Watches one more file.
   *
   * @param since when it was read, in milliseconds since 1970: what has happened to it since counts
   */
  add(path: string, since = Infinity): void {
    if (this.#files.has(path)) return;
    const state = stateOf(path);
    this.#files.set(path, state?.text);
    this.#place(path);
    // A time to come would count again and again.
    if (state !== undefined && state.modified > since - TICK && state.modified <= Date.now()) {
      this.#files.set(path, 'outdated');
      this.#schedule();
    }
  }

  /** Watches only those of the files that are named. */
  keep(paths: ReadonlySet<string>): void {
    for (const path of this.#files.keys()) if (!paths.has(path)) this.#files.delete(path);
    const needed = new Set([...this.#files.keys()].map(nearestFolder));
    for (const path of this.#folders.keys()) if (!needed.has(path)) this.#leave(path);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#files.clear();
    for (const path of this.#folders.keys()) this.#leave(path);
  }

  // ---- folders

  /** Watches the folder in which a change of a file can be seen. */
  #place(path: string): void {
    const folder = nearestFolder(path);
    const inode = look(folder)?.ino;
    if (this.#folders.get(folder)?.inode === inode) return;
    this.#leave(folder);
    try {
      const watcher = watch(folder, { persistent: false }, (_event, name) =>
        this.#onEvent(folder, name),
      );
      watcher.on('error', () => this.#leave(folder)); // it has gone
      this.#folders.set(folder, { watcher, inode: inode! });
    } catch (error) {
      // Of a folder in which something might appear one day, that is not worth a word.
      if (look(path) !== undefined) this.#events.failed(folder, error as Error);
    }
  }

  #leave(folder: string): void {
    this.#folders.get(folder)?.watcher.close();
    this.#folders.delete(folder);
  }

  #onEvent(folder: string, name: string | null): void {
    // Of the folder itself some systems tell under its own name, or none.
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
    else if (now - this.#changesSince > PATIENCE) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#look(), QUIET);
  }

  #look(): void {
    this.#timer = undefined;
    const changed: string[] = [];
    for (const [path, seen] of this.#files) {
      const state = stateOf(path)?.text;
      if (state !== seen) changed.push(path);
      this.#files.set(path, state);
      this.#place(path);
    }
    if (changed.length > 0) this.#events.changed(changed);
  }
}

function stateOf(path: string): { text: string; modified: number } | undefined {
  const stat = look(path);
  if (stat === undefined) return undefined;
  const text = `${stat.ino} ${stat.size} ${stat.mtimeNs}`;
  return { text, modified: Number(stat.mtimeNs / 1_000_000n) };
}

/** The folder of a file, or the nearest one above it that exists. */
function nearestFolder(path: string): string {
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    if (look(folder)?.isDirectory() === true || folder === dirname(folder)) return folder;
  }
}

function look(path: string): BigIntStats | undefined {
  try {
    return statSync(path, { bigint: true });
  } catch {
    return undefined; // not there, not any more, or not for us
  }
}
