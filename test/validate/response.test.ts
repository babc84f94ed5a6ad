/** What the validator says of `startResponse` and `write`. */

import { describe, expect, test } from 'vitest';

import { ValidationError } from '../../src/index.ts';
import type { ApplicationFunction, Environ, HeaderList, StartResponse } from '../../src/index.ts';
import { HELLO, TEXT, hello, serve, startNothing, unchecked, violates } from './kit.ts';

type Call = (startResponse: (...args: unknown[]) => unknown) => unknown;

/** An application that does `call` and sends nothing. */
function starting(call: Call, startResponse?: StartResponse): Promise<Buffer> {
  const app: ApplicationFunction = (_environ, start) => {
    call(start as (...args: unknown[]) => unknown);
    return [];
  };
  return serve(app, undefined, startResponse);
}

/** A gateway that has sent the headers already. */
const tooLate: StartResponse = (...args) => {
  if (args.length === 3) throw args[2];
  return () => undefined;
};

/** An application that does `use` with its write(), and sends nothing more. */
function writing(
  use: (write: (...args: unknown[]) => unknown) => unknown,
  headers = TEXT,
  startResponse = startNothing,
): Promise<Buffer> {
  const app: ApplicationFunction = async (_environ, start) => {
    await use(start('200 OK', headers) as (...args: unknown[]) => unknown);
    return [];
  };
  return serve(app, undefined, startResponse);
}

describe('startResponse', () => {
  test.each([[[]], [['200 OK']], [['200 OK', [], undefined, 4]]])('called with %j', (args) =>
    violates('start.arguments', args, () => starting((start) => start(...args))),
  );

  test.each([
    200,
    '200',
    '200OK',
    'OK',
    '20 OK',
    '2000 OK',
    '099 Low',
    '200 ',
    '200 A\nB',
    undefined,
  ])('status %j', (status) =>
    violates('start.status', status, () => starting((start) => start(status, []))),
  );

  test.each([
    [undefined],
    [new Map([['A', 'b']])],
    [[['A']]],
    [[['A', 'b', 'c']]],
    [['A: b']],
    [[[1, 'b']]],
    [[['A', 1]]],
    [[['A', null]]],
    [[['A:', 'b']]],
    [[['', 'b']]],
    [[['A b', 'b']]],
    [[['A\n', 'b']]],
    [[['Ä', 'b']]],
    [[['A', 'b\r\nC: d']]],
    [[['A', 'b\0']]],
    [[['A', '\u0100']]],
    [[['Status', '200 OK']]],
    [[['Connection', 'close']]],
    [[['Transfer-Encoding', 'chunked']]],
    [[['Content-Length', 'x']]],
    [
      [
        ['Content-Length', '1'],
        ['content-length', '1'],
      ],
    ],
  ])('headers %j', (headers) =>
    violates('start.headers', headers, () => starting((start) => start('200 OK', headers))),
  );

  test.each(['A-', 'A_'])('a header named %s', (name) =>
    violates('start.headers', name, () => starting((start) => start('200 OK', [[name, 'b']]))),
  );

  test('Location with 200', async () => {
    const headers: HeaderList = [...TEXT, ['location', '/elsewhere']];
    await violates('start.location', headers, () => starting((start) => start('200 OK', headers)));
    await starting((start) => start('201 Created', headers));
  });

  test.each(['204 No Content', '304 Not Modified'])('Content-Type with %s', async (status) => {
    await violates('start.content-type', TEXT, () => starting((start) => start(status, TEXT)));
    await starting((start) => start(status, []));
  });

  test('a second time', async () => {
    await violates(
      'start.twice',
      '201 Created',
      () =>
        starting((start) => {
          start('200 OK', TEXT);
          start('201 Created', TEXT);
        }),
      (error) => expect(error.message).toContain('Headers already set'),
    );
  });

  test('a second time, after a first one that failed', () =>
    violates('start.twice', '200 OK', () =>
      starting((start) => {
        expect(() => start('200 OK', [['A', '\n']])).toThrow(ValidationError);
        start('200 OK', TEXT);
      }),
    ));

  test.each([new Error('x'), 'text', 0, null, undefined])(
    'a second time with excInfo %j, which reaches the gateway as it is',
    async (thrown) => {
      const calls: unknown[][] = [];
      await starting(
        (start) => {
          start('200 OK', TEXT);
          start('500 Oh', TEXT, thrown);
        },
        (...args) => {
          calls.push(args);
          return () => undefined;
        },
      );
      expect(calls).toEqual([
        ['200 OK', TEXT],
        ['500 Oh', TEXT, thrown],
      ]);
    },
  );

  test('the error that it throws again, swallowed', async () => {
    const thrown = new Error('too late');
    for (const more of [[HELLO], []]) {
      const app: ApplicationFunction = function* (_environ: Environ, start: StartResponse) {
        start('200 OK', TEXT);
        yield HELLO;
        expect(() => start('500 Oh', TEXT, thrown)).toThrow(thrown);
        yield* more;
      };
      const value = more.length === 0 ? 'end of the body' : HELLO;
      await violates(
        'start.swallowed',
        value,
        () => serve(app, undefined, tooLate),
        (error) => expect(error.cause).toBe(thrown),
      );
    }
  });

  test('of a gateway that gives no write()', () =>
    violates('start.write', undefined, () =>
      serve(
        hello,
        undefined,
        unchecked(() => undefined),
      ),
    ));

  test('what the gateway throws comes through', async () => {
    const thrown = new Error('refused');
    const refuse: StartResponse = () => {
      throw thrown;
    };
    await expect(serve(hello, undefined, refuse)).rejects.toBe(thrown);
  });
});

describe('write()', () => {
  test('passes bytes on, and the gateway’s promise back', async () => {
    const written: unknown[] = [];
    const pending = Promise.resolve();
    await writing(
      (write) => {
        expect(write(HELLO)).toBe(pending);
        expect(write(Buffer.alloc(0))).toBe(pending);
      },
      TEXT,
      () => (chunk) => {
        written.push(chunk);
        return pending;
      },
    );
    expect(written).toEqual([HELLO, Buffer.alloc(0)]);
  });

  test.each([[[]], [[HELLO, 'latin1']]])('called with %j', (args) =>
    violates('write.arguments', args, () => writing((write) => write(...args))),
  );
  test.each(['text', 1, [104], null])('of %j', (chunk) =>
    violates('write.chunk', chunk, () => writing((write) => write(chunk))),
  );
  test('without a Content-Type', () =>
    violates('body.content-type', [], () => writing((write) => write(HELLO), [])));
  test('of more than the Content-Length', () =>
    violates('body.length', 5, () =>
      writing((write) => write(HELLO), [...TEXT, ['Content-Length', '4']]),
    ));
});
