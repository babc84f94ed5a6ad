/** The three shapes of an application as one function. */

import { describe } from '../response/chunk.ts';
import { UsageError } from '../errors.ts';
import type { Application, ApplicationClass, ApplicationFunction } from '../types.ts';

/** The functions of applications that have been asked for: a handler may be given the same one for each request. */
const functions = new WeakMap<object, ApplicationFunction>();

/**
 * An application of any shape as a function, for middleware that calls it. Of the same application it is always the same
 * function; of a function it is that function.
 *
 * @throws {UsageError} for anything that is no application
 */
export function toFunction(application: Application): ApplicationFunction {
  const known = functions.get(application);
  if (known !== undefined) return known;
  const made = makeFunction(application);
  functions.set(application, made);
  return made;
}

function makeFunction(application: Application): ApplicationFunction {
  if (typeof application === 'function') {
    if (!isClass(application)) return application as ApplicationFunction;
    const Class = application as ApplicationClass;
    return (environ, startResponse) => new Class(environ, startResponse);
  }
  if (isMethod(application, 'call')) {
    return (environ, startResponse) => application.call(environ, startResponse);
  }
  const remedy = isMethod(application, 'fetch')
    ? 'fromFetch() makes one of a fetch handler'
    : 'not a function, a class or an object with call(); fromNode() and fromFetch() make one of others';
  throw new UsageError(`${describe(application)} is no application: ${remedy}`);
}

function isMethod(value: unknown, name: string): boolean {
  return typeof (value as Record<string, unknown> | null | undefined)?.[name] === 'function';
}

/** A class cannot be called without `new`, and nothing but its source tells. */
export function isClass(value: Function): boolean {
  // `class() {}` is a method of that name.
  return /^class\b(?!\s*\()/.test(Function.prototype.toString.call(value));
}
