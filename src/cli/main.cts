#!/usr/bin/env node
/**
 * The command `postern`. It imports nothing before it has checked the version of Node: an older one fails on new syntax,
 * with a stack trace. So this file is written in syntax that Node 12 knows. A CGI process loads only what it needs.
 */

import type * as cgi from './cgi/cgi.ts' with { 'resolution-mode': 'import' };

/** The same as `engines` in package.json. */
const NEEDED = [20, 19];

const version = process.versions.node.split('.').slice(0, 2);

if (isOlder(version.map(Number))) {
  process.stderr.write(
    `postern needs Node ${NEEDED.join('.')} or later; this is ${version.join('.')}\n`,
  );
  process.exitCode = 1;
} else {
  start(process.argv.slice(2));
}

function isOlder([major = 0, minor = 0]: readonly number[]): boolean {
  return major < NEEDED[0]! || (major === NEEDED[0]! && minor < NEEDED[1]!);
}

function start(args: readonly string[]): void {
  if (isCgi(process.env)) {
    // One file in CommonJS: loading the modules that it is made of takes longer than serving a request.
    const { readCgiSettings, runCgi } = require('./cgi/cgi.cjs') as typeof cgi;
    void runCgi(() => readCgiSettings(args));
  } else {
    void import('./command.ts').then(({ runCommand }) => runCommand(args));
  }
}

/** Whether a web server has started this process for one request (RFC 3875 § 4.1). */
function isCgi({ GATEWAY_INTERFACE, REQUEST_METHOD }: NodeJS.ProcessEnv): boolean {
  return (GATEWAY_INTERFACE || REQUEST_METHOD || '') !== '';
}
