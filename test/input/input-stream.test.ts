/** `wsgi.input` against a model: however a body comes in, every way of reading gives the same bytes. */

import * as fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';

import { EMPTY } from '../../src/bytes.ts';
import { Deadlines } from '../../src/resources/deadlines.ts';
import { DisconnectError } from '../../src/errors.ts';
import { InputStream } from '../../src/input/input-stream.ts';
import type { InputSource } from '../../src/input/input-source.ts';
import { HIGH_WATER_MARK } from '../../src/limits.ts';
import { RESOURCE_DEFAULTS, Resources } from '../../src/resources/resources.ts';
import { cutAt } from '../reader-kit.ts';
import { pattern } from '../one-request/kit.ts';

/** A transport that delivers a chunk whenever bytes are wanted, at once or a turn later. */
class Transport implements InputSource {
  readonly input: InputStream;
  readonly calls: string[] = [];
  readonly #chunks: Buffer[];
  readonly #isLate: boolean;
  #wanted = false;

  constructor(length: number, chunks: readonly Buffer[], isLate = false) {
    this.input = new InputStream(length, this);
    this.#chunks = [...chunks];
    this.#isLate = isLate;
  }

  resume(): void {
    this.calls.push('resume');
    this.#wanted = true;
    if (this.#isLate) setImmediate(() => this.#deliver());
    else this.#deliver();
  }

  pause(): void {
    this.calls.push('pause');
    this.#wanted = false;
  }

  #deliver(): void {
    while (this.#wanted) {
      const chunk = this.#chunks.shift();
      if (chunk === undefined) break;
      this.input.push(chunk);
    }
    if (this.#chunks.length === 0) this.input.end();
  }
}

/** A transport that never waits: what the application does not read is spilled. */
class Spilling implements InputSource {
  readonly input: InputStream;
  spilled = 0;

  constructor(length: number, resources: Resources) {
    this.input = new InputStream(length, this, resources);
  }

  resume(): void {}

