/** What the requests of a server take together, on the gateways whose connections carry one request; FastCGI's is in its folder. */

import { afterEach, describe, expect, test, vi } from 'vitest';

import type { ApplicationFunction } from '../../src/types.ts';
import { serve as serveHttp, request } from '../http/kit.ts';
import { PROTOCOLS, controlTime, hello, serve, until } from '../one-request/kit.ts';

/** An application that answers `/` at once, and hangs with all else until it is told to go on. */
class Hanging {
  begun = 0;
  readonly #goOn: (() => void)[] = [];

  readonly application: ApplicationFunction = async (environ, startResponse) => {
    if (environ['PATH_INFO'] !== '/') {
      this.begun++;
      await new Promise<void>((resolve) => this.#goOn.push(resolve));
    }
    return hello(environ, startResponse);
  };

  goOn(): void {
    for (const resolve of this.#goOn.splice(0)) resolve();
  }
}

/** A gateway, as far as it matters here. */
interface Gateway {
  readonly log: readonly string[];
  /** Status and text of the response to `GET /`. */
  ask(): Promise<string>;
  /** Asks for what hangs. @returns what leaves */
  hang(): Promise<() => void>;
}

const options = { maxConcurrentRequests: 2 };

afterEach(() => void vi.useRealTimers());

type Start = (hanging: Hanging, limits: object) => Promise<Gateway>;

const GATEWAYS: readonly { name: string; start: Start }[] = [
  ...PROTOCOLS.map((protocol) => ({
    name: protocol.name,
    start: async (hanging: Hanging, limits: object): Promise<Gateway> => {
      const gateway = await serve(protocol, hanging.application, limits);
      return {
        log: gateway.log,
        async ask() {
          const { head, body } = await gateway.request();
          return `${/\d{3}/.exec(head)![0]} ${String(body)}`;
        },
        async hang() {
          const frontEnd = await gateway.open({ PATH_INFO: '/hang' });
          return () => frontEnd.leave();
        },
      };
    },
  })),
  {
    name: 'http',
    start: async (hanging, limits) => {
      const gateway = await serveHttp(hanging.application, limits);
      return {
        log: gateway.log,
        async ask() {
          const text = await gateway.talk(request('GET / HTTP/1.1', 'Connection: close'));
          return `${text.slice(9, 12)} ${text.split('\r\n\r\n')[1]!}`;
        },
        async hang() {
          const client = await gateway.connect();
          client.send(request('GET /hang HTTP/1.1'));
          return () => client.leave();
        },
      };
    },
  },
];

describe.each(GATEWAYS)('$name', ({ name, start }) => {
  test('more than maxConcurrentRequests are answered 503, also when the client of one has left', async () => {
    const hanging = new Hanging();
    const gateway = await start(hanging, options);
    const leave = [await gateway.hang(), await gateway.hang()];
    await until(() => hanging.begun === 2);
    expect(await gateway.ask()).toBe('503 Service Unavailable\n');
    expect(gateway.log).toEqual([
      expect.stringMatching(/503: more than maxConcurrentRequests \(2\)$/),
    ]);
    for (const one of leave) one();
    expect(await gateway.ask()).toBe('503 Service Unavailable\n');
    hanging.goOn();
    await until(() => hanging.begun === 2);
    expect(await gateway.ask()).toBe('200 hello');
  });

  test('one that hangs counts for responseTimeout after its client has left', async () => {
    const second = controlTime();
    const hanging = new Hanging();
    const gateway = await start(hanging, { maxConcurrentRequests: 1, responseTimeout: 3000 });
    const leave = await gateway.hang();
    await until(() => hanging.begun === 1);
    leave();
    expect(await gateway.ask()).toBe('503 Service Unavailable\n');
    for (let answer = ''; answer !== '200 hello'; answer = await gateway.ask()) second();
    expect(gateway.log.at(-1)).toMatch(/^the application still runs/);
  });

  test('without memory new requests are refused, and taken again when there is some', async () => {
    const hanging = new Hanging();
    // Over HTTP a connection counts, whatever it is going to ask.
    const limits =
      name === 'http'
        ? { maxBufferedSize: 40 * 1024, maxHeaderSize: 32 * 1024 }
        : { maxBufferedSize: 1 };
    const gateway = await start(hanging, limits);
    const leave = await gateway.hang();
    await until(() => hanging.begun === 1);
    if (name === 'http') {
      await gateway.hang(); // the second connection is the last
      await expect(gateway.ask()).resolves.toMatch(/^ /);
    } else expect(await gateway.ask()).toBe('503 Service Unavailable\n');
    expect(gateway.log.at(-1)).toMatch(/more than maxBufferedSize \(\d+\)$/);
    hanging.goOn();
    leave();
    for (let answer = ''; answer !== '200 hello';) answer = await gateway.ask().catch(() => '');
  });
});
