/** Two processes on one socket: what is lost when one of them is told to stop under load, or is killed. */

import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';

import { describe, expect, test } from 'vitest';

import { ask } from './ask.ts';
import { CommandProcess, descriptorOf, fixture } from './process.ts';

const APP = fixture('served.mjs');
const GATEWAYS = ['http', 'fastcgi', 'scgi', 'uwsgi'] as const;

const VISITORS = 8;
/** Requests of each of them, one after the other. */
const REQUESTS = 60;

interface Pair {
  readonly port: number;
  readonly first: CommandProcess;
  readonly second: CommandProcess;
}

/** Both accept connections on a socket that was opened before them, as service managers do it. */
async function startPair(gateway: string): Promise<Pair> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const start = (): CommandProcess =>
    new CommandProcess([APP, `--${gateway}`, 'fd:3'], {
      stdio: ['ignore', 'pipe', 'pipe', descriptorOf(server)],
    });
  const [first, second] = [start(), start()];
  await Promise.all([first, second].map((one) => one.says(/^postern: \w+ on fd:3/m)));
  // From now on this process does not accept connections.
  server.close();
  return { port, first, second };
}

/** How many requests wait in a process. */
function heldBy(process: CommandProcess): number {
  return process.stderr.split('slow begins\n').length - 1;
}

describe.each(GATEWAYS)('%s', (gateway) => {
  test('SIGTERM under load loses nothing', async () => {
    const { port, first, second } = await startPair(gateway);
    let answered = 0;
    const visitor = async (): Promise<string[]> => {
      const answers = [];
      for (let i = 0; i < REQUESTS; i++) {
        answers.push(await ask(gateway, { port, host: '127.0.0.1' }, '/x').catch(String));
        // In the middle of it all.
        if (++answered === (VISITORS * REQUESTS) / 4) first.child.kill('SIGTERM');
      }
      return answers;
    };
    const answers = await Promise.all(Array.from({ length: VISITORS }, visitor));
    expect(new Set(answers.flat())).toEqual(new Set([`${gateway} |/x`]));
    expect(await first.ended).toMatchObject({ code: 0, signal: null });
    expect(await second.stop()).toMatchObject({ code: 0, signal: null });
  });

  test('of a process that is killed fails what it held, and no more', async () => {
    const { port, first, second } = await startPair(gateway);
    const where = { port, host: '127.0.0.1' };
    const asked: Promise<string>[] = [];
    // The kernel chooses who gets a connection.
    while (heldBy(first) === 0 || heldBy(second) === 0) {
      const before = heldBy(first) + heldBy(second);
      asked.push(ask(gateway, where, '/slow').catch(() => ''));
      while (heldBy(first) + heldBy(second) === before) {
        await Promise.race([first, second].map((one) => once(one.child.stderr!, 'data')));
      }
    }
    const lost = heldBy(first);
    first.child.kill('SIGKILL');
    await first.ended;
    for (let i = 0; i < 5; i++) expect(await ask(gateway, where, '/x')).toBe(`${gateway} |/x`);

    second.child.kill('SIGUSR2');
    const answers = await Promise.all(asked);
    expect(answers.filter((answer) => answer === '')).toHaveLength(lost);
    expect(answers.filter((answer) => answer === 'slow')).toHaveLength(asked.length - lost);
  });
});
