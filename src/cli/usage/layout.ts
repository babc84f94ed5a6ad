/** The layout of pages of help. */

import type { Flag } from './command-line.ts';

/** An option as a page shows it. */
export interface Entry {
  /** `-b, -p, --http ADDR`. */
  readonly label: string;
  readonly text: string;
}

/** An option with its letters and its placeholder. */
export function labelled({ name, aliases = [], argument = '' }: Flag): string {
  const letters = aliases.filter((alias) => alias.length === 1).map((letter) => `-${letter}, `);
  const space = argument === '' || argument.startsWith('[=') ? '' : ' ';
  return `${letters.join('')}--${name}${space}${argument}`;
}

const COLUMN = 26;
const INDENT = '  ';

/** A heading, and its entries in two columns. */
export function section(heading: string, entries: readonly Entry[], width: number): string {
  const lines = entries.flatMap(({ label, text }) => {
    const [first = '', ...more] = wrap(text, width - COLUMN);
    const rest = more.map((line) => ' '.repeat(COLUMN) + line);
    const start = INDENT + label;
    return start.length + INDENT.length <= COLUMN
      ? [start.padEnd(COLUMN) + first, ...rest]
      : [start, ' '.repeat(COLUMN) + first, ...rest];
  });
  return `${heading}\n${lines.join('\n')}\n`;
}

/** The lines of a text. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
