/** The only place where a storage is built from what a person wrote. */
import type { Backend } from '../storage/backend.ts';
import { LocalBackend } from '../storage/local/local-backend.ts';
import { parseLocation } from '../storage/location.ts';

/**
 * Nothing is read or written yet: `open` and `create` of the backend do that.
 * @throws HoldfastError `usage` for what is no location, `unsupported` for a kind of storage that is not built in
 */
export function openBackend(location: string): Backend {
  const { path } = parseLocation(location);
  return new LocalBackend({ path });
}
