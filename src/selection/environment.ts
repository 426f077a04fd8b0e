/** Variables in the lines of an exclude file, as Go's os.Expand takes them. */

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Replaces `$NAME` and `${NAME}`; `$$` is a dollar sign, and so is one that nothing fitting follows. Variables that are
 * not set are empty, as are the shell's special ones (`$1`, `$?`). A brace that is not closed is dropped with its dollar.
 */
export function expandVariables(text: string, environment: Environment): string {
  return text.replace(variable, (whole: string, braced?: string, plain?: string) => {
    if (whole === '$') return '$';
    const name = braced ?? plain ?? '';
    return name === '$' ? '$' : valueOf(name, environment);
  });
}

/** In braces anything but a brace; without them one special character, or letters, digits and underscores. */
const variable = /\$(?:\{(?:([^}]*)\})?|([*#$@!?0-9-]|\w+))?/g;

function valueOf(name: string, environment: Environment): string {
  return Object.hasOwn(environment, name) ? (environment[name] ?? '') : '';
}
