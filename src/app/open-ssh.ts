/** Builds the backend for a repository that `holdfast serve --stdio` serves behind sshd. Loaded only when a location names one. */
import { systemClock, systemRandomness } from '../base/clock.ts';
import { ignoreEvents } from '../base/events.ts';
import type { Backend } from '../storage/backend.ts';
import type { SshLocation } from '../storage/location.ts';
import { RestBackend } from '../storage/rest/rest-backend.ts';
import { parseSshAddress, sshProgram } from '../storage/rest/ssh-program.ts';
import { StdioTransport } from '../storage/rest/stdio-transport.ts';
import { defaultRetryBudgetMs, RetryBackend } from '../storage/wrappers/retry-backend.ts';
import { farStaging } from './far-staging.ts';
import { countOption, defaultConnections, defaultStallMs, extendedOptions, type StorageOptions } from './storage-options.ts';
import { transferPaces } from './transfer-paces.ts';

/** @throws HoldfastError `usage` for what is no address, or an unusable option */
export async function openSsh({ address: text }: SshLocation, options: StorageOptions): Promise<Backend> {
  const address = parseSshAddress(text);
  const { clock = systemClock, random = systemRandomness, events = ignoreEvents, retryMs = defaultRetryBudgetMs } = options;
  const extended = extendedOptions('ssh', options.extended ?? [], ['connections', 'args', 'command']);
  const extraArgs = (extended.get('args') ?? '').split(/\s+/).filter((word) => word !== '');
  const client = new StdioTransport({
    program: sshProgram(address, { extraArgs, remoteCommand: extended.get('command') }),
    path: address.path,
    location: address.printable,
    connections: countOption(extended, 'connections', defaultConnections),
    stallMs: options.stallMs ?? defaultStallMs,
    paces: transferPaces(options),
  });
  const backend = new RestBackend({ client, location: address.printable, staging: farStaging(options) });
  return new RetryBackend(backend, { budgetMs: retryMs, clock, random, events });
}