  pause(): void {
    this.spilled++;
    expect(this.input.spill()).toBeUndefined();
  }
}

/** A source that only counts. */
function quiet(length: number): { input: InputStream; source: { resume(): void; pause(): void } } {
  const source = { resume: vi.fn<() => void>(), pause: vi.fn<() => void>() };
  return { input: new InputStream(length, source), source };
}

/** One way of reading on: what it gave, and what it may give of the bytes that are left. */
type Read = (input: InputStream, rest: Buffer) => Promise<Buffer>;

function lineOf(rest: Buffer): Buffer {
  const newline = rest.indexOf('\n');
  return newline < 0 ? rest : rest.subarray(0, newline + 1);
}
const readSize =
  (size: number): Read =>
  async (input, rest) => {
    const got = await input.read(size);
    expect(got).toEqual(rest.subarray(0, size));
    return got;
  };
const readSome =
  (size: number): Read =>
  async (input, rest) => {
    const got = await input.read1(size);
    expect(got.length).toBeLessThanOrEqual(size);
    expect(got.length > 0).toBe(size > 0 && rest.length > 0);
    return got;
  };
const readLine =
  (limit: number | undefined): Read =>
  async (input, rest) => {
    const line = lineOf(rest);
    const got = await input.readline(limit);
    const max = limit === undefined || limit < 0 ? line.length : limit;
    expect(got).toEqual(line.subarray(0, max));
    return got;
  };
const readLines =
  (hint: number | undefined): Read =>
  async (input, rest) => {
    const expected: Buffer[] = [];
    let total = 0;
    const enough = hint !== undefined && hint > 0 ? Math.min(hint, rest.length) : rest.length;
    while (total < enough) {
      expected.push(lineOf(rest.subarray(total)));
      total += expected.at(-1)!.length;
    }
    const got = await input.readlines(hint);
    expect(got).toEqual(expected);
    return Buffer.concat(got);
  };
const iterate =
  (kind: 'chunks' | 'lines', count: number): Read =>
  async (input) => {
    const got: Buffer[] = [];
    if (count === 0) return EMPTY;
    for await (const piece of kind === 'lines' ? input.lines() : input) {
      expect(piece.length).toBeGreaterThan(0);
      got.push(piece);
      if (got.length === count) break;
    }
    return Buffer.concat(got);
  };
const readAll: Read = async (input, rest) => {
  const got = await input.read();
  expect(got).toEqual(rest);
  return got;
};

const size = fc.nat(20);
const anyRead = fc.oneof(
  { weight: 4, arbitrary: size.map(readSize) },
  { weight: 4, arbitrary: size.map(readSome) },
  {
    weight: 4,
    arbitrary: fc.option(fc.integer({ min: -1, max: 20 }), { nil: undefined }).map(readLine),
  },
  { weight: 1, arbitrary: fc.constantFrom(1, 5, 20).map(readLines) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(fc.constantFrom('chunks' as const, 'lines' as const), fc.nat(3))
      .map((how) => iterate(...how)),
  },
);
const lastRead = fc.constantFrom(
  readAll,
  readLines(undefined),
  readLines(0),
  iterate('chunks', Infinity),
  iterate('lines', Infinity),
);
/** Mostly lines, and short ones. */
const body = fc
  .array(fc.oneof(fc.constant(0x0a), fc.constantFrom(0x61, 0x0d, 0xff)), { maxLength: 80 })
  .map((units) => Buffer.from(units));

test('every partition of a body, read in every way, gives the same bytes', async () => {
  await fc.assert(
    fc.asyncProperty(
      body,
      fc.array(fc.nat(80), { maxLength: 8 }),
      fc.array(anyRead, { maxLength: 12 }),
      lastRead,
      fc.record({ knowsLength: fc.boolean(), isLate: fc.boolean() }),
      async (bytes, places, reads, last, { knowsLength, isLate }) => {
        const length = knowsLength ? bytes.length : -1;
        const { input } = new Transport(length, cutAt(bytes, places), isLate);
        let at = 0;
        for (const read of [...reads, last]) {
          const rest = bytes.subarray(at);
          const got = await read(input, rest);
          expect(got).toEqual(rest.subarray(0, got.length));
          at += got.length;
        }
        expect(at).toBe(bytes.length);
        expect([await input.read(5), await input.readline(), await input.read()]).toEqual([
          EMPTY,
          EMPTY,
          EMPTY,
        ]);
      },
    ),
    { numRuns: 300 },
  );
});

test('a body that is spilled, and read while it comes, gives the same bytes, and leaves nothing', async () => {
  const resources = openResources();
  let spilled = 0;
  const piece = fc.oneof(fc.nat(200), fc.nat(100_000)).map((length) => pattern(length));
  const read = fc.oneof(
    fc.nat(100_000).map((size) => (input: InputStream) => input.read(size)),
    fc.nat(100_000).map((size) => (input: InputStream) => input.read1(size)),
    fc.nat(2000).map((limit) => (input: InputStream) => input.readline(limit)),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(piece, { maxLength: 4 }), { maxLength: 6 }),
      fc.array(read, { maxLength: 6 }),
      fc.record({ knowsLength: fc.boolean(), inOne: fc.boolean() }),
      async (arrivals, reads, { knowsLength, inOne }) => {
        const bytes = Buffer.concat(arrivals.flat());
        const transport = new Spilling(knowsLength ? bytes.length : -1, resources);
        const { input } = transport;
        const got: Buffer[] = [];
        // Some of it comes before the first read, and more during each.
        const deliver = (): void => {
          for (const chunk of arrivals.shift() ?? []) input.push(chunk);
          if (arrivals.length === 0) input.end();
        };
        deliver();
        for (const one of reads) {
          const reading = one(input);
          deliver();
          // One that waits for more is waited for when more has come.
          await Promise.race([reading, new Promise((resolve) => setImmediate(resolve))]);
          while (arrivals.length > 0) deliver();
          got.push(await reading);
        }
        while (arrivals.length > 0) deliver();
        if (inOne) got.push(await input.read());
        else for await (const chunk of input) got.push(chunk);
        expect(Buffer.concat(got).equals(bytes)).toBe(true);
        spilled += transport.spilled;
        input.discard();
        expect([resources.held, resources.spool.used]).toEqual([0, 0]);
      },
    ),
    { numRuns: 100 },
  );
  expect(spilled).toBeGreaterThan(20);
});

function openResources(): Resources {
  const log = { error: expect.unreachable, warn: expect.unreachable, info() {}, debug() {} };
  return new Resources(RESOURCE_DEFAULTS, {}, new Deadlines<object>(), log);
}

