/** What an option of the command line is: one entry of a table, from which parsing, help and types follow. */

export type OptionKind = 'flag' | 'count' | 'text' | 'many' | 'size' | 'number' | 'duration';

export interface OptionSpec {
  /**
   * flag: present or not · count: how often (`-vv`, `--verbose=2`) · text: the last one counts · many: all of them ·
   * size: bytes, suffixes k m g t are powers of 1024 · number: a whole number · duration: `1h30m`, given as milliseconds
   */
  readonly kind: OptionKind;
  readonly short?: string;
  /** How the help calls the value: `--repo LOCATION`. */
  readonly valueName?: string;
  readonly description: string;
  /** Name of the environment variable behind HOLDFAST_ or RESTIC_. */
  readonly env?: string;
  readonly choices?: readonly string[];
  /** Understood, but not listed: an older spelling. */
  readonly isHidden?: boolean;
}

export type OptionTable = Readonly<Record<string, OptionSpec>>;

type TextOf<S extends OptionSpec> = S['choices'] extends readonly (infer C)[] ? C : string;

type ValueOf<S extends OptionSpec> = S['kind'] extends 'flag'
  ? boolean
  : S['kind'] extends 'count'
    ? number
    : S['kind'] extends 'many'
      ? readonly TextOf<S>[]
      : S['kind'] extends 'text'
        ? TextOf<S> | undefined
        : number | undefined;

/** The values of a table's options, typed by their kinds. */
export type Values<T extends OptionTable> = { readonly [K in keyof T]: ValueOf<T[K]> };

/** Where a value came from; a lower number wins. `none`: nobody gave it. */
export const valueOrigin = { commandLine: 0, holdfastVariable: 1, resticVariable: 2, none: 3 } as const;
export type ValueOrigin = (typeof valueOrigin)[keyof typeof valueOrigin];

export interface ParsedOptions<T extends OptionTable> {
  readonly values: Values<T>;
  readonly origins: ReadonlyMap<string, ValueOrigin>;
  readonly positionals: readonly string[];
}

export function takesValue(spec: OptionSpec): boolean {
  return spec.kind !== 'flag' && spec.kind !== 'count';
}
