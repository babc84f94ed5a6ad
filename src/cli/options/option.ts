/** What an option of the command is. */

import { UsageError } from '../../errors.ts';

/** The command was given what it does not understand: exit code 2. */
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
  /** What stands for its value in `--help`. None: it is a switch. In brackets: it may be left out. */
  readonly argument?: string;
  /** Makes the value of the text that was given (`''` when it was left out). */
  readonly read: (text: string) => T;
  /** Value when nobody gives one, and how `--help` says it if not as it is. */
  readonly default?: T;
  readonly defaultText?: string;
  /** It is given as an argument and has no flag. */
  readonly positional?: true;
  /** May be given several times: the value is an array. */
  readonly repeated?: true;
  /** It is an option of the gateways too, under the same name or these: they are given it as it is. */
  readonly gateway?: true | readonly string[];
  /** It means something in CGI mode, where only environment and configuration are read. */
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
