/** What options and variables say about how storages are reached. */
import type { StorageOptions } from '../app/storage-options.ts';
import type { CommandContext } from './commands/command.ts';

export function storageOptions({ globals, environment, events, clock }: CommandContext): StorageOptions {
  return {
    events,
    clock,
    restUsername: environment.find('REST_USERNAME')?.value,
    restPassword: environment.find('REST_PASSWORD')?.value,
    // A variable names several with commas between them, as for restic.
    authorityFiles: globals.cacert.flatMap((text) => text.split(',')),
    clientCertificateFile: globals['tls-client-cert'],
    isTlsUnverified: globals['insecure-tls'],
    retryMs: globals['retry-time'],
    stallMs: globals['stuck-request-timeout'],
    extended: globals.option,
    temporaryFolder: globals['tmp-dir'],
  };
}
