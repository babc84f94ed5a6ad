/** Youch, as the page uses it for an error and for each of its causes. */

import { fileURLToPath } from 'node:url';

import { Youch } from 'youch';
import { ErrorStackSource } from 'youch/templates/error_stack_source';
import type { ErrorStackSourceProps, ParsedError } from 'youch/types';

import type { ShownError } from './errors.ts';
import type { SourceReader } from './source.ts';

/** A Youch that reads no file itself, and knows what is ours and what is the application's. */
export function createYouch(source: SourceReader): Youch {
  return new Youch()
    .defineSourceLoader(() => undefined)
    .useTransformer(async ({ frames }: ParsedError) => {
      for (const frame of frames) {
        // Wherever postern lies, it is a module to the application.
        if (OWN.some((folder) => frame.fileName?.startsWith(folder))) frame.type = 'module';
        const lines = await source.linesAround(frame);
        if (lines !== undefined) frame.source = lines;
        // Code without a file has no name, which youch's templates cannot do without.
        else if (frame.fileName === undefined) frame.type = 'native';
        frame.fileName = forAttribute(frame.fileName ?? 'anonymous');
      }
    });
}

/** An Error with no members but these. */
export function toPlainError({ name, message, stack }: ShownError): Error {
  const error = new Error(message);
  error.name = name;
  // Names of functions and files become attributes; none of them has a quote by right.
  error.stack = stack.replaceAll('"', "'").split('\n').map(withoutBadUrl).join('\n');
  return error;
}

/** Names of files become links, which youch does not escape. */
function forAttribute(fileName: string): string {
  return fileName.replaceAll('<', '%3C').replaceAll('>', '%3E');
}

/** Youch cannot do with a URL that is no path: `file://host/…`, `file:///a%2Fb`. */
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

/** Colours for the source of all that Node runs, whatever the extension. */
export class Source extends ErrorStackSource {
  override toHTML({ frame, ...props }: ErrorStackSourceProps): Promise<string> {
    const { fileName = '' } = frame;
    const alias = /\.[cm]?tsx?$/.test(fileName) ? 'source.ts' : 'source.js';
    return super.toHTML({ ...props, frame: { ...frame, fileName: alias } });
  }
}
