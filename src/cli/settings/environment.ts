/** Options from the environment. */

import { didYouMean, similarTo } from '../../similar.ts';
import { OPTIONS, OPTION_NAMES, toVariable } from '../options/options.ts';
import type { OptionName, RawValue, Source } from '../options/options.ts';

/** The `POSTERN_…` variables. Several values of one option are separated by spaces. */
export function environmentSource(environment: NodeJS.ProcessEnv): Source {
  const values: Partial<Record<OptionName, RawValue>> = {};
  for (const name of OPTION_NAMES) {
    const text = environment[toVariable(name)];
    if (text === undefined || text === '') continue;
    values[name] = 'repeated' in OPTIONS[name] ? text.trim().split(/\s+/) : text;
  }
  return { label: toVariable, values };
}

/** What Kubernetes sets for the pods beside a service that is called postern. */
const OF_KUBERNETES = /^POSTERN_(?:SERVICE_(?:HOST|PORT(?:_\w+)?)|PORT(?:_\d+_(?:TCP|UDP)\w*)?)$/;

/** A line for each variable that looks like an option, and is none. It may be of another program: so it is no error. */
export function doubtVariables(environment: NodeJS.ProcessEnv): string[] {
  const known = OPTION_NAMES.map(toVariable);
  return Object.keys(environment)
    .filter((name) => /^POSTERN_/i.test(name))
    .filter((name) => !known.includes(name) && !OF_KUBERNETES.test(name))
    .map((name) => {
      const meant = similarTo(name.slice(PREFIX.length), known.map(withoutPrefix));
      return `${name} is no option, and is ignored${didYouMean(meant && PREFIX + meant)}`;
    });
}

const PREFIX = 'POSTERN_';

function withoutPrefix(variable: string): string {
  return variable.slice(PREFIX.length);
}
