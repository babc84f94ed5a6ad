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

test('the command stands on top, and yargs below it alone', () => {
  expect(offenders(({ from, to }) => isCli(to) && !isCli(from))).toEqual([]);
  expect(offenders(({ from, to }) => to.startsWith('yargs') && !isCli(from))).toEqual([]);
});

describe('layers of the core', () => {
  // From the bottom; a file may import those of its own layer and of the layers before it.
  const layers = [
    ['types', 'errors', 'limits'],
    ['bytes', 'status', 'headers'],
    ['environ', 'input', 'log', 'response', 'body', 'address', 'settle-limits'],
    ['base-handler', 'listener', 'server', 'stream-handler', 'file-wrapper'],
    ['index'],
  ].map((names) => names.map((name) => `src/${name}.ts`));

  test.each(layers.flatMap((layer, height) => layer.map((file) => [file, height] as const)))(
    '%s imports nothing that is above it',
    (file, height) => {
      expect(files).toContain(file);
      const above = layers.slice(height + 1).flat();
      expect(offenders(({ from, to }) => from === file && above.includes(to))).toEqual([]);
    },
  );

  test('what is shared never imports the public surface', () => {
    expect(offenders(({ to }) => to === 'src/index.ts')).toEqual([]);
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
test.each(['src/cli/detect.ts', 'src/cli/cgi.ts', 'adapters/cgi/index.ts'])(
  'with %s comes no command line, no server and no other gateway',
  (file) => {
    const loaded = [...loadedWith(file)];
    const unwanted =
      /^(?:yargs|node:(?:https?|http2|tls|child_process)$|src\/(?:server|listener|cli\/command)\.ts|adapters\/(?!cgi\/))/;
    expect(loaded.length).toBeGreaterThan(1);
    expect(loaded.filter((each) => unwanted.test(each))).toEqual([]);
  },
);

test('no file needs itself, through whichever others', () => {
  const done = new Set<string>();
  const cycles: string[] = [];
  const visit = (file: string, path: readonly string[]): void => {
    if (path.includes(file)) cycles.push([...path.slice(path.indexOf(file)), file].join(' → '));
    if (done.has(file) || path.includes(file)) return;
    // Declarations that need each other load nothing: what matters is in which order files run.
    const needed = targets.get(file)?.filter(({ kind }) => kind !== 'type') ?? [];
    for (const { to } of needed) visit(to, [...path, file]);
    done.add(file);
  };
  for (const file of files) visit(file, []);
  expect(cycles).toEqual([]);
});
