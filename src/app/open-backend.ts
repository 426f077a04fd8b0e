/** The only place where a storage is built from what a person wrote. */
import type { Backend } from '../storage/backend.ts';
import { LocalBackend } from '../storage/local/local-backend.ts';
import { parseLocation, type RepositoryLocation } from '../storage/location.ts';
import type { StorageOptions } from './storage-options.ts';

type Kind = RepositoryLocation['kind'];
type Adapter<K extends Kind> = (location: Extract<RepositoryLocation, { readonly kind: K }>, options: StorageOptions) => Promise<Backend>;

/** Every kind of storage. What most runs do not need is loaded when it is. */
const adapters: { readonly [K in Kind]: Adapter<K> } = {
  local: async ({ path }) => new LocalBackend({ path }),
  rest: async (location, options) => (await import('./open-rest.ts')).openRest(location, options),
};

/**
 * Nothing of the repository is read or written yet: `open` and `create` of the backend do that.
 * @throws HoldfastError `usage` for what is no location, `unsupported` for a kind of storage that is not built in
 */
export async function openBackend(location: string, options: StorageOptions = {}): Promise<Backend> {
  return await adapt(parseLocation(location), options);
}

async function adapt<K extends Kind>(
  location: Extract<RepositoryLocation, { readonly kind: K }>,
  options: StorageOptions,
): Promise<Backend> {
  const adapter: Adapter<K> = adapters[location.kind];
  return await adapter(location, options);
}
