/** The only place where a storage is built from what a person wrote. */
import type { Backend } from '../storage/backend.ts';
import { LocalBackend } from '../storage/local/local-backend.ts';
import { parseLocation, type RepositoryLocation } from '../storage/location.ts';
import type { StorageOptions } from './storage-options.ts';
import { limitLocal } from './transfer-paces.ts';

type Kind = RepositoryLocation['kind'];
type Adapter<K extends Kind> = (location: Extract<RepositoryLocation, { readonly kind: K }>, options: StorageOptions) => Promise<Backend>;

/** Every kind of storage. What most runs do not need is loaded when it is. */
const adapters: { readonly [K in Kind]: Adapter<K> } = {
  local: async ({ path }, options) => await limitLocal(new LocalBackend({ path }), options),
  ssh: async (location, options) => (await import('./open-ssh.ts')).openSsh(location, options),
  rest: async (location, options) => (await import('./open-rest.ts')).openRest(location, options),
  sftp: async (location, options) => (await import('./open-sftp.ts')).openSftp(location, options),
  rclone: async (location, options) => (await import('./open-rclone.ts')).openRclone(location, options),
  s3: async (location, options) => (await import('./open-s3.ts')).openS3(location, options),
};

/**
 * Nothing of the repository is read or written yet: `open` and `create` of the backend do that.
 * @throws HoldfastError `usage` for what is no location, `unsupported` for a kind of storage that is not built in
 */
export async function openBackend(location: string, options: StorageOptions = {}): Promise<Backend> {
  return await adapt(parseLocation(location), options);
}

/**
 * As openBackend, for what then closes the backend itself. Where that cannot be made, the backend is closed here: one that is left open may
 * hold a connection, and so the process.
 */
export async function useBackend<T>(location: string, options: StorageOptions, make: (backend: Backend) => Promise<T>): Promise<T> {
  const backend = await openBackend(location, options);
  try {
    return await make(backend);
  } catch (error) {
    await backend.close().catch(() => {});
    throw error;
  }
}

async function adapt<K extends Kind>(
  location: Extract<RepositoryLocation, { readonly kind: K }>,
  options: StorageOptions,
): Promise<Backend> {
  const adapter: Adapter<K> = adapters[location.kind];
  return await adapter(location, options);
}
