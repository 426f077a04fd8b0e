/**
 * Permission bits of a local repository, as restic chooses them: for the owner alone, or for the group too when the group
 * may read the config file. Finished files are read-only, so that nobody changes one by accident.
 */
export interface Modes {
  readonly folder: number;
  /** Of a finished file. */
  readonly file: number;
}

export const ownerModes: Modes = { folder: 0o700, file: 0o400 };
const groupModes: Modes = { folder: 0o770, file: 0o440 };

const groupMayRead = 0o040;

export function modesLike(configMode: number): Modes {
  return (configMode & groupMayRead) === 0 ? ownerModes : groupModes;
}
