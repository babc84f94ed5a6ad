/** Imports run one way: the architecture, as far as the sources themselves can tell of it. */

import { readFileSync, readdirSync } from 'node:fs';
import { join, posix } from 'node:path';

import { describe, expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '..');

interface Import {
  /** The file that imports, from the root of the package. */
  from: string;
  /** The file that is imported, or a bare name: `node:fs`, `yargs`. */
  to: string;
  /** `lazy`: by `import()`, when it is needed; `type`: gone when it runs. */
  kind: 'value' | 'lazy' | 'type';
}

const files = ['src', 'adapters'].flatMap((folder) =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => `${folder}/${file}`),
);
const imports = files.flatMap(importsOf);

function importsOf(from: string): Import[] {
  const source = readFileSync(join(ROOT, from), 'utf8');
  const found = (pattern: RegExp, kind: Import['kind']): Import[] =>
    [...source.matchAll(pattern)].map(([, name]) => ({ from, to: resolve(from, name!), kind }));
  return [
    ...found(/^(?:import|export) (?!type )[^;']*from '([^']+)';$/gm, 'value'),
    ...found(/^import '([^']+)';$/gm, 'value'),
    ...found(/\bimport\('([^']+)'\)/g, 'lazy'),
    ...found(/^(?:import|export) type [^;']*from '([^']+)';$/gm, 'type'),
  ];
}

function resolve(from: string, name: string): string {
  return name.startsWith('.') ? posix.join(posix.dirname(from), name) : name;
}

/** What is wrong, as a list that a failing test shows. */
function offenders(isWrong: (edge: Import) => boolean): string[] {
  return imports.filter(isWrong).map(({ from, to }) => `${from} imports ${to}`);
}

const isIn = (folder: string) => (file: string) => file.startsWith(`${folder}/`);
const isCli = isIn('src/cli');
const isAdapter = isIn('adapters');

test('every import is seen, and leads to a file', () => {
  expect(imports).toContainEqual({
    from: 'src/cli/registry.ts',
    to: 'adapters/http/index.ts',
    kind: 'lazy',
  });
  const own = imports.filter(({ to }) => /^(?:src|adapters)\//.test(to));
  expect(own.filter(({ to }) => !files.includes(to))).toEqual([]);
  // One that is written in another way would be missed by all that follows.
  const seen = imports.filter(({ kind }) => kind !== 'lazy').length;
  const written = files.flatMap((file) => {
    const source = readFileSync(join(ROOT, file), 'utf8');
    return source.match(/^import\b|^export (?:type )?[{*]/gm) ?? [];
  });
  expect(seen).toBe(written.length);
});

test('src names no adapter, but for the registry, which loads one when it is asked for', () => {
  expect(
    offenders(({ from, to, kind }) => {
      const isRegistry = from === 'src/cli/registry.ts' && kind === 'lazy';
      return !isAdapter(from) && isAdapter(to) && !isRegistry;
    }),
  ).toEqual([]);
});

const folderOf = (file: string): string => file.split('/')[1]!;

test('an adapter knows src alone, and never another adapter', () => {
  expect(
    offenders(({ from, to }) => {
      return isAdapter(from) && isAdapter(to) && folderOf(from) !== folderOf(to);
    }),
  ).toEqual([]);
});

test('the command stands on top, and yargs is for the completion of a shell alone', () => {
  expect(offenders(({ from, to }) => isCli(to) && !isCli(from))).toEqual([]);
  expect(
    offenders(({ from, to }) => to.startsWith('yargs') && from !== 'src/cli/usage/completion.ts'),
  ).toEqual([]);
});

describe('floors', () => {
  // From the bottom: a folder may import itself and those before its own floor. .oxlintrc.json has the same list.
  const floors = [
    ['src'], // the ground floor: contract, failures, bounds, bytes
    ['src/uri', 'src/files', 'src/logging'],
    ['src/resources'],
    ['src/input', 'src/response', 'src/sockets'],
    ['src/environ', 'src/listening'],
    ['src/handler'],
    ['src/one-request', 'src/apps/request', 'src/middleware', 'src/validate', 'src/testing'],
    ['src/apps/node', 'src/apps/fetch'],
    ['src/apps'],
    ['src/index.ts'],
  ];
  const height = new Map(floors.flatMap((floor, i) => floor.map((name) => [name, i] as const)));

  /** `src/environ` for what is below it; `src/index.ts` stands on top, for it is the library's surface. */
  function wingOf(file: string): string {
    if (file === 'src/index.ts') return file;
    const [, ...folders] = file.split('/').slice(0, -1);
    const names = folders.map((_, i) => ['src', ...folders.slice(0, i + 1)].join('/'));
    return names.findLast((name) => height.has(name)) ?? (folders.length === 0 ? 'src' : file);
  }

  const shared = files.filter((file) => file.startsWith('src/') && !isCli(file));

  test('every file lives on one', () => {
    expect(shared.filter((file) => !height.has(wingOf(file)))).toEqual([]);
  });

  test('imports lead down, or stay in the folder', () => {
    expect(
      offenders(({ from, to }) => {
        if (!shared.includes(from) || !shared.includes(to)) return false;
        const [own, other] = [wingOf(from), wingOf(to)];
        return own !== other && height.get(other)! >= height.get(own)!;
      }),
    ).toEqual([]);
  });

  test('what is shared never imports the public surface', () => {
    expect(offenders(({ to }) => to === 'src/index.ts')).toEqual([]);
  });

  test('a folder of src is small enough to be seen at once', () => {
    const count = new Map<string, number>();
    for (const file of files.filter((each) => each.startsWith('src/'))) {
      const folder = file.slice(0, file.lastIndexOf('/'));
      count.set(folder, (count.get(folder) ?? 0) + 1);
    }
    const tooMany = [...count].filter(([, files]) => files > 9);
    expect(tooMany).toEqual([]);
  });
});

const targets = new Map(
  files.map((file) => [file, imports.filter(({ from }) => from === file)] as const),
);

/** What is loaded with a file before it runs. */
function loadedWith(file: string, loaded = new Set<string>()): ReadonlySet<string> {
  if (loaded.has(file)) return loaded;
  loaded.add(file);
  for (const { to, kind } of targets.get(file) ?? []) {
    if (kind === 'value') loadedWith(to, loaded);
  }
  return loaded;
}

// What is loaded for real, by paths that are taken when they are needed, test/cgi/isolation.test.ts looks at.
test.each(['src/cli/serve/detect.ts', 'src/cli/cgi/cgi.ts', 'adapters/cgi/index.ts'])(
  'with %s comes no command line, no server and no other gateway',
  (file) => {
    const loaded = [...loadedWith(file)];
    const unwanted =
      /^(?:yargs|node:(?:https?|http2|tls|child_process)$|src\/listening\/|src\/cli\/(?:command|serve\/(?:serve|gateways))\.ts|adapters\/(?!cgi\/))/;
    expect(loaded.length).toBeGreaterThan(1);
    expect(loaded.filter((each) => unwanted.test(each))).toEqual([]);
  },
);

test('no file needs itself, through whichever others, not even for a type', () => {
  const done = new Set<string>();
  const circles: string[] = [];
  const visit = (file: string, path: readonly string[]): void => {
    if (path.includes(file)) circles.push([...path.slice(path.indexOf(file)), file].join(' → '));
    if (done.has(file) || path.includes(file)) return;
    for (const { to } of targets.get(file) ?? []) visit(to, [...path, file]);
    done.add(file);
  };
  for (const file of files) visit(file, []);
  expect(circles).toEqual([]);
});

test('a file can be read at once, or its head says why not', () => {
  const tooLong = files.filter((file) => {
    const source = readFileSync(join(ROOT, file), 'utf8');
    const [head] = source.split('*/');
    return (
      source.split('\n').length > 301 && !/This file is longer than others because/.test(head!)
    );
  });
  expect(tooLong).toEqual([]);
});
