/** What the validator says of `wsgi.input` and `wsgi.errors`. */

import { describe, expect, test } from 'vitest';

import { InputStream } from '../../src/index.ts';
import { EMPTY } from '../../src/bytes.ts';
import type { ApplicationFunction, ErrorStream, Input } from '../../src/index.ts';
import { HELLO, TEXT, environWith, later, serve, unchecked, violates } from './kit.ts';

function inputOf(text: string): InputStream {
  const input = new InputStream(text.length);
  input.push(Buffer.from(text));
  return input;
}

async function readWith(
  use: (input: Input) => unknown,
  input: unknown = inputOf('one\ntwo\n'),
): Promise<void> {
  await serve(
    async (environ, startResponse) => {
      await use(environ['wsgi.input']);
      startResponse('200 OK', TEXT);
      return [];
    },
    environWith({ 'wsgi.input': input }),
  );
}

let written = '';
const plain: ErrorStream = {
  write: (text) => void (written += text),
  writelines: (lines) => void (written += [...lines].join('')),
  flush: () => void (written += '.'),
};

function tell(use: (errors: ErrorStream) => void, errors: unknown = plain): Promise<Buffer> {
  const app: ApplicationFunction = (environ, startResponse) => {
    use(environ['wsgi.errors']);
    startResponse('200 OK', TEXT);
    return [HELLO];
  };
  return serve(app, environWith({ 'wsgi.errors': errors }));
}

describe('wsgi.input', () => {
  test('gives what it would without the validator', async () => {
    const got: unknown[] = [];
    await readWith(async (input) => got.push(String(await input.read(2))));
    await readWith(async (input) => got.push(String(await input.read1(2))));
    await readWith(async (input) => got.push(String(await input.read())));
    await readWith(async (input) => got.push(String(await input.read(-1))));
    await readWith(async (input) => got.push(String(await input.readline())));
    await readWith(async (input) => got.push(String(await input.readline(2))));
    await readWith(async (input) => got.push((await input.readlines()).map(String)));
    await readWith(async (input) => got.push((await input.readlines(1)).map(String)));
    await readWith(async (input) => {
      for await (const line of input.lines()) got.push(String(line));
    });
    await readWith(async (input) => {
      for await (const chunk of input) got.push(String(chunk));
    });
    expect(got).toEqual([
      'on',
      'on',
      'one\ntwo\n',
      'one\ntwo\n',
      'one\n',
      'on',
      ['one\n', 'two\n'],
      ['one\n'],
      'one\n',
      'two\n',
      'one\ntwo\n',
    ]);
  });

  test('rejects with the very error of the gateway', async () => {
    const reason = new Error('gone');
    const input = new InputStream(9);
    input.destroy(reason);
    await readWith(async (checked) => {
      await expect(checked.read(1)).rejects.toBe(reason);
      await expect(checked.readline()).rejects.toBe(reason);
      await expect(checked.lines().next()).rejects.toBe(reason);
    }, input);
  });

  test.each([
    ['two arguments', [1, 2], (input: Input) => input.read(...unchecked<[number]>([1, 2]))],
    ['text', ['1'], (input: Input) => input.read(unchecked('1'))],
    ['NaN', [Number.NaN], (input: Input) => input.readline(Number.NaN)],
    ['null', [null], (input: Input) => input.readlines(unchecked(null))],
  ] as [string, unknown, (input: Input) => unknown][])('called with %s', (_, value, use) =>
    violates('input.arguments', value, () => readWith(use)),
  );

  test.each(['destroy', 'push', 'end', 'discard'])('%s() is not the application’s', (name) =>
    violates('input.member', name, () =>
      readWith((input) => (input as unknown as Record<string, () => void>)[name]!()),
    ),
  );

  test('close() is not the application’s, but may be looked for', async () => {
    const input = Object.assign(inputOf('x'), { close() {} });
    await violates('input.member', 'close', () =>
      readWith((checked) => (checked as typeof input).close(), input),
    );
    await readWith((checked) => {
      expect(checked).toBeInstanceOf(InputStream);
      expect((checked as InputStream).complete).toBe(true);
      expect('pipe' in checked).toBe(false);
      expect((checked as unknown as { pipe: unknown }).pipe).toBeUndefined();
    });
  });

  test.each(['read', 'read1', 'readline', 'readlines', 'lines', Symbol.asyncIterator])(
    'of a gateway without %o',
    async (name) => {
      const input = Object.assign(inputOf('x'), { [name]: undefined });
      await violates('input.methods', input, () => readWith(() => {}, input));
    },
  );

  test.each([
    ['read', 'text', (input: Input) => input.read(5)],
    ['read', new Uint8Array(1), (input: Input) => input.read()],
    ['read', Buffer.from('too long'), (input: Input) => input.read(2)],
    ['read1', Buffer.from('too long'), (input: Input) => input.read1(2)],
    ['readline', Buffer.from('too long'), (input: Input) => input.readline(2)],
    ['readlines', 'text', (input: Input) => input.readlines()],
  ] as const)('of a gateway whose %s gives %o', async (name, result, use) => {
    const input = Object.assign(inputOf('x'), { [name]: async () => result });
    await violates('input.result', result, () => readWith(use, input));
  });

  test.each([
    ['read(3)', 'on', (input: Input) => input.read(3)],
    ['read()', 'on', (input: Input) => input.read()],
    ['read1(3)', '', (input: Input) => input.read1(3)],
    ['readline()', '', (input: Input) => input.readline()],
  ] as const)('of a gateway that has more after a short %s', async (_, short, use) => {
    let answers = [Buffer.from(short), Buffer.from('more')];
    const next = async (): Promise<Buffer> => answers.shift() ?? EMPTY;
    const overrides = { read: next, read1: next, readline: next };
    const input = Object.assign(inputOf('x'), overrides);
    await violates('input.short', Buffer.from('more'), () =>
      readWith(async (checked) => {
        await use(checked);
        await checked.read1(5);
      }, input),
    );
    answers = [Buffer.from('two')];
    await readWith(async (checked) => {
      expect(String(await checked.read(3))).toBe('two');
      expect(await checked.read(3)).toEqual(EMPTY);
    }, input);
  });

  test('of a gateway that iterates over text', async () => {
    const overrides = { lines: () => later('text'), readlines: async () => ['text'] };
    const input = Object.assign(inputOf('x'), overrides);
    await violates('input.result', 'text', () => readWith(async (it) => it.lines().next(), input));
    await violates('input.result', 'text', () => readWith((it) => it.readlines(), input));
  });

  test('postern.data is checked as well', () =>
    violates('input.arguments', ['1'], () =>
      serve(
        async (environ, startResponse) => {
          startResponse('200 OK', TEXT);
          return [await environ['postern.data']!.read(unchecked('1'))];
        },
        environWith({ 'postern.data': inputOf('x') }),
      ),
    ));
});

