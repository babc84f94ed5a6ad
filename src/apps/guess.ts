/**
 * Tells what a plain function is. `(environ, startResponse)`, `(req, res)` and `(request, context)` are functions of two
 * arguments, so their names decide. Where there are none (`(...args)`, minified code) the first call shows it.
 */

import { ApplicationError } from '../errors.ts';
import { isPromise } from '../response/chunk.ts';
import type { ApplicationFunction, Environ, StartResponse } from '../types.ts';
import { isResponse } from './fetch/is-response.ts';

/** What a function is: an application, a Node listener, a fetch handler, or one that only its first call shows. */
export type Guess = 'wsgi' | 'node' | 'fetch' | 'unknown';

/** What a function is by its parameters: their names, then their number. */
export function guessInterface(value: Function): Guess {
  const [first, second] = parameterNames(Function.prototype.toString.call(value));
  if (/^_*env/i.test(first) || /^_*start/i.test(second)) return 'wsgi';
  if (/^(?:_*req|.*request)$/i.test(first) && /^_*(?:c|ctx|context|env|info)$/i.test(second)) {
    return 'fetch';
  }
  // h3 says `nodeReq`. One that is not used may have no name.
  if (/(?:^_*|req(?:uest)?)$/i.test(first) && /(?:res|resp|response|reply)$/i.test(second))
    return 'node';
  if (value.length === 1) return 'fetch';
  // (req, res, next), as a middleware of Connect has it
  return value.length > 2 ? 'node' : 'unknown';
}

/**
 * The names of the first two parameters in the source of a function; `''` for a pattern, or where there is none. Those of
 * a rest parameter are in the pattern that it is assigned to, as in Astro's handler: `const [req, res, next] = args`.
 */
function parameterNames(source: string): [first: string, second: string] {
  const start = source.indexOf('(');
  const end = source.indexOf(')', start);
  if (start < 0 || source.slice(0, start).includes('=>')) return ['', '']; // `x => f(x)`
  const list = source.slice(start + 1, end).trim();
  if (!list.startsWith('...')) return firstNames(list);
  const close = source.indexOf(']', end);
  const isAssigned = source
    .slice(close + 1)
    .trimStart()
    .startsWith(`= ${list.slice(3)}`);
  return isAssigned
    ? firstNames(source.slice(source.lastIndexOf('[', close) + 1, close))
    : ['', ''];
}

function firstNames(list: string): [first: string, second: string] {
  const [first, second] = list.split(',');
  return [nameOf(first), nameOf(second)];
}

function nameOf(parameter = ''): string {
  return /^[\w$]+/.exec(parameter.trim())?.[0] ?? '';
}

/** Members of a request and a response that no environ and no `startResponse` has. */
const REQUEST_MEMBERS = ['url', 'headers', 'method'];
const RESPONSE_MEMBERS = ['end', 'write', 'writeHead', 'setHeader'];

/**
 * Wraps a function that may not be an application. Until it has called `startResponse`, its calls are watched: what a
 * listener or a fetch handler looks for is not there, and without a word it would only answer 500.
 *
 * @param tell called once, with the remedy
 */
export function watchFirstCalls(
  application: ApplicationFunction,
  tell: (message: string) => void,
): ApplicationFunction {
  let isKnown = false;
  let isTold = false;

  function refuse(what: string, shape: string, cause?: unknown): never {
    const message = `the application ${what}: it was called with (environ, startResponse); ${remedy(shape)}`;
    if (!isTold) tell(message);
    isTold = true;
    throw new ApplicationError(message, { cause });
  }

  function watchedCall(
    environ: Environ,
    startResponse: StartResponse,
  ): ReturnType<ApplicationFunction> {
    let looked: string | undefined;
    const start: StartResponse = (...args) => {
      isKnown = true;
      return startResponse(...args);
    };
    watch(environ, REQUEST_MEMBERS, (name) => (looked ??= `looks for the ${name} of a request`));
    watch(start, RESPONSE_MEMBERS, (name) => (looked ??= `looks for ${name}() of a response`));
    const fail = (error: unknown): never => {
      if (looked === undefined || isKnown) throw error;
      return refuse(looked, 'node', error);
    };
    const check = (body: unknown): never => {
      if (isResponse(body)) return refuse('returned a Response', 'fetch');
      if (body === undefined && !isKnown) return refuse(looked ?? 'returned nothing', 'node');
      return body as never;
    };
    try {
      const body: unknown = application(environ, start);
      return isPromise(body) ? body.then(check, fail) : check(body);
    } catch (error) {
      return fail(error);
    }
  }

  return (environ, startResponse) =>
    isKnown ? application(environ, startResponse) : watchedCall(environ, startResponse);
}

function remedy(shape: string): string {
  const other = shape === 'node' ? ', or fetch if it returns a Response' : '';
  return `say what it is with --interface ${shape}${other}`;
}

/** Calls `onLook` when a member is looked for that an object has not. The members do not show when it is listed. */
function watch(target: object, names: readonly string[], onLook: (name: string) => void): void {
  for (const name of names) {
    if (name in target) continue;
    Object.defineProperty(target, name, {
      get: () => onLook(name),
      set(value: unknown) {
        Object.defineProperty(target, name, { value, writable: true });
      },
      configurable: true,
    });
  }
}
