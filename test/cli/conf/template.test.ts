import { describe, expect, test } from 'vitest';

import { UsageError } from '../../../src/errors.ts';
import { fillTemplate } from '../../../src/cli/conf/template.ts';

const VALUES: Readonly<Record<string, string>> = {
  a: '1',
  b: '<&">',
  on: 'yes',
  off: 'no',
  none: '',
};

function fill(template: string): string {
  return fillTemplate(template, (name) => {
    if (!Object.hasOwn(VALUES, name)) throw new Error(`asked for ${name}`);
    return VALUES[name]!;
  });
}

describe('fillTemplate', () => {
  test.each([
    ['{{a}}-{{b}}', '1-<&">'],
    ['$1 {{a}} $& {a} {{', '$1 1 $& {a} {{'],
    ['x{{#on}}y{{/on}}z', 'xyz'],
    ['x{{#a}}y{{/a}}z', 'xyz'],
    ['x{{#off}}y{{/off}}z', 'xz'],
    ['x{{#none}}y{{/none}}z', 'xz'],
    ['x{{^on}}y{{/on}}z', 'xz'],
    ['x{{^off}}y{{/off}}z', 'xyz'],
    ['x{{#none}}{{missing}}{{#missing}}{{/missing}}{{/none}}z', 'xz'],
    ['{{#on}}{{^off}}{{a}}{{/off}}{{#off}}2{{/off}}3{{/on}}', '13'],
    ['{{#off}}{{#on}}1{{/on}}2{{/off}}3', '3'],
    ['a\n{{#on}}\n b\n  {{/on}}\t\nc\n', 'a\n b\nc\n'],
    ['a\n{{#off}}\n b\n{{/off}}\nc\n', 'a\nc\n'],
    ['a\n\n{{#off}}\nb\n{{/off}}\n\nc\n', 'a\n\nc\n'],
    ['{{#off}}\nb\n{{/off}}\n\nc\n', 'c\n'],
    ['a {{#on}}\nb{{/on}}\n', 'a \nb\n'],
  ])('%j becomes %j', (template, text) => {
    expect(fill(template)).toBe(text);
  });

  test.each([
    ['{{#on}}', '{{#on}} is not closed'],
    ['{{/on}}', '{{/on}} closes no section'],
    ['{{#on}}{{#off}}{{/on}}{{/off}}', '{{/on}} closes no section'],
    ['{{#none}}{{#off}}{{/none}}', '{{/none}} closes no section'],
  ])('%j is refused', (template, message) => {
    expect(() => fill(template)).toThrow(new UsageError(message));
  });
});
