/** What options and variables say about how storages are reached. */
import type { StorageOptions } from '../app/storage-options.ts';
import type { CommandContext } from './commands/command.ts';
import { readKeyPassphrase } from './password/key-passphrase.ts';

export function storageOptions(context: CommandContext): StorageOptions {
  const { globals, environment, events, clock } = context;
  return {
    events,
    clock,
    restUsername: environment.find('REST_USERNAME')?.value,
    restPassword: environment.find('REST_PASSWORD')?.value,
    awsRole: (name) => environment.find(`AWS_ASSUME_ROLE_${name}`)?.value,
    sshPassphrase: (path) => readKeyPassphrase(context, path),
    // A variable names several with commas between them, as for restic.
    authorityFiles: globals.cacert.flatMap((text) => text.split(',')),
    clientCertificateFile: globals['tls-client-cert'],
    isTlsUnverified: globals['insecure-tls'],
    retryMs: globals['retry-time'],
    stallMs: globals['stuck-request-timeout'],
    extended: globals.option,
    temporaryFolder: globals['tmp-dir'],
    limitUploadKib: globals['limit-upload'],
    limitDownloadKib: globals['limit-download'],
  };
}
