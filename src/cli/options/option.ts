/** The definition of an option of the command. */

import { UsageError } from '../../errors.ts';

/** Wrong arguments, variables or configuration: exit code 2. */
export class WrongUsage extends UsageError {}

/** One option. */
export interface Option<T> {
  /** Heading under which `--help` shows it. */
  readonly group:
    | 'Gateways'
    | 'Application'
    | 'Serving'
    | 'Logging'
    | 'FastCGI'
    | 'HTTP'
    | 'CGI'
    | 'Limits';
  readonly describe: string;
  /** The placeholder for its value in `--help`. Without it the option is a switch. In brackets: the value is optional. */
  readonly argument?: string;
  /** Parses the text that was given (`''` when it was left out). */
  readonly read: (text: string) => T;
  /** The value when none is given. */
  readonly default?: T;
  /** The default as `--help` shows it, if not as it is. */
  readonly defaultText?: string;
  /** It is an argument without a flag. */
  readonly positional?: true;
  /** It may be given several times: the value is an array. */
  readonly repeated?: true;
  /** It is passed on to the gateways, under the same name or under these. */
  readonly gateway?: true | readonly string[];
  /** It has an effect in CGI mode, where only environment and configuration are read. */
  readonly cgi?: true;
}

export type Required<T> = Option<T> & { readonly default: T };
export type Repeated<T> = Option<T> & { readonly repeated: true };

export function option<T>(definition: Required<T>): Required<T>;
export function option<T>(definition: Repeated<T>): Repeated<T>;
export function option<T>(definition: Option<T>): Option<T>;
export function option<T>(definition: Option<T>): Option<T> {
  return definition;
}
