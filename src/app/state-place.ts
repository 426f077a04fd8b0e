/** Where this machine remembers what it did with a repository: nothing that cannot be lost. */
import { join } from 'node:path';
import { baseDirectory, type Variables } from './base-directory.ts';

/** Undefined where nobody says, and the user has no home. */
export function defaultStatePlace(variable: Variables): string | undefined {
  return baseDirectory(variable, 'XDG_STATE_HOME', '.local/state');
}

/** @param repositoryId 64 hexadecimal digits */
export function proofTimesPath(statePlace: string, repositoryId: string): string {
  return join(statePlace, 'proofs', repositoryId);
}
