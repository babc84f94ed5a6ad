/** Watches files that are read and not imported: those in some folders, and below them, that match globs. */

import { readdirSync, realpathSync, watch } from 'node:fs';
import type { FSWatcher } from 'node:fs';
import { basename, join, sep } from 'node:path';

import type { Globs } from './globs.ts';
import { stateOf } from './watcher.ts';

/** Folders that hold no files of an author, and very many others. */
const IGNORED: ReadonlySet<string> = new Set(['node_modules', '.git']);

/** Folders that are watched at most. Linux allows a user 8,192 watches where there is little memory. */
const MAX_FOLDERS = 5000;

/** The events of a tree. */
interface TreeEvents {
  changed(path: string): void;
  failed(folder: string, error: Error): void;
}

/** Watches until it is closed. It does not keep the process alive. */
export class FileTree {
  readonly #include: Globs;
  readonly #exclude: Globs;
  readonly #events: TreeEvents;
  /** By their real paths: links may form a circle. */
  readonly #folders = new Map<string, FSWatcher>();
  /** The last known state of each file that matches. */
  readonly #files = new Map<string, string | undefined>();

  constructor(include: Globs, exclude: Globs, events: TreeEvents) {
    this.#include = include;
    this.#exclude = exclude;
    this.#events = events;
    for (const base of include.bases) this.#add(base, () => {});
  }

  close(): void {
    for (const watcher of this.#folders.values()) watcher.close();
    this.#folders.clear();
  }

  /** Watches a folder and all below it, or takes note of a file. @param found called with each file that matches */
  #add(path: string, found: (file: string) => void): void {
    const state = stateOf(path);
    if (state?.isFolder === true) this.#addFolder(path, found);
    else if (state !== undefined && this.#isWanted(path)) {
      this.#files.set(path, state.text);
      found(path);
    }
  }

  #addFolder(path: string, found: (file: string) => void): void {
    if (IGNORED.has(basename(path)) || this.#exclude.matchesAllIn(path)) return;
    try {
      const real = realpathSync(path);
      if (this.#folders.has(real)) return;
      if (this.#folders.size >= MAX_FOLDERS)
        throw new Error(`there are more than ${MAX_FOLDERS} folders`);
      const watcher = watch(path, { persistent: false }, (_event, name) => {
        if (name !== null) this.#onEvent(join(path, name));
      });
      watcher.on('error', () => this.#remove(real)); // the folder was removed
      this.#folders.set(real, watcher);
      for (const name of readdirSync(path)) this.#add(join(path, name), found);
    } catch (error) {
      this.#events.failed(path, error as Error);
    }
  }

  #remove(real: string): void {
    for (const [folder, watcher] of this.#folders) {
      if (folder !== real && !folder.startsWith(real + sep)) continue;
      watcher.close();
      this.#folders.delete(folder);
    }
  }

  #onEvent(path: string): void {
    const state = stateOf(path);
    if (state?.isFolder === true) {
      this.#add(path, (file) => this.#events.changed(file));
      return;
    }
    if (state === undefined) this.#remove(path);
    if (!this.#isWanted(path) || state?.text === this.#files.get(path)) return;
    this.#files.set(path, state?.text);
    this.#events.changed(path);
  }

  #isWanted(path: string): boolean {
    return this.#include.matches(path) && !this.#exclude.matches(path);
  }
}
