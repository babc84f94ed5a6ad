/** Youch, set up for an error and for each of its causes. */

import { fileURLToPath } from 'node:url';

import { Youch } from 'youch';
import { ErrorStackSource } from 'youch/templates/error_stack_source';
import type { ErrorStackSourceProps, ParsedError } from 'youch/types';

import type { ShownError } from './errors.ts';
import type { SourceReader } from './source.ts';

/** A Youch that reads no files, and tells frames of postern from those of the application. */
export function createYouch(source: SourceReader): Youch {
  return new Youch()
    .defineSourceLoader(() => undefined)
    .useTransformer(async ({ frames }: ParsedError) => {
      for (const frame of frames) {
        // Wherever postern is installed, its frames are not the application's.
        if (OWN.some((folder) => frame.fileName?.startsWith(folder))) frame.type = 'module';
        const lines = await source.linesAround(frame);
        if (lines !== undefined) frame.source = lines;
        // Code without a file (eval) has no file name, and youch's templates need one.
        else if (frame.fileName === undefined) frame.type = 'native';
        frame.fileName = forAttribute(frame.fileName ?? 'anonymous');
      }
    });
}

/** An Error with these members only. */
export function toPlainError({ name, message, stack }: ShownError): Error {
  const error = new Error(message);
  error.name = name;
  // Names of functions and files become attributes, and youch does not escape quotes there.
  error.stack = stack.replaceAll('"', "'").split('\n').map(withoutBadUrl).join('\n');
  return error;
}

/** File names become links. Youch does not escape them. */
function forAttribute(fileName: string): string {
  return fileName.replaceAll('<', '%3C').replaceAll('>', '%3E');
}

/** Makes a file URL that has no path (`file://host/…`, `file:///a%2Fb`) plain text: youch would throw for it. */
function withoutBadUrl(frame: string): string {
  const url = frame.indexOf('file:');
  if (url < 0) return frame;
  try {
    fileURLToPath(frame.slice(url).replace(/\)$/, ''));
    return frame;
  } catch {
    return frame.replaceAll('file:', 'file.');
  }
}

const OWN = ['src', 'adapters'].map((folder) =>
  fileURLToPath(new URL(`../../../${folder}/`, import.meta.url)),
);

/** Highlights source whatever its extension is: Node has run it, so it is a script. */
export class Source extends ErrorStackSource {
  override toHTML({ frame, ...props }: ErrorStackSourceProps): Promise<string> {
    const { fileName = '' } = frame;
    const alias = /\.[cm]?tsx?$/.test(fileName) ? 'source.ts' : 'source.js';
    return super.toHTML({ ...props, frame: { ...frame, fileName: alias } });
  }
}
