/** What options say about how fast bytes may go, and which storages are held to it by a wrapper. */
import { systemClock } from '../base/clock.ts';
import type { Backend } from '../storage/backend.ts';
import { type Pace, TokenBucket, type TransferPaces } from '../storage/pace.ts';
import { farStaging } from './far-staging.ts';
import { countOption, extendedOptions, type StorageOptions } from './storage-options.ts';

const bytesPerKib = 1024;

/** For an adapter that asks the paces itself. */
export function transferPaces(options: StorageOptions): TransferPaces {
  return { upload: paceOf(options.limitUploadKib, options), download: paceOf(options.limitDownloadKib, options) };
}

/** 0 is no limit, as in restic. */
function paceOf(kibPerSecond: number | undefined, { clock = systemClock }: StorageOptions): Pace | undefined {
  if (kibPerSecond === undefined || kibPerSecond === 0) return undefined;
  return new TokenBucket({ bytesPerSecond: kibPerSecond * bytesPerKib, clock });
}

/** For an adapter that does not: it comes back as it is where nothing is limited. */
export async function withPaces(backend: Backend, options: StorageOptions): Promise<Backend> {
  const paces = transferPaces(options);
  if (paces.upload === undefined && paces.download === undefined) return backend;
  const { LimitBackend } = await import('../storage/wrappers/limit-backend.ts');
  return new LimitBackend(backend, { ...paces, staging: farStaging(options) });
}

/** A folder of this machine: nothing limits it unless somebody says so. */
export async function limitLocal(backend: Backend, options: StorageOptions): Promise<Backend> {
  const extended = extendedOptions('local', options.extended ?? [], ['connections']);
  const paced = await withPaces(backend, options);
  if (!extended.has('connections')) return paced;
  const { ConnectionLimitBackend } = await import('../storage/wrappers/connection-limit-backend.ts');
  return new ConnectionLimitBackend(paced, countOption(extended, 'connections', 1));
}
