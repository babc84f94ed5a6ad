/** FileWrapper over everything that it reads from. */

import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { createReadStream } from 'node:fs';
import type { ReadStream } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';

import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';

import { ApplicationError, FileWrapper, InputStream } from '../../src/index.ts';
import type { ApplicationFunction, FileLike, Header } from '../../src/index.ts';
import { testClient } from '../../src/testing/index.ts';
import type { TestResponse } from '../../src/testing/index.ts';

const CONTENT = Buffer.from(Array.from({ length: 1000 }, (_, i) => i % 251));

let folder: string;
let path: string;
const handles: FileHandle[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'postern-file-'));
  path = join(folder, 'content.bin');
  await writeFile(path, CONTENT);
});
afterAll(async () => {
  for (const handle of handles) await handle.close();
  await rm(folder, { recursive: true });
});

async function openFile(): Promise<FileHandle> {
  const handle = await open(path);
  handles.push(handle);
  return handle;
}

async function chunksOf(body: AsyncIterable<Uint8Array>): Promise<Uint8Array[]> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return chunks;
}

/** An object with `read(n)`, as simple as it can be. */
function reader(bytes: Buffer): { read(size: number): Buffer; close(): void; closed: number } {
  let at = 0;
  return {
    read: (size) => bytes.subarray(at, (at += size)),
    close() {
      this.closed++;
    },
    closed: 0,
  };
}

const kinds: [name: string, make: () => FileLike | Promise<FileLike>][] = [
  ['FileHandle', openFile],
  ['ReadStream', () => createReadStream(path)],
  ['Readable', () => Readable.from([CONTENT.subarray(0, 10), CONTENT.subarray(10)])],
  ['web stream', () => new Blob([CONTENT]).stream() as unknown as FileLike],
  ['generator', () => generate(() => {})],
  ['read(n)', () => reader(CONTENT)],
  ['asynchronous read(n)', laterReader],
  ['InputStream', inputStream],
];

function laterReader(): FileLike {
  const { read } = reader(CONTENT);
  const readLater = async (size: number): Promise<Buffer | null> => {
    const bytes = read(size);
    return bytes.length === 0 ? null : bytes; // both mean the end
  };
  return { read: readLater };
}

function inputStream(): FileLike {
  const input = new InputStream(CONTENT.length);
  input.push(CONTENT);
  return input;
}

async function* generate(ended: () => void): AsyncGenerator<Uint8Array> {
  try {
    yield CONTENT.subarray(0, 400);
    yield CONTENT.subarray(400);
  } finally {
    ended();
  }
}

describe.each(kinds)('over a %s', (_, make) => {
  test('streams all of it', async () => {
    const body = new FileWrapper(await make());
    expect(Buffer.concat(await chunksOf(body))).toEqual(CONTENT);
    await body.close();
  });

  test('is over after close(), which may come again', async () => {
    const body = new FileWrapper(await make());
    await body[Symbol.asyncIterator]().next();
    await Promise.all([body.close(), body.close()]);
    await body.close();
    expect(await chunksOf(body)).toEqual([]);
  });

  test('closes when it was never read', async () => {
    const body = new FileWrapper(await make());
    await body.close();
    expect(await chunksOf(body)).toEqual([]);
  });
});

test('reads blocks of the size it is told', async () => {
  for (const make of [openFile, () => reader(CONTENT)]) {
    const chunks = await chunksOf(new FileWrapper(await make(), 300));
    expect(chunks.map((chunk) => chunk.length)).toEqual([300, 300, 300, 100]);
  }
});

test('each block is memory of its own: the one before may still be on its way', async () => {
  const [first, second] = await chunksOf(new FileWrapper(await openFile(), 500));
  expect(first).toEqual(CONTENT.subarray(0, 500));
  expect(second).toEqual(CONTENT.subarray(500));
});

test('streams from the current position', async () => {
  const handle = await openFile();
  await handle.read(Buffer.alloc(600), 0, 600, null);
  expect(Buffer.concat(await chunksOf(new FileWrapper(handle)))).toEqual(CONTENT.subarray(600));
});