describe('the end', () => {
  test('is at the length, whatever the transport holds', async () => {
    const { input } = quiet(5);
    expect(input.push(Buffer.from('hel'))).toBe(3);
    expect(input.complete).toBe(false);
    expect(input.push(Buffer.from('lo, next request'))).toBe(2);
    expect(input.complete).toBe(true);
    expect(input.push(Buffer.from('more'))).toBe(0);
    expect(input.end()).toBe(true);
    expect(String(await input.read())).toBe('hello');
  });

  test('of an empty body is there before anything is asked of the source', async () => {
    const { input, source } = quiet(0);
    expect(input.complete).toBe(true);
    expect(await input.read()).toEqual(EMPTY);
    expect(source.resume).not.toHaveBeenCalled();
  });

  test('of a body without a length is where the transport ends', async () => {
    const { input } = quiet(-1);
    const all = input.read();
    input.push(Buffer.from('all'));
    expect(input.complete).toBe(false);
    expect(input.end()).toBe(true);
    expect(String(await all)).toBe('all');
  });

  test('that comes too early fails the pending read and those after it', async () => {
    const { input } = quiet(10);
    const pending = input.read();
    input.push(Buffer.from('short'));
    expect(input.end()).toBe(false);
    const error = {
      name: 'InputError',
      code: 'ERR_POSTERN_INPUT_SHORT',
      message: 'the request body ended 5 bytes before CONTENT_LENGTH',
    };
    await expect(pending).rejects.toMatchObject(error);
    await expect(input.read(1)).rejects.toMatchObject(error);
    await expect(input.readlines()).rejects.toMatchObject(error);
    expect(input.push(Buffer.from('later'))).toBe(0);
    expect(input.end()).toBe(false);
    expect(input.complete).toBe(false);
  });
});

test.each([
  ['undefined', undefined, 'one\n', 'one\ntwo\n'],
  ['NaN, as of a CONTENT_LENGTH that is absent', Number.NaN, 'one\n', 'one\ntwo\n'],
  ['null', null as never, 'one\n', 'one\ntwo\n'],
  ['-1', -1, 'one\n', 'one\ntwo\n'],
  ['0.9', 0.9, '', ''],
  ['2.5', 2.5, 'on', 'on'],
  ['text', '3' as never, 'one', 'one'],
  ['Infinity', Infinity, 'one\n', 'one\ntwo\n'],
] as [string, number | undefined, string, string][])(
  'a size of %s',
  async (_, size, line, bytes) => {
    for (const [method, expected] of Object.entries({
      read: bytes,
      read1: bytes,
      readline: line,
    })) {
      const { input } = quiet(-1);
      input.push(Buffer.from('one\ntwo\n'));
      input.end();
      expect(String(await input[method as 'read'](size))).toBe(expected);
    }
  },
);

describe('a source', () => {
  test('is not asked before the application reads, and then once', async () => {
    const { input, source } = quiet(10);
    input.push(Buffer.from('01'));
    expect(source.resume).not.toHaveBeenCalled();
    // What is there already is given without asking.
    expect(String(await input.read(2))).toBe('01');
    expect(source.resume).not.toHaveBeenCalled();
    const pending = input.read1(5);
    expect(source.resume).toHaveBeenCalledOnce();
    input.push(Buffer.from('23'));
    expect(String(await pending)).toBe('23');
    const next = input.readline();
    expect(source.resume).toHaveBeenCalledOnce();
    input.push(Buffer.from('456789'));
    await next;
  });

  test('is paused at the mark, and told to go on when half of it was read', async () => {
    const { input, source } = quiet(-1);
    const first = input.read(1);
    input.push(Buffer.alloc(HIGH_WATER_MARK));
    await first;
    expect(source.pause).not.toHaveBeenCalled();
    input.push(Buffer.alloc(1));
    expect(source.pause).toHaveBeenCalledOnce();
    // What is on its way is kept.
    input.push(Buffer.alloc(100));
    expect(source.pause).toHaveBeenCalledOnce();
    expect(input.buffered).toBe(HIGH_WATER_MARK + 100);
    await input.read(HIGH_WATER_MARK / 2);
    expect(source.resume).toHaveBeenCalledOnce();
    await input.read(100);
    expect(source.resume).toHaveBeenCalledTimes(2);
    expect(input.buffered).toBe(HIGH_WATER_MARK / 2);
  });

  test('is not paused under a reader that waits for more than the mark', async () => {
    for (const read of [
      (input: InputStream) => input.read(),
      (input: InputStream) => input.read(3 * HIGH_WATER_MARK),
      (input: InputStream) => input.readline(),
    ]) {
      const { input, source } = quiet(-1);
      const pending = read(input);
      for (let i = 0; i < 3; i++) input.push(Buffer.alloc(HIGH_WATER_MARK, 'x'));
      expect(source.pause).not.toHaveBeenCalled();
      input.end();
      expect(await pending).toHaveLength(3 * HIGH_WATER_MARK);
    }
  });

  test('that was paused goes on for a reader that waits', async () => {
    const chunks = Array.from({ length: 40 }, () => Buffer.alloc(HIGH_WATER_MARK / 4, 'x'));
    const transport = new Transport(-1, chunks);
    await transport.input.read(1);
    expect(transport.calls).toEqual(['resume', 'pause']);
    expect(await transport.input.read()).toHaveLength(10 * HIGH_WATER_MARK - 1);
    expect(transport.calls).toEqual(['resume', 'pause', 'resume']);
  });

  test('that delivers within resume() bounds what waits in memory', async () => {
    const chunk = Buffer.alloc(HIGH_WATER_MARK / 4, 'x');
    const transport = new Transport(
      -1,
      Array.from({ length: 100 }, () => chunk),
    );
    let total = 0;
    for await (const piece of transport.input) {
      total += piece.length;
      expect(transport.input.buffered).toBeLessThanOrEqual(HIGH_WATER_MARK + chunk.length);
    }
    expect(total).toBe(100 * chunk.length);
  });
});

