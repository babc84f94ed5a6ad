/** On a Node that is too old the command says so in one line, before anything that such a Node cannot read. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { ROOT } from '../readme/markdown.ts';
import { manifest, project, run } from './kit.ts';

const MAIN = join(ROOT, 'dist/src/cli/main.cjs');

/** Runs the command as if this Node were another version; .ci/run has real ones. */
function runAs(version: string, env: NodeJS.ProcessEnv = {}): ReturnType<typeof run> {
  const text = `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '${version}' } });`;
  const folder = project({ 'other.cjs': text });
  return run([process.execPath, '--require', './other.cjs', MAIN, '--version'], folder, env);
}

test.each([
  ['18.20.8', '18.20'],
  ['20.18.3', '20.18'],
  ['16.20.2', '16.20'],
])('%s is refused in one line', (version, named) => {
  const line = `postern needs Node 20.19 or later; this is ${named}\n`;
  expect(runAs(version)).toEqual({ status: 1, stdout: '', stderr: line });
  const cgi = { GATEWAY_INTERFACE: 'CGI/1.1', REQUEST_METHOD: 'GET' };
  expect(runAs(version, cgi)).toEqual({ status: 1, stdout: '', stderr: line });
});

test.each(['20.19.0', '22.0.0', '26.1.0'])('%s is not', (version) => {
  const outcome = runAs(version);
  expect(outcome).toMatchObject({ status: 0, stderr: '' });
  expect(outcome.stdout.trim()).toBe(manifest().version);
});

test('the bound is that of package.json', () => {
  expect(manifest().engines.node).toBe('>=20.19');
});

test('the command imports nothing before it has looked', () => {
  expect(readFileSync(MAIN, 'utf8')).not.toMatch(
    /^import\b|^export (?!\{\};)|^(?:const|let) .*await /m,
  );
});
