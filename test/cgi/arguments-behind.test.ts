/**
 * What visitors of a real Apache make of arguments: in each way in which postern can be reached as a program,
 * nothing that they send is loaded, and applications go on answering (SECURITY.md, rows 8 and 25).
 */

import { chmodSync, existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { ask } from '../conf/ask.ts';
import type { Answer } from '../conf/ask.ts';
import { startApache } from '../servers/apache.ts';
import { describeWithServer } from '../servers/availability.ts';
import { temporaryFolder } from '../servers/launch.ts';
import type { RunningServer } from '../servers/launch.ts';
import { stagePackage } from '../servers/staging.ts';

/** More words than Apache makes arguments of. */
const TOO_MANY = '+'.repeat(5000);

/** `EVIL` is a module that a visitor can have put somewhere, by an upload. */
const QUERIES = [
  'EVIL',
  'EVIL+%E9',
  'EVIL+%e9+x',
  'EVIL+',
  '+EVIL',
  `EVIL${TOO_MANY}`,
  'EVIL%00',
  'EVIL%00.html',
  'EVIL:app',
  'EVIL:default+%E9',
  'EVIL%20x',
  '%20EVIL',
  '%2FEVIL',
  'evil%2Emjs',
  'evil.mjs',
  '/proc/self/environ',
  '/proc/self/environ+%E9',
  '/proc/self/fd/0',
  '/dev/stdin',
  '--config=EVIL',
  '--version',
  '-e+x',
];

/** What an application is asked beside that. */
const ORDINARY = ['', 'x=1', 'word', 'a+b+', '%E9', 'x+%E9', 'EVIL+%E9', `a${TOO_MANY}`];

/** With names that can be read. */
const titled = (queries: readonly string[]): (readonly [string, string])[] =>
  queries.map((query) => [query.slice(0, 30), query]);

/** Programs by the path at which a visitor finds them. */
const REACHED = {
  '/cgi-bin/postern': 'a ScriptAlias to main.cjs',
  '/node_modules/postern/dist/src/cli/main.cjs': 'a node_modules in a web space',
  '/node_modules/.bin/postern': "npm's link",
  '/node_modules/.bin/shim': "pnpm's program, with all arguments",
  '/unquoted.cgi': 'a program with arguments that are split once more',
} as const;

const SERVING = {
  '/argument.cgi': 'a wrapper that names the application',
  '/both.cgi': 'a wrapper that passes all arguments behind it',
  '/relative.cgi': 'a wrapper that names it relative to its folder',
  '/app.mjs': '#!/usr/bin/env postern',
} as const;

const moduleThat = (answers: string, does = ''): string => `
  import { writeFileSync } from 'node:fs';
  ${does}
  export const app = (environ, startResponse) => {
    startResponse('200 OK', [['Content-Type', 'text/plain']]);
    return [Buffer.from(${JSON.stringify(answers)})];
  };
  export default app;
`;

describeWithServer('apache/cgi.conf', 'behind Apache', () => {
  describe.each([
    { module: 'mod_cgid', prefork: false, paths: Object.keys(REACHED) as (keyof typeof REACHED)[] },
    // It makes arguments by code of its own, but starts the same programs.
    { module: 'mod_cgi', prefork: true, paths: ['/node_modules/.bin/shim'] as const },
  ])('with $module', ({ prefork, paths }) => {
    let server: RunningServer;
    let space: string;
    let marker: string;
    let evil: string;

    beforeAll(async () => {
      const { root, path, postern, node } = stagePackage();
      const main = join(root, 'dist/src/cli/main.cjs');
      space = temporaryFolder('space');
      marker = join(space, 'uploads/loaded');
      evil = join(space, 'uploads/evil.mjs');
      mkdirSync(join(space, 'uploads'));
      chmodSync(join(space, 'uploads'), 0o777);
      const upload = (name: string, text: string): void => {
        writeFileSync(join(space, name), text);
        chmodSync(join(space, name), 0o755);
      };
      upload(
        'uploads/evil.mjs',
        moduleThat('evil', `writeFileSync(${JSON.stringify(marker)}, '');`),
      );
      upload('evil.mjs', moduleThat('evil', `writeFileSync(${JSON.stringify(marker)}, '');`));
      mkdirSync(join(space, 'node_modules/.bin'), { recursive: true });
      symlinkSync(root, join(space, 'node_modules/postern'));
      symlinkSync('../postern/dist/src/cli/main.cjs', join(space, 'node_modules/.bin/postern'));
      upload('node_modules/.bin/shim', `#!/bin/sh\nexec '${node}' '${main}' "$@"\n`);
      upload('unquoted.cgi', `#!/bin/sh\nexec '${node}' '${main}' $*\n`);
      upload('app.mjs', `#!/usr/bin/env postern\n${moduleThat('hello')}`);
      const app = join(space, 'app.mjs');
      upload('argument.cgi', `#!/bin/sh\nexec '${postern}' '${app}'\n`);
      upload('both.cgi', `#!/bin/sh\nexec '${postern}' '${app}' "$@"\n`);
      upload('relative.cgi', `#!/bin/sh\nexec '${postern}' app.mjs\n`);
      server = await startApache({
        conf: 'apache/cgi.conf',
        values: {},
        prefork,
        text: (port) => `
<VirtualHost 127.0.0.1:${port}>
    DocumentRoot "${space}"
    SetEnv PATH "${path}"
    ScriptAlias /cgi-bin/postern "${main}"
    <Directory "${space}">
        Require all granted
        Options ExecCGI FollowSymLinks
        SetHandler cgi-script
    </Directory>
    <Directory "${root}">
        Require all granted
        Options ExecCGI FollowSymLinks
        SetHandler cgi-script
    </Directory>
    <Location /named>
        SetEnv POSTERN_APP "${app}"
    </Location>
    ScriptAlias /named "${main}"
</VirtualHost>
`,
      });
    });
    beforeEach(() => rmSync(marker, { force: true }));
    afterAll(() => server?.stop());

    function visit(path: string): Promise<Answer> {
      return ask(server.port, 'GET', path);
    }

    describe.each(paths.map((path) => [path, REACHED[path]]))('%s (%s)', (path) => {
      test.each(titled(QUERIES))('loads nothing for ?%s', async (_, query) => {
        const before = server.errorLog().length;
        const program = query.replace('EVIL', query.includes('%2F') ? evil.slice(1) : evil);
        const { status, body } = await visit(`${path}?${program}`);
        expect([status, body]).toEqual([500, expect.not.stringContaining('evil')]);
        expect(existsSync(marker)).toBe(false);
        const said = (): string => server.errorLog().slice(before);
        // An empty word is the folder itself.
        const reason = /postern: (?:[^\n]* in POSTERN_APP| is a folder, not a module)\n/;
        await expect.poll(said).toMatch(reason);
      });

      test('says what to do when there is no query', async () => {
        expect((await visit(path)).status).toBe(500);
      });
    });

    test.each(['', 'EVIL', 'EVIL+%E9', 'x=1'])(
      'what is named in POSTERN_APP is served by postern itself, beside ?%s',
      async (query) => {
        const { status, body } = await visit(`/named?${query.replace('EVIL', evil)}`);
        expect([status, body]).toEqual([200, 'hello']);
      },
    );

    describe.each(Object.entries(SERVING))('%s (%s)', (path) => {
      test.each(titled(ORDINARY))('answers ?%s', async (_, query) => {
        const { status, body } = await visit(`${path}?${query.replace('EVIL', evil)}`);
        expect([status, body]).toEqual([200, 'hello']);
        expect(existsSync(marker)).toBe(false);
      });
    });

    test('a program that begins with #!/usr/bin/env postern answers any query', async () => {
      for (const query of ['%20', '%2F+%E9', join(space, 'app.mjs'), '%00', '/proc/self/environ']) {
        expect((await visit(`/app.mjs?${query}`)).body).toBe('hello');
      }
    });
  });
});
