/** What a start loads: no start pays for what it does not use. Times would depend on the machine, modules do not. */

import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

import { describe, expect, test } from 'vitest';

import { CommandProcess, POSTERN, fixture } from './process.ts';
import type { Setup } from './process.ts';

const TELL = new URL('../cgi/fixtures/tell-modules.mjs', import.meta.url).href;
const ROOT = pathToFileURL(POSTERN.replace(/dist\/.*/, '')).href;
const APP = fixture('served.mjs');

/** The modules that the command loads, from the root of the package; `node:` modules as they are. */
async function loadedBy(
  args: readonly string[],
  until?: RegExp,
  setup: Setup = {},
): Promise<string[]> {
  const env = { ...setup.env, NODE_OPTIONS: `--import ${TELL}` };
  const command = new CommandProcess(args, { ...setup, env });
  if (until !== undefined) await command.says(until);
  const { stderr } = until === undefined ? await command.ended : await command.stop();
  const urls = [...stderr.matchAll(/^loaded (.*)$/gm)].map(([, url]) => url!);
  expect(urls.length).toBeGreaterThan(1);
  return urls.map((url) => (url.startsWith(ROOT) ? url.slice(ROOT.length) : url));
}

const isOf = (pattern: RegExp) => (file: string) => pattern.test(file);
/** Packages, whatever is in them: each takes longer than Node's own start. */
const PACKAGES = isOf(/node_modules\//);
const OPTIONS = isOf(/^dist\/src\/cli\/options\/(?:options|readers)\.js$/);
const GATEWAYS = isOf(/^dist\/adapters\//);
const SERVERS = isOf(/^node:(?:https?|http2|tls|cluster|child_process)$/);

describe('loads', () => {
  test.each([['--version'], ['-V']])('%s: no option', async (flag) => {
    const loaded = await loadedBy([flag]);
    expect(loaded.filter(OPTIONS)).toEqual([]);
    expect(loaded.filter((file) => PACKAGES(file) || GATEWAYS(file) || SERVERS(file))).toEqual([]);
    expect(loaded.filter(isOf(/^dist\//)).length).toBeLessThan(15);
  });

  test.each([[['--help']], [['--help=all']], [['--bogus']]])(
    '%j: the options, but no gateway',
    async (args) => {
      const loaded = await loadedBy(args);
      expect(loaded.some(OPTIONS)).toBe(true);
      const isUnwanted = isOf(
        /^dist\/src\/(?:apps\/(?:node|fetch)|handler|listening|cli\/(?:serve\/(?!detect)|load))\//,
      );
      expect(loaded.filter(isUnwanted)).toEqual([]);
      expect(loaded.filter((file) => PACKAGES(file) || GATEWAYS(file) || SERVERS(file))).toEqual(
        [],
      );
    },
  );

  test('conf: its own folder, and none of the options of the server', async () => {
    const loaded = await loadedBy(['conf', 'nginx']);
    expect(loaded).toContain('dist/src/cli/conf/conf-command.js');
    expect(loaded.filter((file) => PACKAGES(file) || GATEWAYS(file) || SERVERS(file))).toEqual([]);
    expect(loaded.filter(isOf(/^dist\/src\/(?:apps|handler|listening)\//))).toEqual([]);
  });

  test.each([
    ['http', /^dist\/adapters\/(?!http\/)/],
    ['fastcgi', /^dist\/adapters\/(?!fastcgi\/)/],
    ['scgi', /^dist\/adapters\/(?!scgi\/)/],
    ['uwsgi', /^dist\/adapters\/(?!uwsgi\/)/],
  ])('--%s: no other gateway, no package, no page of help', async (gateway, others) => {
    const loaded = await loadedBy([APP, `--${gateway}`, '0'], new RegExp(`${gateway} on`));
    expect(loaded.some(isOf(new RegExp(`^dist/adapters/${gateway}/`)))).toBe(true);
    expect(loaded.filter(isOf(others))).toEqual([]);
    expect(loaded.filter(PACKAGES)).toEqual([]);
    const isUnwanted = isOf(
      /^dist\/src\/(?:apps\/fetch\/(?!is-response)|validate|testing|cli\/(?:conf|explain|reload|cgi)\/)|usage\/(?:help|completion|layout)\.js|error-page\/page/,
    );
    expect(loaded.filter(isUnwanted)).toEqual([]);
    if (gateway !== 'http') expect(loaded.filter(SERVERS)).toEqual([]);
  });

  test('--reload: neither packages nor globs, in both processes', async () => {
    const loaded = await loadedBy([APP, '--http', '0', '--reload'], /served\.mjs/);
    expect(loaded).toContain('dist/src/cli/reload/supervisor.js');
    expect(loaded.filter(PACKAGES)).toEqual([]);
    expect(loaded.filter(isOf(/globs/))).toEqual([]);
  });

  test('completion: yargs, and nothing else does', async () => {
    const loaded = await loadedBy(['completion']);
    expect(loaded.some(isOf(/node_modules\/yargs\//))).toBe(true);
    expect(loaded.filter(GATEWAYS)).toEqual([]);
  });
});

test('every package that is needed to run is loaded by one file, and lazily or by a lazy one', () => {
  const { dependencies } = JSON.parse(
    readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
  ) as { dependencies: Record<string, string> };
  // The table above looks at what is loaded: of each package somebody has thought.
  expect(Object.keys(dependencies).toSorted()).toEqual([
    'jiti',
    'node-fastcgi',
    'picomatch',
    'yargs',
    'youch',
  ]);
});
