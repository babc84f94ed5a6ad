/**
 * Runs the test suites of frameworks on postern. Tells which of their tests fail there alone, and how many pass.
 *
 *     node test/frameworks/run.mjs FOLDER[:WORDS]…
 *
 * A folder is a checkout in which `npm install` was run. Of its test files those are run whose path has one of the words,
 * which are separated by commas; only for `node --test`.
 *
 * Each suite runs four times: on node:http, on node:http behind nginx, on the HTTP gateway, and on FastCGI behind nginx.
 * What fails on node:http as well, or behind nginx in the case of FastCGI, is not counted. Suites of mocha, of vitest and of
 * `node --test` are known. No part of `npm test`: it needs checkouts of other projects.
 */

import { execFileSync, spawn, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';

const ROOT = resolve(import.meta.dirname, '../..');
const SLOT_COUNT = 2000;
/** The ports of nginx begin at one of these, below those that the system gives away. */
const FIRST_PORTS = Array.from({ length: 9 }, (_, i) => 12_000 + i * SLOT_COUNT);
const GATEWAYS = /** @type {const} */ (['plain', 'nginx', 'http', 'fastcgi']);

/** Titles of tests, and why they have failed: undefined for those that have passed. @typedef {Map<string, string | undefined>} Results */

const work = mkdtempSync(join(tmpdir(), 'postern-frameworks-'));

/**
 * @param {string} name
 * @param {'fastcgi' | 'http'} gateway
 * @throws when all ports are taken
 */
async function startNginx(name, gateway) {
  for (let port = FIRST_PORTS.pop(); port !== undefined; port = FIRST_PORTS.pop()) {
    const started = await launchNginx(name, gateway, port);
    if (started !== undefined) return started;
  }
  throw new Error('nginx found no free ports');
}

/** @param {string} name @param {'fastcgi' | 'http'} gateway @param {number} firstPort */
async function launchNginx(name, gateway, firstPort) {
  const slots = join(work, name);
  mkdirSync(slots, { recursive: true });
  const main = join(ROOT, 'dist/src/cli/main.cjs');
  const args = ['conf', 'nginx', 'app.mjs', '--gateway', gateway, '--server-name', 'slot0000'];
  args.push('--address', `unix:${slots}/0000/socket`, '--listen', '127.0.0.1:9999');
  const one = execFileSync(process.execPath, [main, ...args], { encoding: 'utf8', stdio: 'pipe' });
  const sites = Array.from({ length: SLOT_COUNT }, (_, slot) =>
    one
      .replaceAll('slot0000', `slot${slot}`)
      .replaceAll(`${slots}/0000/`, `${slots}/${slot}/`)
      .replaceAll('127.0.0.1:9999', `127.0.0.1:${firstPort + slot}`),
  );
  const conf = join(work, `${name}.conf`);
  writeFileSync(
    conf,
    `user root; pid ${work}/${name}.pid; error_log ${work}/${name}.log; worker_rlimit_nofile 8192;
events { worker_connections 4096; }
http { access_log off; client_body_temp_path ${work}/${name}-body; proxy_temp_path ${work}/${name}-proxy;
fastcgi_temp_path ${work}/${name}-fastcgi; server_names_hash_max_size 8192;
variables_hash_max_size 65536; variables_hash_bucket_size 128; map_hash_max_size 4096;
${sites.join('\n')} }`,
  );
  const nginx = spawn('nginx', ['-c', conf, '-g', 'daemon off;'], { stdio: 'ignore' });
  while (!existsSync(join(work, `${name}.pid`))) {
    if (nginx.exitCode !== null) return undefined;
    await setTimeout(50);
  }
  return { slots, firstPort, stop: () => nginx.kill() };
}

/**
 * @param {string} folder
 * @param {readonly string[]} words
 * @param {typeof GATEWAYS[number]} gateway
 * @param {{ slots: string, firstPort: number }} nginx
 * @returns {Results}
 */
function runSuite(folder, words, gateway, { slots, firstPort }) {
  const { scripts } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const report = join(work, `${basename(folder)}-${gateway}.json`);
  const [args, parse] = runnerOf(folder, words, scripts.test, report);
  spawnSync(process.execPath, args, {
    cwd: folder,
    stdio: 'ignore',
    timeout: 600_000,
    env: {
      ...process.env,
      NODE_ENV: 'test',
      NODE_OPTIONS: `--import=${pathToFileURL(join(import.meta.dirname, 'listen.mjs'))}`,
      GATEWAY: gateway,
      SLOTS: slots,
      SLOT_COUNT: String(SLOT_COUNT),
      FIRST_PORT: String(firstPort),
    },
  });
  return existsSync(report) ? parse(readFileSync(report, 'utf8')) : new Map();
}

/**
 * @param {string} folder
 * @param {readonly string[]} words
 * @param {string} script of package.json
 * @param {string} report the file that it writes
 * @returns {[args: string[], parse: (text: string) => Results]}
 */
function runnerOf(folder, words, script, report) {
  if (/mocha/.test(script)) {
    const required = [...script.matchAll(/--require (\S+)/g)].flatMap(([, file = '']) => [
      '--require',
      file,
    ]);
    const places = script.split(/\s+/).filter((word) => word.startsWith('test/'));
    const output = ['--exit', '--reporter', 'json', '--reporter-option', `output=${report}`];
    return [['node_modules/mocha/bin/_mocha', ...required, ...output, ...places], fromMocha];
  }
  if (/vitest/.test(script)) {
    const output = ['--reporter=json', `--outputFile=${report}`];
    return [['node_modules/vitest/vitest.mjs', 'run', ...output], fromVitest];
  }
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => {
    const isTest = /^(?:test|__tests__)\/.*\.test\.[cm]?js$/.test(file);
    return isTest && (words.length === 0 || words.some((word) => file.includes(word)));
  });
  const output = ['--test-reporter=tap', `--test-reporter-destination=${report}`];
  return [['--test', '--test-force-exit', ...output, ...files], fromTap];
}

