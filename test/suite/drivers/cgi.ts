/** The command as a CGI program: a process for each request, with pipes, and no web server. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';

import type { Driver } from '../types.ts';
import { POSTERN } from './gateway.ts';
import { bodyOf, cgiVariables } from '../variables.ts';

export const cgiDriver: Driver = {
  name: 'CGI as a bare process',
  gateway: 'cgi',
  cannot: {
    repeats: 'an environment has each name once: the web server has joined the values',
    idleDeparture: 'a pipe tells that its reader has gone when it is written to, and not before',
  },
  async start(application) {
    const children = new Set<ReturnType<typeof spawn>>();
    let log = '';
    return {
      async open(request) {
        const command = [process.execPath, POSTERN, application];
        const child = spawn('/bin/sh', ['-c', withVariables(cgiVariables(request)), ...command], {
          env: { PATH: process.env['PATH'] },
        });
        children.add(child);
        child.stderr.on('data', (chunk: Buffer) => (log += chunk.toString()));
        // A program may leave its input unread.
        child.stdin.on('error', () => {});
        child.stdin.write(bodyOf(request));
        if (request.excess !== undefined) child.stdin.write(request.excess);
        else if (request.unfinished !== true) child.stdin.end();
        const closed = once(child, 'close').finally(() => children.delete(child));
        return {
          output: child.stdout[Symbol.asyncIterator]() as AsyncIterator<Buffer>,
          style: 'cgi',
          clean: closed.then(([code]) => code === 0),
          leave() {
            child.stdin.destroy();
            child.stdout.destroy();
          },
        };
      },
      logs: () => [log],
      async stop() {
        for (const child of children) child.kill('SIGKILL');
      },
    };
  },
};

/**
 * A shell script that runs its arguments with these variables. Node would encode them as UTF-8, and so
 * a lone byte could not be passed.
 */
function withVariables(variables: Record<string, string>): string {
  const lines = Object.entries(variables).map(([name, value]) => {
    const octal = [...value].map((char) => `\\0${char.charCodeAt(0).toString(8)}`);
    return `export ${name}="$(printf '%b' '${octal.join('')}')"`;
  });
  return `${lines.join('\n')}\nexec "$0" "$@"`;
}
