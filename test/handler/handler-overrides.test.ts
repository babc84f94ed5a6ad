/** What a subclass of a handler may override, as wsgiref.handlers documents it. */

import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { setImmediate } from 'node:timers/promises';

import { describe, expect, test, vi } from 'vitest';

import { FileWrapper, StreamHandler } from '../../src/index.ts';
import { createLog } from '../../src/logging/log.ts';
import type {
  ApplicationFunction,
  CheckedHeaders,
  HeaderList,
  StartResponse,
} from '../../src/index.ts';
import { MemoryHandler } from './memory-handler.ts';

const LOG = { error() {}, warn() {}, info() {}, debug() {} };

const hello: ApplicationFunction = (_environ, startResponse) => {
  startResponse('200 OK', [['Content-Type', 'text/plain']]);
  return [Buffer.from('hello')];
};

const failing = (): never => {
  throw new Error('secret');
};

interface Served {
  head: string[];
  body: string;
  errors: string;
}

/** Runs a handler of four streams. */
async function serve(
  Handler: typeof StreamHandler,
  application: ApplicationFunction = hello,
  environ: Record<string, string> = {},
): Promise<Served> {
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
  let output = '';
  stdout.on('data', (chunk: Buffer) => (output += chunk.toString('latin1')));
  let errors = '';
  stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  const closed = once(stdout, 'close');
  await new Handler({ stdin, stdout, stderr, environ }, { log: LOG }).run(application);
  stdout.end();
  await closed;
  const end = output.indexOf('\r\n\r\n');
  return {
    head: output.slice(0, end).split('\r\n'),
    body: output.slice(end + 4),
    errors,
  };
}

/** An application that answers with one variable of its environ. */
function answering(name: string): ApplicationFunction {
  return (environ, startResponse) => {
    startResponse('200 OK', [['Content-Type', 'text/plain']]);
    return [Buffer.from(String(environ[name]))];
  };
}

test('as it is: CGI style, no Date, no Server', async () => {
  expect((await serve(StreamHandler)).head).toEqual([
    'Status: 200 OK',
    'Content-Type: text/plain',
    'Content-Length: 5',
  ]);
});

describe('an origin server', () => {
  class Origin extends StreamHandler {
    override readonly originServer = true;
  }
  class Named extends Origin {
    override readonly httpVersion = '1.0';
    override readonly serverSoftware: string = 'mine/2';
  }
  class Nameless extends Origin {
    override readonly serverSoftware = '';
  }

  test('sends a status line, Date and Server', async () => {
    expect((await serve(Origin)).head).toEqual([
      'HTTP/1.1 200 OK',
      expect.stringMatching(/^Date: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$/),
      'Server: postern',
      'Connection: close',
      'Content-Type: text/plain',
      'Content-Length: 5',
    ]);
  });

  test('leaves Date and Server to the application', async () => {
    const { head } = await serve(Origin, (_environ, startResponse) => {
      startResponse('204 No Content', [
        ['date', 'today'],
        ['SERVER', 'other'],
      ]);
      return [];
    });
    expect(head).toEqual([
      'HTTP/1.1 204 No Content',
      'Connection: close',
      'date: today',
      'SERVER: other',
    ]);
  });

  test('httpVersion and serverSoftware', async () => {
    const { head } = await serve(Named);
    expect(head).toContain('HTTP/1.0 200 OK');
    expect(head).toContain('Server: mine/2');
    expect((await serve(Named, answering('SERVER_SOFTWARE'))).body).toBe('mine/2');
    const other = { SERVER_SOFTWARE: 'nginx' };
    expect((await serve(Named, answering('SERVER_SOFTWARE'), other)).body).toBe('nginx');
  });

  test('without a name', async () => {
    const { head } = await serve(Nameless);
    expect(head.some((line) => line.startsWith('Server'))).toBe(false);
    expect((await serve(Nameless, answering('SERVER_SOFTWARE'))).body).toBe('undefined');
  });
});

describe('what the environ says', () => {
  class Own extends StreamHandler {
    override readonly gateway = 'scgi';
    override readonly runOnce = true;
    override readonly fileWrapper = class Mine extends FileWrapper {};
    protected override getScheme(): string {
      return 'https';
    }
    protected override getRole(): 'filter' {
      return 'filter';
    }
    protected override isMultiprocess(): boolean {
      return false;
    }
  }

  test.each([
    ['postern.gateway', 'scgi'],
    ['postern.role', 'filter'],
    ['wsgi.run_once', 'true'],
    ['wsgi.multiprocess', 'false'],
    ['wsgi.url_scheme', 'https'],
  ])('%s is %s', async (name, value) => {
    expect((await serve(Own, answering(name))).body).toBe(value);
  });

  test('wsgi.file_wrapper', async () => {
    expect((await serve(Own, answering('wsgi.file_wrapper'))).body).toMatch(/^class Mine/);
  });
});

