/** Several applications as one, each below a prefix of its own. */

import { toByteString } from '../bytes.ts';
import { isBelow } from '../environ/path.ts';
import { UsageError } from '../errors.ts';
import { toFunction } from '../handler/application.ts';
import type { Application, ApplicationFunction } from '../types.ts';
import { normalizeMount } from '../uri/mount.ts';

/**
 * Makes one application of several: `mount({ '/blog': blog, '': home })`.
 *
 * A request is served by the application with the longest prefix of its path, at the border of a segment. The prefix moves
 * from PATH_INFO to the end of SCRIPT_NAME, as `shiftPathInfo` moves a segment. The path is taken as it is: `//blog` is not
 * below `/blog`. A request that is below none of the prefixes is answered 404.
 *
 * @param applications by their prefixes, which are decoded as PATH_INFO is: `'/blog'`, `'/blog/drafts'`; `''` or `'/'` for
 *   all other paths
 * @throws {UsageError} for something that is no application, and for a prefix that is there twice
 */
export function mount(applications: Readonly<Record<string, Application>>): ApplicationFunction {
  const mounts = new Map<string, ApplicationFunction>();
  for (const [text, application] of Object.entries(applications)) {
    const prefix = normalizeMount(toByteString(text));
    if (mounts.has(prefix)) throw new UsageError(`two applications are mounted at '${prefix}'`);
    mounts.set(prefix, functionAt(prefix, application));
  }
  const longestFirst = [...mounts].toSorted(([a], [b]) => b.length - a.length);
  return (environ, startResponse) => {
    const { PATH_INFO: path } = environ;
    for (const [prefix, application] of longestFirst) {
      if (!isBelow(path, prefix)) continue;
      environ.SCRIPT_NAME += prefix;
      environ.PATH_INFO = path.slice(prefix.length);
      return application(environ, startResponse);
    }
    return notFound(environ, startResponse);
  };
}

function functionAt(prefix: string, application: Application): ApplicationFunction {
  try {
    return toFunction(application);
  } catch (error) {
    throw new UsageError(`mounted at '${prefix}': ${(error as Error).message}`, { cause: error });
  }
}

const notFound: ApplicationFunction = (_environ, startResponse) => {
  startResponse('404 Not Found', [['Content-Type', 'text/plain; charset=utf-8']]);
  return [Buffer.from('Not Found\n')];
};
