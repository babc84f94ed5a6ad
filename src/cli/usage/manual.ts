/** The manual page postern(1), made from the table of options: conf/postern.1 in the package (man-pages(7), groff_man(7)). */

import type { OptionName } from '../options/options.ts';
import { OPTION_NAMES, isPositional } from '../options/options.ts';
import { GROUPS, NOTES, SUMMARY, USAGE, entriesOf, entryOf } from './help.ts';
import type { Entry } from './layout.ts';

/** The exit codes, as conf/OPTIONS.md explains them. */
const EXIT_STATUS: readonly Entry[] = [
  { label: '0', text: 'It was told to stop and has stopped, or has printed what was asked for.' },
  {
    label: '1',
    text: 'It cannot be done here and now: the application cannot be loaded, an address is taken, a file is not there.',
  },
  {
    label: '2',
    text: 'What was given can be right nowhere: an unknown option, a value that is none, an address given twice.',
  },
  { label: '128 + N', text: 'A second signal, number N, has ended it at once.' },
];

const SIGNALS: readonly Entry[] = [
  {
    label: 'SIGTERM, SIGINT',
    text:
      'Take no new connections, finish the requests in flight within --shutdown-timeout, and end. The same signal again ends ' +
      'it at once.',
  },
  { label: 'SIGUSR1, SIGHUP', text: 'Open the access log again by its name, after log rotation.' },
];

/** The source of the page. It has no version and no date: they would make another page of it without another option. */
export function manualPage(): string {
  const lines = [
    '.\\" Made by `npx vitest run test/readme --update` from src/cli/options.',
    '.TH POSTERN 1 "" postern "User Commands"',
    '.SH NAME',
    String.raw`postern \- the gateway between web servers and applications written for Node`,
    '.SH SYNOPSIS',
    ...USAGE.flatMap((usage) => ['.B postern', escape(usage.replace(/^postern /, '')), '.br']),
    '.SH DESCRIPTION',
    escape(SUMMARY),
    ...NOTES.flatMap((note) => ['.PP', escape(note)]),
    '.SH ARGUMENTS',
    ...OPTION_NAMES.filter(isPositional).flatMap((name: OptionName) => tagged(entryOf(name))),
    '.SH OPTIONS',
    ...GROUPS.flatMap((group) => [
      `.SS ${group}`,
      ...entriesOf(group)
        .filter(({ label }) => label.startsWith('-'))
        .flatMap(tagged),
    ]),
    '.SH EXIT STATUS',
    ...EXIT_STATUS.flatMap(tagged),
    '.SH SIGNALS',
    ...SIGNALS.flatMap(tagged),
    '.SH SEE ALSO',
    escape('postern conf --help; conf/README.md and conf/OPTIONS.md in the package'),
  ];
  return `${lines.join('\n')}\n`;
}

function tagged({ label, text }: Entry): string[] {
  return ['.TP', `.B ${escape(label)}`, escape(text)];
}

/** Text as groff takes it: with its hyphens, and without a command at its beginning. */
function escape(text: string): string {
  return text
    .replaceAll('\\', String.raw`\e`)
    .replaceAll('-', String.raw`\-`)
    .replace(/^[.']/, String.raw`\&$&`);
}
