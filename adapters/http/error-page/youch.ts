/** Youch, as the page uses it for an error and for each of its causes. */

import { fileURLToPath } from 'node:url';

import { Youch } from 'youch';
import { ErrorStackSource } from 'youch/templates/error_stack_source';
import type { ErrorStackSourceProps, ParsedError } from 'youch/types';

import type { ShownError } from './errors.ts';

/** A Youch that knows what is ours and what is the application's. */
export function createYouch(): Youch {
  return new Youch().useTransformer(markOwnFrames);
}

/** An Error with no members but these. */
export function toPlainError({ name, message, stack }: ShownError): Error {
  const error = new Error(message);
  error.name = name;
  // Names of functions and files become attributes; none of them has a quote by right.
  error.stack = stack.replaceAll('"', "'");
  return error;
}

const OWN = ['src', 'adapters'].map((folder) =>
  fileURLToPath(new URL(`../../../${folder}/`, import.meta.url)),
);

/** Wherever postern lies, it is a module to the application. */
function markOwnFrames({ frames }: ParsedError): void {
  for (const frame of frames) {
    if (OWN.some((folder) => frame.fileName?.startsWith(folder))) frame.type = 'module';
  }
}

/** Colours for the source of all that Node runs, whatever the extension. */
export class Source extends ErrorStackSource {
  override toHTML({ frame, ...props }: ErrorStackSourceProps): Promise<string> {
    const { fileName = '' } = frame;
    const alias = /\.[cm]?tsx?$/.test(fileName) ? 'source.ts' : 'source.js';
    return super.toHTML({ ...props, frame: { ...frame, fileName: alias } });
  }
}
