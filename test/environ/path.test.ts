/** The parts of the path. */

import * as fc from 'fast-check';
import { expect, test } from 'vitest';

import { remount } from '../../src/environ/path.ts';

test('split at another place it is the same path', () => {
  const path = fc.array(fc.constantFrom('/', 'a', '/a', '/b')).map((parts) => parts.join(''));
  fc.assert(
    fc.property(path, path, path, (script, info, mount) => {
      const [scriptName, pathInfo] = remount(script, info, mount);
      expect(scriptName + pathInfo).toBe(script + info);
      const isBelow = `${script}${info}/`.startsWith(`${mount}/`);
      expect(scriptName).toBe(isBelow ? mount : script);
      if (isBelow) expect(pathInfo).toMatch(/^(?:\/|$)/);
    }),
  );
});