describe('closes', () => {
  test('a FileHandle', async () => {
    const handle = await openFile();
    await new FileWrapper(handle).close();
    expect(handle.fd).toBe(-1);
  });

  test('what has close(), once', async () => {
    const file = reader(CONTENT);
    const body = new FileWrapper(file);
    await chunksOf(body);
    expect(file.closed).toBe(0);
    await body.close();
    await body.close();
    expect(file.closed).toBe(1);
  });

  test('a ReadStream, and with it its descriptor', async () => {
    const stream: ReadStream = createReadStream(path, { highWaterMark: 10 });
    const body = new FileWrapper(stream);
    await body[Symbol.asyncIterator]().next();
    await body.close();
    expect(stream.destroyed).toBe(true);
  });

  test('a Node stream of which a read is pending', async () => {
    const stream = new PassThrough();
    const body = new FileWrapper(stream);
    const pending = body[Symbol.asyncIterator]().next();
    await Promise.all([body.close(), expect(pending).rejects.toThrow('Premature close')]);
    expect(stream.destroyed).toBe(true);
  });

  test('a web stream of which a read is pending', async () => {
    const cancel = vi.fn<() => void>();
    const body = new FileWrapper(new ReadableStream({ cancel }) as unknown as FileLike);
    const pending = body[Symbol.asyncIterator]().next();
    await body.close();
    expect(cancel).toHaveBeenCalledOnce();
    expect(await pending).toEqual({ done: true, value: undefined });
  });

  test('a generator that was left early, but not one that ended', async () => {
    const ended = vi.fn<() => void>();
    const left = new FileWrapper(generate(ended));
    for await (const _ of left) break;
    expect(ended).toHaveBeenCalledOnce();
    await left.close();
    expect(ended).toHaveBeenCalledOnce();

    const iterator = { next: async () => ({ done: true, value: undefined }) as const };
    const returned = vi.fn<() => never>();
    const whole = new FileWrapper({
      [Symbol.asyncIterator]: () => ({ ...iterator, return: returned }),
    });
    await chunksOf(whole);
    await whole.close();
    expect(returned).not.toHaveBeenCalled();
  });

  test('not wsgi.input, which is the gateway’s', async () => {
    const input = inputStream() as InputStream;
    const destroy = vi.spyOn(input, 'destroy');
    const body = new FileWrapper(input, 10);
    await body[Symbol.asyncIterator]().next();
    await body.close();
    expect(destroy).not.toHaveBeenCalled();
  });
});

/** The response of an application that sends the file. */
function send(file: FileLike, length?: number): Promise<TestResponse> {
  const app: ApplicationFunction = (_environ, startResponse) => {
    const headers: Header[] = [['Content-Type', 'application/octet-stream']];
    if (length !== undefined) headers.push(['Content-Length', String(length)]);
    startResponse('200 OK', headers);
    return new FileWrapper(file, 300);
  };
  return testClient(app, { throwErrors: false }).get('/');
}

describe('as the body of a response', () => {
  test.each(kinds)('over a %s: all of it, or up to the Content-Length', async (_, make) => {
    for (const length of [undefined, CONTENT.length, 999, 300, 1]) {
      const response = await send(await make(), length);
      expect(response.body).toEqual(CONTENT.subarray(0, length));
      expect(response).toMatchObject({ outcome: 'complete', errors: '' });
    }
  });

  test('is not read further than its Content-Length, and closed', async () => {
    const pipe = new PassThrough(); // never ends
    pipe.write(CONTENT);
    const response = await send(pipe, CONTENT.length);
    expect(response).toMatchObject({ outcome: 'complete', errors: '' });
    expect(pipe.destroyed).toBe(true);

    const file = reader(CONTENT);
    const read = vi.spyOn(file, 'read');
    expect((await send(file, 600)).body).toEqual(CONTENT.subarray(0, 600));
    expect(read).toHaveBeenCalledTimes(2);
    expect(file.closed).toBe(1);
  });

  test('that is shorter than its Content-Length is broken', async () => {
    const response = await send(reader(CONTENT), 1001);
    expect(response.outcome).toBe('broken');
    expect(response.errors).toContain('1 bytes before its Content-Length');
  });

  test('another body is asked for one chunk too many, which is told', async () => {
    let asked = 0;
    const response = await testClient(function* (_environ, startResponse) {
      startResponse('200 OK', [['Content-Length', '2']]);
      for (;;) {
        asked++;
        yield Buffer.from('x');
      }
    }).get('/');
    expect(asked).toBe(3);
    expect(response).toMatchObject({ outcome: 'complete', chunks: [{}, {}] });
    expect(response.errors).toContain('more than its Content-Length');
  });
});

test('an error of the file comes through, and close() still closes', async () => {
  const broken = {
    read: () => {
      throw new Error('disk');
    },
    close: vi.fn<() => void>(),
  };
  const body = new FileWrapper(broken);
  await expect(chunksOf(body)).rejects.toThrow('disk');
  await body.close();
  expect(broken.close).toHaveBeenCalledOnce();
});

test('an error of close() comes through', async () => {
  const body = new FileWrapper({
    read: () => null,
    close: () => Promise.reject(new Error('disk')),
  });
  await expect(body.close()).rejects.toThrow('disk');
});

test.each([null, undefined, 'path', 3, {}, [CONTENT], { read: 1 }])('%o is no file', (file) => {
  expect(() => new FileWrapper(file as never)).toThrow(ApplicationError);
});

test.each([0, -1, Number.NaN])('%o is no block size', (size) => {
  expect(() => new FileWrapper(reader(CONTENT), size)).toThrow(ApplicationError);
});
