#!/usr/bin/env node
/** The command `postern`. What a CGI process does not need is not loaded there. */

import { isCgi } from './serve/detect.ts';

const args = process.argv.slice(2);

if (isCgi(process.env)) {
  const { readCgiSettings, runCgi } = await import('./cgi/cgi.ts');
  await runCgi(() => readCgiSettings(args));
} else {
  const { runCommand } = await import('./command.ts');
  await runCommand(args);
}
