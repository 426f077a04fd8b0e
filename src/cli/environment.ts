/** Environment variables under two prefixes: restic's are honoured beside Holdfast's own, which win. */
import { type ValueOrigin, valueOrigin } from './options/option.ts';

export interface Variable {
  /** The full name, for messages. */
  readonly name: string;
  readonly value: string;
  readonly origin: ValueOrigin;
}

const prefixes = [
  { prefix: 'HOLDFAST_', origin: valueOrigin.holdfastVariable },
  { prefix: 'RESTIC_', origin: valueOrigin.resticVariable },
] as const;

export class Environment {
  readonly #variables: Readonly<Record<string, string | undefined>>;

  constructor(variables: Readonly<Record<string, string | undefined>>) {
    this.#variables = variables;
  }

  /** `name` without prefix: `REPOSITORY`. An empty variable counts as not set, as it does for restic. */
  find(name: string): Variable | undefined {
    for (const { prefix, origin } of prefixes) {
      const value = this.#variables[prefix + name];
      if (value !== undefined && value !== '') return { name: prefix + name, value, origin };
    }
    return undefined;
  }

  /** For a second repository: `FROM_PASSWORD` is its `PASSWORD`, and the password of the first is not known to it. */
  forOther(word: string): Environment {
    const changed = prefixes.map(
      ({ prefix }) => [`${prefix}PASSWORD`, this.#variables[`${prefix}${word.toUpperCase()}_PASSWORD`]] as const,
    );
    return new Environment({ ...this.#variables, ...Object.fromEntries(changed) });
  }

  /** A variable that neither Holdfast nor restic named: NO_COLOR, COLUMNS. */
  foreign(name: string): string | undefined {
    return this.#variables[name];
  }
}