test('a second read while one is pending is refused, and the first gets its bytes', async () => {
  const { input } = quiet(4);
  const first = input.read();
  for (const second of [input.read(), input.read(1), input.readline(), input.readlines()]) {
    await expect(second).rejects.toMatchObject({ code: 'ERR_POSTERN_INPUT_STATE' });
  }
  input.push(Buffer.from('body'));
  expect(String(await first)).toBe('body');
});

test('iteration that was left gives the rest to the next reader', async () => {
  const { input } = quiet(-1);
  for (const line of ['one\n', 'two\n', 'three']) input.push(Buffer.from(line));
  input.end();
  for await (const line of input.lines()) {
    expect(String(line)).toBe('one\n');
    break;
  }
  expect((await input.readlines()).map(String)).toEqual(['two\n', 'three']);
});

describe('a client that leaves', () => {
  test('fails the pending read and those after it, also of what had come', async () => {
    const { input } = quiet(10);
    const pending = input.readline();
    input.push(Buffer.from('some'));
    const gone = new DisconnectError();
    input.destroy(gone);
    input.destroy(new Error('a second one'));
    await expect(pending).rejects.toBe(gone);
    await expect(input.read(1)).rejects.toBe(gone);
    expect(input.buffered).toBe(0);
    expect(input.push(Buffer.from('later'))).toBe(0);
  });
});

describe('after the request', () => {
  test('reads fail, the pending one too', async () => {
    const { input } = quiet(10);
    const pending = input.read();
    input.discard();
    await expect(pending).rejects.toMatchObject({ code: 'ERR_POSTERN_INPUT_STATE' });
    await expect(input.read(1)).rejects.toThrow('wsgi.input was read after the request');
  });

  test('what is unread and what still comes is thrown away, and counted', () => {
    const { input } = quiet(10);
    expect(input.discarded).toBe(0);
    input.push(Buffer.from('0123'));
    input.discard();
    input.discard();
    expect([input.buffered, input.discarded]).toEqual([0, 4]);
    expect(input.push(Buffer.from('456'))).toBe(3);
    expect(input.push(Buffer.from('789, and the next request'))).toBe(3);
    expect([input.buffered, input.discarded, input.complete]).toEqual([0, 10, true]);
  });

  test('a paused source goes on, so that the rest can come; one that was never asked is left alone', async () => {
    const { input, source } = quiet(-1);
    const first = input.read(1);
    input.push(Buffer.alloc(HIGH_WATER_MARK));
    await first;
    input.push(Buffer.alloc(HIGH_WATER_MARK));
    expect(source.pause).toHaveBeenCalledOnce();
    input.discard();
    expect(source.resume).toHaveBeenCalledTimes(2);
    input.push(Buffer.alloc(5 * HIGH_WATER_MARK));
    expect(source.pause).toHaveBeenCalledOnce();

    const unread = quiet(10);
    unread.input.discard();
    expect(unread.source.resume).not.toHaveBeenCalled();
  });
});
