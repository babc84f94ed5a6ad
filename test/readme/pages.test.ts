/** All pages of the project: links and paths in them lead to files, also in the package, which has not all of them. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, test } from 'vitest';

import { ROOT, readPage, withoutBlocks } from './markdown.ts';

const FOLDERS = ['src', 'adapters', 'test', 'conf'];

const FILES: ReadonlySet<string> = new Set([
  ...readdirSync(ROOT),
  ...FOLDERS.flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' }).map(
      (file) => `${folder}/${file}`,
    ),
  ),
]);

const PAGES = [...FILES].filter((file) => file.endsWith('.md'));

/** What `npm pack` takes: `files` of package.json, and what it always takes. */
const PACKED = ['README.md', 'LICENSE', 'package.json', ...packageFiles()];

function packageFiles(): readonly string[] {
  return (JSON.parse(readPage('package.json')) as { files: readonly string[] }).files;
}

function isPacked(file: string): boolean {
  return PACKED.some((name) => file === name || file.startsWith(`${name}/`));
}

interface Link {
  readonly text: string;
  /** The file, from the root on. */
  readonly target: string;
  readonly anchor: string | undefined;
}

/** The links of a page to files of the project. */
function linksIn(page: string, text: string): Link[] {
  return [...text.matchAll(/\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)/g)].map(
    ([link, path, anchor]) => ({
      text: link,
      target: path === '' ? page : join(page, '..', path!),
      anchor,
    }),
  );
}

/** A heading as the anchor that GitHub makes of it. */
function anchorOf(heading: string): string {
  const text = heading.toLowerCase().replaceAll(/[^\w -]/g, '');
  return text.replaceAll(' ', '-');
}

test('every page is known', () => {
  expect(PAGES).toEqual(expect.arrayContaining(['README.md', 'conf/OPTIONS.md', 'src/README.md']));
});

describe.each(PAGES)('%s', (page) => {
  const text = readPage(page);

  test('its links lead to pages, and to headings in them', () => {
    for (const { text: link, target, anchor } of linksIn(page, text)) {
      expect(FILES, link).toContain(target);
      if (anchor === undefined) continue;
      const found = withoutBlocks(readPage(target)).matchAll(/^#+ (.+)$/gm);
      const headings = [...found].map(([, name]) => name!);
      expect(headings.map(anchorOf), link).toContain(anchor);
    }
  });

  test('the files that it names by their path are there', () => {
    const paths = [...text.matchAll(/`((?:src|adapters|test|conf)\/[\w./-]+\.\w+)`/g)];
    for (const [, path] of paths) expect(FILES, path).toContain(path);
  });
});

describe('in the package', () => {
  test.each(PAGES.filter(isPacked))('links of %s lead to files of the package', (page) => {
    // The end of the README is about a clone, and says so.
    const [text] = readPage(page).split('\nTo work on postern itself, in a clone');
    const targets = linksIn(page, text!).map(({ target }) => target);
    expect(targets.filter((target) => !isPacked(target))).toEqual([]);
  });
});
