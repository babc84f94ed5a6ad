/** The layout of pages of help. */

/** A line of a page, such as an option. */
export interface Entry {
  /** `-b, -p, --http ADDR`. */
  readonly label: string;
  readonly text: string;
}

const COLUMN = 26;
const INDENT = '  ';

/** Entries below a heading, in two columns. */
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
