/** Checks both sides of `wsgi.input` and `wsgi.errors`: what the gateway provides, and how the application uses it. */

import type { ErrorStream, Input } from '../types.ts';
import { check, violation } from './rules.ts';
import type { ValidationRule } from './rules.ts';

/** @returns an input that checks every call and its result */
export function checkInput(input: Input): Input {
  checkMethods(input, ['read', 'read1', 'readline', 'readlines', 'lines'], 'input.methods');
  const iterates = typeof input[Symbol.asyncIterator] === 'function';
  check(iterates, 'input.methods', input, 'no async iteration');
  let ended = false; // a read has given fewer bytes than it has to
  const checked: Input = {
    async read(...args: number[]) {
      const size = checkSize(args, 'read');
      return noteEnd(checkBytes(await input.read(...args), size, 'read'), size);
    },
    async read1(...args: number[]) {
      const size = checkSize(args, 'read1');
      return noteEnd(checkBytes(await input.read1(...args), size, 'read1'), Math.min(size, 1));
    },
    async readline(...args: number[]) {
      const limit = checkSize(args, 'readline');
      return noteEnd(
        checkBytes(await input.readline(...args), limit, 'readline'),
        Math.min(limit, 1),
      );
    },
    async readlines(...args: number[]) {
      checkSize(args, 'readlines');
      const lines = await input.readlines(...args);
      check(Array.isArray(lines), 'input.result', lines, 'readlines');
      return lines.map((line) => checkBytes(line, Infinity, 'readlines'));
    },
    lines: () => checkEach(input.lines(), 'lines'),
    [Symbol.asyncIterator]: () => checkEach(input, 'iteration'),
  };
  /** @param least bytes, unless the body ends with them */
  function noteEnd(bytes: Buffer, least: number): Buffer {
    check(!ended || bytes.length === 0, 'input.short', bytes);
    ended ||= bytes.length < least;
    return bytes;
  }
  return hideOthers(checked, input, 'input.member');
}

/** @returns an error stream that checks every call */
export function checkErrors(errors: ErrorStream): ErrorStream {
  checkMethods(errors, ['write', 'writelines', 'flush'], 'errors.methods');
  const checked: ErrorStream = {
    write(...args: unknown[]) {
      checkText(args, 'write');
      errors.write(args[0]);
    },
    writelines(...args: unknown[]) {
      const [lines] = args;
      const iterable = args.length === 1 && typeof lines === 'object' && lines !== null;
      check(iterable && Symbol.iterator in lines, 'errors.arguments', args, 'writelines');
      const checkedLines = [...(lines as Iterable<string>)];
      for (const line of checkedLines) checkText([line], 'writelines');
      errors.writelines(checkedLines);
    },
    flush(...args: unknown[]) {
      check(args.length === 0, 'errors.arguments', args, 'flush');
      errors.flush();
    },
  };
  return hideOthers(checked, errors, 'errors.member');
}

function checkMethods(stream: unknown, names: readonly string[], rule: ValidationRule): void {
  check(typeof stream === 'object' && stream !== null, rule, stream);
  const members = stream as Record<string, unknown>;
  for (const name of names) check(typeof members[name] === 'function', rule, stream, `no ${name}`);
}

/** @returns the number of bytes that the result may have */
function checkSize(args: readonly unknown[], method: string): number {
  check(args.length <= 1, 'input.arguments', args, method);
  const [size] = args;
  check(size === undefined || Number.isInteger(size), 'input.arguments', args, method);
  return size === undefined || (size as number) < 0 ? Infinity : (size as number);
}

function checkBytes(bytes: unknown, size: number, method: string): Buffer {
  check(Buffer.isBuffer(bytes), 'input.result', bytes, method);
  check(bytes.length <= size, 'input.result', bytes, `${method}(${size})`);
  return bytes;
}

async function* checkEach(
  chunks: AsyncIterable<Buffer>,
  what: string,
): AsyncIterableIterator<Buffer> {
  for await (const chunk of chunks) yield checkBytes(chunk, Infinity, what);
}

function checkText(args: readonly unknown[], method: string): asserts args is [string] {
  const isText = args.length === 1 && typeof args[0] === 'string';
  check(isText, 'errors.arguments', args, method);
}

/**
 * Makes all other methods throw when they are called: above all `close()`, which only the gateway may call. Other members
 * can be read, and `instanceof` works, so that an application can tell kinds of streams apart.
 */
function hideOthers<Stream extends object>(
  checked: Stream,
  original: Stream,
  rule: ValidationRule,
): Stream {
  return new Proxy(checked, {
    get(target, name) {
      if (name in target) return Reflect.get(target, name);
      const member: unknown = Reflect.get(original, name);
      if (typeof member !== 'function') return member;
      return () => {
        throw violation(rule, name);
      };
    },
    getPrototypeOf: () => Reflect.getPrototypeOf(original),
  });
}
