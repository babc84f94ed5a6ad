/** The definition of an option of the command. */

import { UsageError } from '../../errors.ts';

/** Wrong arguments, variables or configuration: exit code 2. */
export class WrongUsage extends UsageError {}

/** What a value names is not there: exit code 1, as for a port in use. The value itself is not wrong. */
export class NotThere extends UsageError {}

/** One option. */
export interface Option<T> {
  /** Heading under which `--help` shows it. */
  readonly group:
    | 'Gateways'
    | 'Application'
    | 'Serving'
    | 'Development'
    | 'Peers'
    | 'Files'
    | 'Logging'
    | 'FastCGI'
    | 'HTTP'
    | 'CGI'
    | 'Limits'
    | 'Timeouts';
  readonly describe: string;
  /** Other names of its flag; those of one letter take one dash. */
  readonly aliases?: readonly string[];
  /** `--help` shows it, and not only `--help=all`. */
  readonly basic?: true;
  /** The description for `--help`, where the other one is long. */
  readonly summary?: string;
  /**
   * The placeholder for its value. Without it the option is a switch. `[FILE]`: the value may be left out. `[=FILE]`: so it
   * may, and the next argument never is the value.
   */
  readonly argument?: string;
  /** The values that there are, for the completion of a shell. */
  readonly choices?: readonly string[];
  /** It has a value, and `--no-…` means none. */
  readonly negatable?: true;
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
