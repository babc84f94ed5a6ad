/** Why a chunked upload is answered 411: what Apache tells a CGI program of its end. */

import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { startApache } from '../servers/apache.ts';
import { describeWithServer } from '../servers/availability.ts';
import { stageProgram } from '../servers/staging.ts';
import { temporaryFolder, type RunningServer } from '../servers/launch.ts';

describeWithServer('apache/cgi.conf', 'behind Apache', () => {
  describe.each([
    ['mod_cgid', false],
    ['mod_cgi', true],
  ])('with %s', (_, prefork) => {
    let server: RunningServer;
    let seen: string;

    beforeAll(async () => {
      seen = join(temporaryFolder('seen'), 'seen');
      writeFileSync(seen, '');
      chmodSync(seen, 0o666);
      const app = stageProgram(
        `trap '' TERM; cat >> ${seen}; echo . >> ${seen}; printf 'Status: 200\\n\\n'`,
      );
      server = await startApache({ conf: 'apache/cgi.conf', values: { mount: '', app }, prefork });
    });
    afterAll(() => server?.stop());

    test('the input of an upload that was cut off has an end, as that of a whole one', async () => {
      const visitor = connect(server.port, '127.0.0.1');
      visitor.write(
        'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n',
      );
      await expect.poll(() => readFileSync(seen, 'utf8')).toBe('hello');
      visitor.destroy();
      await expect.poll(() => readFileSync(seen, 'utf8')).toBe('hello.\n');
    });
  });
});
