/** The three shapes of an application as one function. */

import { describe } from '../response/chunk.ts';
import { UsageError } from '../errors.ts';
import type {
  Application,
  ApplicationClass,
  ApplicationFunction,
  ApplicationObject,
} from '../types.ts';

/**
 * Done once per application, not once per request.
 *
 * @throws {UsageError} for anything that is no application
 */
export function toFunction(application: Application): ApplicationFunction {
  if (typeof application === 'function') {
    if (!isClass(application)) return application as ApplicationFunction;
    const Class = application as ApplicationClass;
    return (environ, startResponse) => new Class(environ, startResponse);
  }
  if (typeof (application as Partial<ApplicationObject> | null)?.call === 'function') {
    return (environ, startResponse) => application.call(environ, startResponse);
  }
  throw new UsageError(
    `${describe(application)} is no application: not a function, a class or an object with call()`,
  );
}

/** A class cannot be called without `new`, and nothing but its source tells. */
export function isClass(value: Function): boolean {
  // `class() {}` is a method of that name.
  return /^class\b(?!\s*\()/.test(Function.prototype.toString.call(value));
}
