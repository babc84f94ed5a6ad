/** What front ends cannot do, in conf/README.md: each row names tests that are there. */
import { test } from 'vitest';

import { expectTests, marked } from './named-tests.ts';

const ROWS = marked('conf/README.md', 'cannot')
  .slice(2)
  .filter((line) => line !== '')
  .map((line) => line.split(' | ').map((cell) => cell.replaceAll(/^\| | \|$/g, '')));

test.each(ROWS)('%s: %s', (...cells) => expectTests(cells[3]!));
