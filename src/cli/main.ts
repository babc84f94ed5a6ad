#!/usr/bin/env node
/**
 * The command `postern`. It imports nothing before it has checked the version of Node: an older one fails on new syntax,
 * with a stack trace. So this file is written in syntax that Node 12 knows. A CGI process loads only what it needs.
 */

/** The same as `engines` in package.json. */
const NEEDED = [20, 19];

const version = process.versions.node.split('.').slice(0, 2);

if (isOlder(version.map(Number))) {
  process.stderr.write(
    `postern needs Node ${NEEDED.join('.')} or later; this is ${version.join('.')}\n`,
  );
  process.exitCode = 1;
} else {
  void start(process.argv.slice(2));
}

function isOlder([major = 0, minor = 0]: readonly number[]): boolean {
  return major < NEEDED[0]! || (major === NEEDED[0]! && minor < NEEDED[1]!);
}

async function start(args: readonly string[]): Promise<void> {
  const { isCgi } = await import('./serve/detect.ts');
  if (isCgi(process.env)) {
    const { readCgiSettings, runCgi } = await import('./cgi/cgi.ts');
    await runCgi(() => readCgiSettings(args));
  } else {
    const { runCommand } = await import('./command.ts');
    await runCommand(args);
  }
}
