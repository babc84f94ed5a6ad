/**
 * Fills in templates: `{{name}}` is replaced by a value, and what stands between `{{#name}}` and `{{/name}}` is kept only
 * where that value is switched on, between `{{^name}}` and `{{/name}}` only where it is not. A line with nothing but
 * such a tag vanishes.
 *
 * The syntax is Mustache's. Unlike its libraries this escapes nothing, because each configuration language quotes
 * differently, and a missing value is an error and not an empty text.
 */

import { UsageError } from '../../errors.ts';

const TAG = /^[ \t]*\{\{([#^/])(\w+)\}\}[ \t]*\n|\{\{([#^/]?)(\w+)\}\}/gm;

/** Whether a value keeps its sections. */
export function isOn(value: string): boolean {
  return value !== '' && value !== 'no';
}

/**
 * The template with its values.
 *
 * @param valueOf called for the tags outside of sections that are left out
 * @throws {UsageError} for sections that are not closed, or not in their order
 */
export function fillTemplate(template: string, valueOf: (name: string) => string): string {
  const open: { readonly name: string; readonly kept: boolean }[] = [];
  let text = '';
  let end = 0;
  for (const tag of template.matchAll(TAG)) {
    const [whole, lineKind, lineName, kind = lineKind, name = lineName!] = tag;
    const kept = open.at(-1)?.kept ?? true;
    if (kept) text += template.slice(end, tag.index);
    end = tag.index + whole.length;
    if (kind === '/') {
      if (open.pop()?.name !== name) throw new UsageError(`{{/${name}}} closes no section`);
    } else if (kind === '') {
      if (kept) text += valueOf(name);
    } else {
      open.push({ name, kept: kept && isOn(valueOf(name)) === (kind === '#') });
    }
  }
  if (open.length > 0) throw new UsageError(`{{#${open.at(-1)!.name}}} is not closed`);
  // A section that was left out leaves the empty lines around it.
  return (text + template.slice(end)).replaceAll(/\n{3,}/g, '\n\n').replace(/^\n/, '');
}
