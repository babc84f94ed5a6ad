import { inspect } from 'node:util';

import { afterEach, describe, expect, test, vi } from 'vitest';

import { DEFAULT_LOG, LOG_LEVELS, createLog, formatError } from '../../src/logging/log.ts';
import type { LogLevel } from '../../src/logging/log.ts';

afterEach(() => void vi.restoreAllMocks());

/** An error with more frames than any engine writes. */
function endless(name: string, cause?: unknown): Error {
  const frames = Array.from({ length: 10_000 }, (_, i) => `    at ${i % 2 ? name : 'f'} (/a:1:1)`);
  const stack = [`Error: ${name}`, ...frames].join('\n');
  return Object.assign(new Error(name, { cause }), { stack });
}

/** All levels, one message each. */
function sayAll(level: LogLevel | undefined): string[] {
  const lines: string[] = [];
  const log = createLog(level, (line) => void lines.push(line));
  for (const name of ['error', 'warn', 'info', 'debug'] as const) log[name](`of ${name}`);
  return lines;
}

test('each level shows its own messages and those before it', () => {
  const lines = [
    'postern: of error\n',
    'postern: of warn\n',
    'postern: of info\n',
    'postern: debug: of debug\n',
  ];
  for (const [shown, level] of LOG_LEVELS.entries()) {
    expect(sayAll(level)).toEqual(lines.slice(0, shown));
  }
  expect(sayAll(undefined)).toEqual(sayAll('warn'));
});

test('what nobody has given a place goes to stderr', () => {
  const write = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  DEFAULT_LOG.warn('a warning');
  DEFAULT_LOG.info('nothing to warn of');
  expect(write.mock.calls).toEqual([['postern: a warning\n']]);
});

test('a message is one line, whatever is in it', () => {
  const lines: string[] = [];
  createLog('warn', (line) => void lines.push(line)).warn('GET /\r\nforged: \x1b[2J\u2028');
  expect(lines).toEqual(['postern: GET /\\r\\nforged: \\x1b[2J\\u2028\n']);
});

const raise = (): never => {
  throw new Error('of the error itself');
};

describe('an error in the log', () => {
  const revoked = Proxy.revocable(new Error('own'), {});
  revoked.revoke();

  test('has its stack and its causes in lines of their own, and no control characters', () => {
    const cause = new TypeError('the \x1b[31mcause\r');
    const text = formatError(new Error('the effect', { cause }));
    expect(text).toMatch(/^Error: the effect\n {4}at /);
    expect(text).toContain('[cause]: TypeError: the \\x1b[31mcause\\r\n');
    expect(text).not.toMatch(/[\0-\x08\x0b-\x1f\x7f]/);
  });

  test.each([
    [undefined, 'Thrown: undefined'],
    ['text\x07', "Thrown: 'text\\x07'"],
    [{ code: 5 }, 'Thrown: { code: 5 }'],
  ])('may be anything that can be thrown: %o', (thrown, text) => {
    expect(formatError(thrown)).toBe(text);
  });

  test('may be a Proxy that was revoked', () => {
    expect(formatError(revoked.proxy)).toBe('Thrown: <Revoked Proxy>');
    expect(formatError(new Error('own', { cause: revoked.proxy }))).toMatch(/^Error: own\n {4}at /);
  });

  test('with a stack without end, as no engine writes it, is shown in part and in no time', () => {
    // inspect() compares the lines of an error with those of its cause: 5 seconds for these on Node 24.
    for (const error of [
      endless('outer', endless('inner', new Error('last'))),
      new Error('plain', { cause: endless('outer', endless('inner')) }),
      new AggregateError([1, endless('outer', endless('inner'))], 'all'),
    ]) {
      const began = process.cpuUsage();
      const text = formatError(error);
      expect(process.cpuUsage(began).user / 1000).toBeLessThan(500);
      expect(text.startsWith(`${error.name}: ${error.message}\n    at `)).toBe(true);
      expect(text.length).toBeLessThan(50_000);
    }
    expect(formatError(endless('a', new Error('b')))).toMatch(/\n…\n\[cause\]: Error: b\n {4}at /);
  });

  test('with errors in a circle is looked at once', () => {
    const error = new AggregateError([], 'all');
    error.errors = Array.from({ length: 50 }, () => new AggregateError([error, error], 'one'));
    error.cause = error;
    expect(formatError(error)).toContain('[Circular *1]');
  });

  test('that throws when it is looked at is told of all the same', () => {
    const own = { [inspect.custom]: raise };
    expect(formatError(own)).toBe('Thrown: something that cannot be shown');
    expect(formatError(Object.assign(new Error('own'), own))).toMatch(/^Error: own\n {4}at /);
    const caused = Object.defineProperty(new Error('own'), 'cause', { get: raise });
    expect(formatError(caused)).toMatch(/^Error: own\n {4}at /);
  });

  test('without a stack that can be looked at is shown as far as Node can', () => {
    const thrown = Object.defineProperty(new Error('own'), 'stack', { get: raise });
    const knowsWhatToDo = Number(process.versions.node.split('.')[0]) >= 24;
    expect(formatError(thrown)).toBe(
      knowsWhatToDo ? '[Error: own]' : 'Thrown: something that cannot be shown',
    );
  });
});
