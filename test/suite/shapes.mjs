/** Applications that are served by themselves: what a gateway has to recognise is their shape. */

import { setImmediate } from 'node:timers/promises';

import { TEXT } from './kit.mjs';

/** @import { Environ, StartResponse } from '../../src/types.ts' */

/** A class: the instance is the body. */
export class ClassApplication {
  /**
   * @param {Environ} environ
   * @param {StartResponse} startResponse
   */
  constructor(environ, startResponse) {
    this.method = environ.REQUEST_METHOD;
    startResponse('200 OK', TEXT);
  }

  *[Symbol.iterator]() {
    yield Buffer.from('a class, ');
    yield Buffer.from(this.method);
  }
}

/** An object with call(). */
export const objectApplication = {
  prefix: 'an object, ',

  /**
   * @param {Environ} environ
   * @param {StartResponse} startResponse
   */
  call(environ, startResponse) {
    startResponse('200 OK', TEXT);
    return [Buffer.from(this.prefix + environ.REQUEST_METHOD)];
  },
};

/**
 * An async function.
 *
 * @param {Environ} environ
 * @param {StartResponse} startResponse
 */
export async function asyncApplication(environ, startResponse) {
  await setImmediate();
  startResponse('200 OK', TEXT);
  return [Buffer.from(`an async function, ${environ.REQUEST_METHOD}`)];
}

/**
 * An async generator function.
 *
 * @param {Environ} environ
 * @param {StartResponse} startResponse
 */
export async function* generatorApplication(environ, startResponse) {
  startResponse('200 OK', TEXT);
  yield Buffer.from('an async generator function, ');
  await setImmediate();
  yield Buffer.from(environ.REQUEST_METHOD);
}