describe('errors', () => {
  class OwnPage extends StreamHandler {
    protected override readonly errorStatus = '503 Overslept';
    protected override readonly errorHeaders: HeaderList = [['Retry-After', '5']];
    protected override readonly errorBody = 'come back';
    protected override logException(error: unknown): void {
      this.getErrors().write(`own log: ${String(error)}`);
    }
  }
  class OwnOutput extends StreamHandler {
    protected override errorOutput(
      environ: Readonly<Record<string, unknown>>,
      startResponse: StartResponse,
      error: unknown,
    ): Uint8Array[] {
      startResponse('502 Own', [], error);
      return [Buffer.from(`at ${String(environ['PATH_INFO'])}: `), Buffer.from(String(error))];
    }
  }
  class LateOutput extends StreamHandler {
    protected override async errorOutput(
      _environ: Readonly<Record<string, unknown>>,
      startResponse: StartResponse,
      error: unknown,
    ): Promise<Uint8Array[]> {
      await setImmediate();
      startResponse('500 Late', [], error);
      return [Buffer.from(`late: ${String(error)}`)];
    }
  }
  class LateBrokenOutput extends StreamHandler {
    protected override async errorOutput(): Promise<never> {
      await setImmediate();
      throw new Error('second');
    }
  }
  class BrokenOutput extends StreamHandler {
    protected override errorOutput(): never {
      throw new Error('second');
    }
  }

  test('as they are: a short text, and the stack to wsgi.errors alone', async () => {
    const { head, body, errors } = await serve(StreamHandler, failing);
    expect(head).toEqual([
      'Status: 500 Internal Server Error',
      'Content-Type: text/plain; charset=utf-8',
      `Content-Length: ${body.length}`,
    ]);
    expect(body).toBe('A server error occurred. Please contact the administrator.');
    expect(errors).toMatch(/^Error: secret\n {4}at /);
  });

  test('errorStatus, errorHeaders, errorBody and logException', async () => {
    expect(await serve(OwnPage, failing)).toEqual({
      head: ['Status: 503 Overslept', 'Retry-After: 5', 'Content-Length: 9'],
      body: 'come back',
      errors: 'own log: Error: secret',
    });
  });

  test('a logException that fails', async () => {
    class OwnLog extends StreamHandler {
      protected override logException(): void {
        throw new Error('disk full');
      }
    }
    const stderr = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    try {
      const { head } = await serve(OwnLog, failing);
      expect(head[0]).toBe('Status: 500 Internal Server Error');
      const text = stderr.mock.calls.join('');
      expect(text).toContain('postern: cgi: an error could not be logged: Error: disk full');
    } finally {
      stderr.mockRestore();
    }
  });

  test('errorOutput', async () => {
    const served = await serve(OwnOutput, failing, { PATH_INFO: '/x' });
    expect(served.head).toEqual(['Status: 502 Own', 'Content-Length: 20']);
    expect(served.body).toBe('at /x: Error: secret');
  });

  test.each([
    ['an application', failing],
    ['a body', () => ({ [Symbol.iterator]: (): never => failing() })],
    ['an asynchronous application', async () => failing()],
  ] as [string, () => never][])(
    'an errorOutput that takes its time, for %s',
    async (_, application) => {
      const served = await serve(LateOutput, application);
      expect(served.head).toEqual(['Status: 500 Late', 'Content-Length: 19']);
      expect(served.body).toBe('late: Error: secret');
    },
  );

  test('meanwhile the body stays open, and is closed once', async () => {
    const events: string[] = [];
    class Told extends LateOutput {
      protected override async errorOutput(
        ...args: Parameters<LateOutput['errorOutput']>
      ): Promise<Uint8Array[]> {
        const chunks = await super.errorOutput(...args);
        events.push('answered');
        return chunks;
      }
    }
    await serve(Told, () => ({
      [Symbol.iterator]: () => ({ next: () => failing() }),
      close: () => void events.push('closed'),
    }));
    expect(events).toEqual(['answered', 'closed']);
  });

  test.each([
    ['fails', BrokenOutput],
    ['fails after a while', LateBrokenOutput],
  ])('an errorOutput that %s: nothing is sent, and both errors are told', async (_, Handler) => {
    const { head, body, errors } = await serve(Handler, failing);
    expect(errors).toMatch(/Error: secret[^]*Error: second/);
    expect(head.join('') + body).toBe('');
  });
});

/** An application that sends a file, of sorts. */
function wrapping(blockSize: number): ApplicationFunction {
  return (_environ, startResponse) => {
    startResponse('200 OK', [['Content-Type', 'text/plain']]);
    const reads = [Buffer.from('bytes')];
    return new FileWrapper({ read: () => reads.pop() ?? null }, blockSize);
  };
}

describe('sendfile', () => {
  class Sender extends StreamHandler {
    protected override sendfile(
      file: FileWrapper,
      status: string,
      headers: CheckedHeaders,
    ): CheckedHeaders | undefined {
      if (file.blockSize !== 7) return undefined;
      return { ...headers, list: [...headers.list, ['X-Own', status]] };
    }
  }

  test('may send something else instead of the bytes, or not', async () => {
    expect(await serve(Sender, wrapping(7))).toMatchObject({
      head: ['Status: 200 OK', 'Content-Type: text/plain', 'X-Own: 200 OK', 'Content-Length: 0'],
      body: '',
    });
    expect(await serve(Sender, wrapping(8))).toMatchObject({ body: 'bytes' });
  });
});

/** Runs an application three times, and gives what the log says. */
async function warned(application: ApplicationFunction, isOrigin = false): Promise<string[]> {
  const lines: string[] = [];
  class Handler extends MemoryHandler {
    override readonly originServer = isOrigin;
  }
  const log = createLog('warn', (line) => void lines.push(line));
  for (let i = 0; i < 3; i++) await new Handler({}, { log }).run(application);
  return lines;
}

const locating =
  (status: string): ApplicationFunction =>
  (_environ, startResponse) => {
    startResponse(status, [['Location', '/elsewhere']]);
    return [];
  };

test('a 200 with Location is warned of, once for each log, unless this is the origin server', async () => {
  const line = expect.stringContaining('scgi: a response with status 200 has a Location header');
  expect(await warned(locating('200 OK'))).toEqual([line]);
  expect(await warned(locating('200 OK'))).toEqual([line]);
  expect(await warned(locating('200 OK'), true)).toEqual([]);
  expect(await warned(locating('201 Created'))).toEqual([]);
});
