/** Builds the backend for a REST server. Loaded only when a location names one. */
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { type Clock, type Randomness, systemClock, systemRandomness } from '../base/clock.ts';
import { asHoldfastError, HoldfastError } from '../base/errors.ts';
import { ignoreEvents } from '../base/events.ts';
import type { Backend } from '../storage/backend.ts';
import type { RestLocation } from '../storage/location.ts';
import { parseRestAddress, type RestAddress } from '../storage/rest/rest-address.ts';
import { RestBackend } from '../storage/rest/rest-backend.ts';
import { RestClient, type TlsSettings } from '../storage/rest/rest-client.ts';
import { StagingArea } from '../storage/staging-area.ts';
import { defaultRetryBudgetMs, RetryBackend } from '../storage/wrappers/retry-backend.ts';
import { countOption, extendedOptions, type StorageOptions } from './storage-options.ts';

/** As restic. */
const defaultConnections = 5;
const defaultStallMs = 5 * 60_000;
/** The folder of a working process that is this old and of a process that is not there was left behind: the machine is the same. */
const leftoverAgeMs = 3_600_000;

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
  });
  const backend = new RestBackend({
    client,
    location: address.printable,
    staging: stagingIn(options.temporaryFolder ?? tmpdir(), clock, random),
  });
  return new RetryBackend(backend, { budgetMs: retryMs, clock, random, events });
}

/** As in restic: variables count only where the location has neither. */
function credentials({ username, password }: RestAddress, options: StorageOptions): { username: string; password: string } {
  if (username !== '' || password !== '') return { username, password };
  return { username: options.restUsername ?? '', password: options.restPassword ?? '' };
}

async function readTls({ authorityFiles = [], clientCertificateFile, isTlsUnverified = false }: StorageOptions): Promise<TlsSettings> {
  const authorities = await Promise.all(authorityFiles.map((path) => readPem(path, '--cacert')));
  return {
    ...(authorities.length === 0 ? {} : { authorities }),
    clientCertificate: clientCertificateFile === undefined ? undefined : await readPem(clientCertificateFile, '--tls-client-cert'),
    isUnverified: isTlsUnverified,
  };
}

async function readPem(path: string, option: string): Promise<string> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw new HoldfastError('usage', `the file of ${option} cannot be read: ${asHoldfastError(error).message}`, { cause: error });
  }
  if (text.includes('-----BEGIN ')) return text;
  throw new HoldfastError('usage', `the file of ${option} holds no certificate in the PEM format`, { context: { path } });
}

/** Packs are written here before they are sent: of this machine, so that a link that breaks off costs no work. */
function stagingIn(parent: string, clock: Clock, random: Randomness): StagingArea {
  return new StagingArea({ parent, makesParent: false, prefix: 'holdfast-staging-', leftoverAgeMs, clock, random });
}
