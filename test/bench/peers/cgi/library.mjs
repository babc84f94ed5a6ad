// A program of one's own around runWithCgi.
import { runWithCgi } from 'postern/cgi';

import hello from './hello.mjs';

await runWithCgi(hello);
