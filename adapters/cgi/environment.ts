/**
 * The process environment as bytes.
 *
 * `process.env` decodes UTF-8 and replaces bytes that are not UTF-8: the path `/%E9` of an old client would be lost. Linux
 * shows the environment as it was when the process was started.
 */

import { readFileSync } from 'node:fs';

import { toByteString } from '../../src/bytes.ts';

/** The environment block that the process was started with (proc(5)). */
const ENVIRONMENT_FILE = '/proc/self/environ';

/** What decoding UTF-8 makes of bytes that are none. */
const REPLACEMENT = '\ufffd';

/**
 * The variables of `process.env`, each with the bytes that it really has: values, and names, are byte
 * strings. Where the system does not show them they are encoded again as UTF-8, which loses bytes
 * that were no UTF-8.
 */
export function readEnvironment(): Record<string, string> {
  const environment: Record<string, string> = Object.create(null) as Record<string, string>;
  const variables = Object.entries(process.env) as [string, string][];
  const isLossy = variables.some(([, value]) => value.includes(REPLACEMENT));
  const original = isLossy ? readOriginal() : undefined;
  // process.env decides which variables exist: the program may have changed them since it was started.
  for (const [name, value] of variables) {
    const bytes = original?.get(name);
    const unchanged = bytes !== undefined && bytes.toString('utf8') === value;
    environment[toByteString(name)] = unchanged ? bytes.toString('latin1') : toByteString(value);
  }
  return environment;
}

/** Values at the start of the process. The keys are names as `process.env` decodes them. */
function readOriginal(): Map<string, Buffer> {
  const values = new Map<string, Buffer>();
  for (const entry of splitAtNul(readBlock())) {
    const equals = entry.indexOf('=');
    if (equals <= 0) continue;
    const name = entry.toString('utf8', 0, equals);
    // If a name occurs twice, getenv(3) and process.env give the first value.
    if (!values.has(name)) values.set(name, entry.subarray(equals + 1));
  }
  return values;
}

function readBlock(): Buffer {
  try {
    return readFileSync(ENVIRONMENT_FILE);
  } catch {
    // Not Linux, or this account may not read /proc.
    return Buffer.alloc(0);
  }
}

function* splitAtNul(block: Buffer): Generator<Buffer> {
  let start = 0;
  for (let end = block.indexOf(0); end >= 0; end = block.indexOf(0, start)) {
    yield block.subarray(start, end);
    start = end + 1;
  }
}
