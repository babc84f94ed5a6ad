/** The chain of causes, each with its stack. Youch itself shows only the properties of the first cause. */

import { BaseComponent } from 'youch';
import type { ErrorCauseProps, ParsedError, StackFrame } from 'youch/types';

import type { ShownError } from './errors.ts';
import { escapeHtml } from './html.ts';
import type { SourceReader } from './source.ts';
import { Source, createYouch, toPlainError } from './youch.ts';

/** Replaces youch's template `errorCause`. */
export class Causes extends BaseComponent<ErrorCauseProps> {
  readonly #causes: readonly ShownError[];
  readonly #reader: SourceReader;
  readonly #source = new Source(false);

  constructor(causes: readonly ShownError[], reader: SourceReader) {
    super(false);
    this.#causes = causes;
    this.#reader = reader;
  }

  override async toHTML(): Promise<string> {
    const sections = await Promise.all(this.#causes.map((cause) => this.#section(cause)));
    return sections.join('\n');
  }

  override async toANSI(): Promise<string> {
    return '';
  }

  async #section(cause: ShownError): Promise<string> {
    const parsed = await createYouch(this.#reader).toJSON(toPlainError(cause));
    const opened = parsed.frames.findIndex(({ type, source }) => type === 'app' && source);
    const frames = await Promise.all(
      parsed.frames.map((frame, i) => this.#frame(parsed, frame, i === opened)),
    );
    const properties = cause.properties.map(
      ([name, value]) =>
        `<tr><td class="table-key">${escapeHtml(name)}</td><td class="table-value">${escapeHtml(value)}</td></tr>`,
    );
    return `<section class="cause">
      <div class="card">
        <div class="card-heading"><h3 class="card-title">${escapeHtml(cause.relation)}</h3></div>
        <div class="card-body">
          <h4 class="cause-name">${escapeHtml(cause.name)}</h4>
          <p class="cause-message">${escapeHtml(cause.message)}</p>
          <div class="cause-frames">${frames.join('\n')}</div>
          ${properties.length === 0 ? '' : `<table class="card-table"><tbody>${properties.join('\n')}</tbody></table>`}
        </div>
      </div>
    </section>`;
  }

  async #frame(error: ParsedError, frame: StackFrame, isOpen: boolean): Promise<string> {
    const { functionName, fileName = '', lineNumber, columnNumber } = frame;
    const place = `${shorten(fileName)}:${lineNumber}:${columnNumber}`;
    const label = `${escapeHtml(functionName ?? '')} <span>${escapeHtml(place)}</span>`;
    const source = await this.#source.toHTML({ error, frame });
    if (source === '') return `<div class="cause-frame cause-native">${label}</div>`;
    return `<details class="cause-frame"${isOpen ? ' open' : ''}><summary>${label}</summary>${source}</details>`;
  }
}

function shorten(fileName: string): string {
  return fileName.replace(`${process.cwd()}/`, '');
}