describe('wsgi.errors', () => {
  test('gets what it would without the validator', async () => {
    written = '';
    await tell((errors) => {
      errors.write('a');
      errors.writelines(['b', 'c']);
      errors.writelines(new Set(['d']));
      errors.flush();
    });
    expect(written).toBe('abcd.');
  });

  test.each([
    ['write()', [], (errors: ErrorStream) => (errors.write as () => void)()],
    ['write(bytes)', [HELLO], (errors: ErrorStream) => errors.write(unchecked(HELLO))],
    [
      'write(error)',
      [new Error('x')],
      (errors: ErrorStream) => errors.write(unchecked(new Error('x'))),
    ],
    ['writelines(text)', ['text'], (errors: ErrorStream) => errors.writelines('text')],
    ['writelines([1])', [1], (errors: ErrorStream) => errors.writelines(unchecked([1]))],
    ['flush(1)', [1], (errors: ErrorStream) => (errors.flush as (n: number) => void)(1)],
  ] as [string, unknown, (errors: ErrorStream) => void][])('%s', (_, value, use) =>
    violates('errors.arguments', value, () => tell(use)),
  );

  test('end() is not the application’s', () =>
    violates('errors.member', 'end', () =>
      tell((errors) => (errors as unknown as { end(): void }).end(), { ...plain, end() {} }),
    ));

  test.each(['write', 'writelines', 'flush'])('of a gateway without %s', async (name) => {
    const errors = { ...plain, [name]: undefined };
    await violates('errors.methods', errors, () => tell(() => {}, errors));
  });
});
