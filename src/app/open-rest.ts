/** Builds the backend for a REST server. Loaded only when a location names one. */
import { systemClock, systemRandomness } from '../base/clock.ts';
import { ignoreEvents } from '../base/events.ts';
import type { Backend } from '../storage/backend.ts';
import type { RestLocation } from '../storage/location.ts';
import { parseRestAddress, type RestAddress } from '../storage/rest/rest-address.ts';
import { RestBackend } from '../storage/rest/rest-backend.ts';
import { RestClient } from '../storage/rest/rest-client.ts';
import { defaultRetryBudgetMs, RetryBackend } from '../storage/wrappers/retry-backend.ts';
import { farStaging } from './far-staging.ts';
import { countOption, defaultConnections, defaultStallMs, extendedOptions, type StorageOptions } from './storage-options.ts';
import { readTls } from './tls-settings.ts';
import { transferPaces } from './transfer-paces.ts';

/** @throws HoldfastError `usage` for what is no address, an unusable option or certificate file */
export async function openRest({ address: text }: RestLocation, options: StorageOptions): Promise<Backend> {
  const address = parseRestAddress(text);
  const { clock = systemClock, random = systemRandomness, events = ignoreEvents, retryMs = defaultRetryBudgetMs } = options;
  const extended = extendedOptions('rest', options.extended ?? [], ['connections']);
  const client = new RestClient({
    address,
    ...credentials(address, options),
    tls: await readTls(options),
    connections: countOption(extended, 'connections', defaultConnections),
    stallMs: options.stallMs ?? defaultStallMs,
    paces: transferPaces(options),
  });
  const backend = new RestBackend({ client, location: address.printable, staging: farStaging(options) });
  return new RetryBackend(backend, { budgetMs: retryMs, clock, random, events });
}

/** As in restic: variables count only where the location has neither. */
function credentials({ username, password }: RestAddress, options: StorageOptions): { username: string; password: string } {
  if (username !== '' || password !== '') return { username, password };
  return { username: options.restUsername ?? '', password: options.restPassword ?? '' };
}
