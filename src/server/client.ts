/** Who may come, and with which rights to what. */
import type { PasswordHash } from '../crypto/password-hash.ts';
import type { Rights } from './rights.ts';

export interface Client {
  readonly name: string;
  readonly password?: PasswordHash | undefined;
  /** Common name (CN) of a certificate that proves who it is. */
  readonly certificateName?: string | undefined;
  /** Its repositories are these folders and all below them; one without names means the root, and so everything. */
  readonly repositories: readonly (readonly string[])[];
  readonly rights: Rights;
  readonly quota: Quota;
  /** What it removes stays in the trash for so long, by the server's clock. 0: removed at once. */
  readonly deletionDelayMs: number;
}

/** Undefined: no limit of the server's own. */
export interface Quota {
  readonly bytes?: number | undefined;
  readonly files?: number | undefined;
}

/** By whole names: the client of `/alice` has nothing to do with `/alice2`. */
export function owns(client: Client, repository: readonly string[]): boolean {
  return client.repositories.some((prefix) => prefix.every((name, depth) => name === repository[depth]));
}
