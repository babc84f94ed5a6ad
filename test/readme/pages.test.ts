/** The pages for those who work on the project: links and paths in them lead to files. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, test } from 'vitest';

import { ROOT, readPage } from './markdown.ts';

const PAGES = [
  'README.md',
  'CONTRIBUTING.md',
  'src/README.md',
  'adapters/README.md',
  'test/README.md',
  'conf/README.md',
];

const FOLDERS = ['src', 'adapters', 'test', 'conf'];

const FILES: ReadonlySet<string> = new Set([
  ...readdirSync(ROOT),
  ...FOLDERS.flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' }).map(
      (file) => `${folder}/${file}`,
    ),
  ),
]);

/** A heading as the anchor that GitHub makes of it. */
function anchorOf(heading: string): string {
  const text = heading.toLowerCase().replaceAll(/[^\w -]/g, '');
  return text.replaceAll(' ', '-');
}

describe.each(PAGES)('%s', (page) => {
  const text = readPage(page);

  test('its links lead to pages, and to headings in them', () => {
    const links = [...text.matchAll(/\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)/g)];
    expect(links).not.toEqual([]);
    for (const [link, path, anchor] of links) {
      const target = path === '' ? page : join(page, '..', path!);
      expect(FILES, link).toContain(target);
      if (anchor === undefined) continue;
      const headings = [...readPage(target).matchAll(/^#+ (.+)$/gm)].map(([, name]) => name!);
      expect(headings.map(anchorOf), link).toContain(anchor);
    }
  });

  test('the files that it names by their path are there', () => {
    const paths = [...text.matchAll(/`((?:src|adapters|test|conf)\/[\w./-]+\.\w+)`/g)];
    for (const [, path] of paths) expect(FILES, path).toContain(path);
  });
});
