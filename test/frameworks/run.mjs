/**
 * Runs the test suites of frameworks on postern, and tells which of their tests fail there alone.
 *
 *     node test/frameworks/run.mjs FOLDER…        checkouts, in which `npm install` was run
 *
 * Each suite runs four times: on node:http, on node:http behind nginx, on the HTTP gateway, and on FastCGI behind nginx.
 * What fails on node:http as well, or behind nginx in the case of FastCGI, is not counted. Suites that mocha runs and those
 * of `node --test` are known. No part of `npm test`: it needs checkouts of other projects.
 */

import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const ROOT = resolve(import.meta.dirname, '../..');
const SLOT_COUNT = 2000;
const FIRST_PORT = 12_000; // below those that the system gives away
const GATEWAYS = /** @type {const} */ (['plain', 'nginx', 'http', 'fastcgi']);

const work = mkdtempSync(join(tmpdir(), 'postern-frameworks-'));

/** @param {string} name @param {'fastcgi' | 'http'} gateway */
function startNginx(name, gateway) {
  const slots = join(work, name);
  mkdirSync(slots);
  const main = join(ROOT, 'dist/src/cli/main.js');
  const args = ['conf', 'nginx', 'slot0000.mjs', '--gateway', gateway];
  args.push('--address', `unix:${slots}/0000/socket`, '--listen', '127.0.0.1:9999');
  const one = execFileSync(process.execPath, [main, ...args], { encoding: 'utf8', stdio: 'pipe' });
  const sites = Array.from({ length: SLOT_COUNT }, (_, slot) =>
    one
      .replaceAll('slot0000', `slot${slot}`)
      .replaceAll(`${slots}/0000/`, `${slots}/${slot}/`)
      .replaceAll(
        '127.0.0.1:9999',
        `127.0.0.1:${FIRST_PORT + slot + (gateway === 'http' ? SLOT_COUNT : 0)}`,
      ),
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
  const nginx = spawn('nginx', ['-c', conf, '-g', 'daemon off;'], { stdio: 'inherit' });
  return { slots, stop: () => nginx.kill() };
}

/**
 * @param {string} folder
 * @param {typeof GATEWAYS[number]} gateway
 * @param {string} slots
 * @returns {Map<string, boolean>} whether each test passed
 */
function runSuite(folder, gateway, slots) {
  const { scripts } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const isMocha = /mocha/.test(scripts.test);
  const report = join(work, `${basename(folder)}-${gateway}.json`);
  const required = [...scripts.test.matchAll(/--require (\S+)/g)].flatMap(([, file]) => [
    '--require',
    file,
  ]);
  const places = scripts.test
    .split(/\s+/)
    .filter((/** @type {string} */ word) => word.startsWith('test/'));
  const args = isMocha
    ? [
        'node_modules/mocha/bin/_mocha',
        ...required,
        '--exit',
        '--reporter',
        'json',
        '--reporter-option',
        `output=${report}`,
        ...places,
      ]
    : ['--test', '--test-reporter=tap', `--test-reporter-destination=${report}`];
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
      FIRST_PORT: String(FIRST_PORT + (gateway === 'nginx' ? SLOT_COUNT : 0)),
    },
  });
  if (!existsSync(report)) return new Map();
  const text = readFileSync(report, 'utf8');
  return isMocha ? fromMocha(text) : fromTap(text);
}

/** @param {{ fullTitle: string }[]} tests @param {boolean} passed */
function rows(tests, passed) {
  return tests.map(({ fullTitle }) => /** @type {const} */ ([fullTitle, passed]));
}

/** @param {string} text */
function fromMocha(text) {
  const { passes, failures } = JSON.parse(text);
  return new Map([...rows(passes, true), ...rows(failures, false)]);
}

/** @param {string} text */
function fromTap(text) {
  /** @type {Map<string, boolean>} */
  const tests = new Map();
  for (const [, not, title] of text.matchAll(/^\s*(not )?ok \d+ - (.*)$/gm)) {
    if (!/# SKIP/.test(title)) tests.set(title, not === undefined && tests.get(title) !== false);
  }
  return tests;
}

/** @param {Map<string, boolean>} tests */
function passedOf(tests) {
  return [...tests.values()].filter(Boolean).length;
}

const fastcgi = startNginx('fastcgi', 'fastcgi');
const proxied = startNginx('nginx', 'http');
for (const folder of process.argv.slice(2).map((name) => resolve(name))) {
  const [plain, nginx, http, fcgi] = GATEWAYS.map((gateway) =>
    runSuite(folder, gateway, gateway === 'nginx' ? proxied.slots : fastcgi.slots),
  );
  console.log(
    `${basename(folder)}: ${plain.size} tests; passed: node:http ${passedOf(plain)}, behind nginx ${passedOf(nginx)}, postern HTTP ${passedOf(http)}, FastCGI ${passedOf(fcgi)}`,
  );
  for (const [title, isRight] of plain) {
    if (!isRight) continue;
    if (http.get(title) !== true) console.log(`    HTTP     ${title}`);
    if (fcgi.get(title) !== true && nginx.get(title) === true) console.log(`    FastCGI  ${title}`);
  }
}
fastcgi.stop();
proxied.stop();
