/** The folders that a user's programs write into, as the XDG base directory specification has them. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';

export type Variables = (name: string) => string | undefined;

/**
 * Holdfast's folder below the one that the variable names, which counts only when it is absolute, or below `fallback` in the user's home. A
 * home that is not there (of service users it is often named only) is not made.
 */
export function baseDirectory(variable: Variables, name: string, fallback: string): string | undefined {
  const chosen = variable(name);
  if (chosen?.startsWith('/') === true) return join(chosen, 'holdfast');
  const home = variable('HOME');
  return home?.startsWith('/') === true && existsSync(home) ? join(home, fallback, 'holdfast') : undefined;
}