/** @param {string} text @returns {Results} */
function fromVitest(text) {
  /** @type {Results} */
  const results = new Map();
  for (const { assertionResults } of JSON.parse(text).testResults) {
    for (const { fullName, status, failureMessages } of assertionResults) {
      if (status === 'passed') results.set(fullName, undefined);
      else if (status === 'failed') results.set(fullName, firstLine(failureMessages[0]));
    }
  }
  return results;
}

/** @param {string} text @returns {Results} */
function fromMocha(text) {
  const { passes, failures } = JSON.parse(text);
  /** @type {Results} */
  const results = new Map();
  for (const { fullTitle } of passes) results.set(fullTitle, undefined);
  for (const { fullTitle, err } of failures) results.set(fullTitle, firstLine(err.message));
  return results;
}

/** @param {unknown} message */
function firstLine(message) {
  return String(message).split('\n', 1)[0] ?? '';
}

/** @param {string} text @returns {Results} */
function fromTap(text) {
  /** @type {Results} */
  const results = new Map();
  const pattern = /^( *)(not )?ok \d+ - (.*)\n(?:\1  ---\n([^]*?)\1  \.\.\.\n)?/gm;
  for (const [, , not, title = '', details = ''] of text.matchAll(pattern)) {
    if (/# SKIP/.test(title)) continue;
    const error = /^ *error: (?:\|-\n *)?(.*)$/m.exec(details)?.[1] ?? 'failed';
    results.set(title, results.get(title) ?? (not === undefined ? undefined : error));
  }
  return results;
}

/** @param {Results} results */
function passedOf(results) {
  return [...results.values()].filter((error) => error === undefined).length;
}

/** @param {Results | undefined} results @param {string} title @returns {string | undefined} why it has not passed */
function failureOf(results, title) {
  return results?.has(title) === true ? results.get(title) : 'not run';
}

const fastcgi = await startNginx('fastcgi', 'fastcgi');
const proxying = await startNginx('nginx', 'http');
/** @type {Record<string, string | number>[]} */
const table = [];
for (const [name = '', words] of process.argv.slice(2).map((argument) => argument.split(':'))) {
  const folder = resolve(name);
  const [plain, nginx, http, fcgi] = GATEWAYS.map((gateway) =>
    runSuite(folder, words?.split(',') ?? [], gateway, gateway === 'nginx' ? proxying : fastcgi),
  );
  table.push({
    suite: basename(folder),
    tests: plain.size,
    'node:http': passedOf(plain),
    'node:http behind nginx': passedOf(nginx),
    HTTP: passedOf(http),
    FastCGI: passedOf(fcgi),
  });
  console.log(basename(folder));
  for (const [title, error] of plain) {
    if (error !== undefined) continue;
    const [behind, direct, proxied] = [nginx, http, fcgi].map((results) =>
      failureOf(results, title),
    );
    if (direct !== undefined) console.log(`    HTTP     ${title}: ${direct}`);
    if (proxied !== undefined && behind === undefined) {
      console.log(`    FastCGI  ${title}: ${proxied}`);
    }
  }
}
console.table(table);
fastcgi.stop();
proxying.stop();
