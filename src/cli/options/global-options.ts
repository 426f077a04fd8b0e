/** Options of every command, before or after the command word. Names and meanings are restic's. */
import type { OptionTable, Values } from './option.ts';

export const compressionModes = ['off', 'auto', 'fastest', 'better', 'max'] as const;

export const globalOptions = {
  repo: {
    kind: 'text',
    short: 'r',
    valueName: 'LOCATION',
    env: 'REPOSITORY',
    description: 'where the repository is: a directory, rest:https://host/, sftp:user@host:path or s3:host/bucket',
  },
  'repository-file': { kind: 'text', valueName: 'FILE', env: 'REPOSITORY_FILE', description: 'read the location from a file' },
  'password-file': { kind: 'text', short: 'p', valueName: 'FILE', env: 'PASSWORD_FILE', description: 'read the password from a file' },
  'password-command': {
    kind: 'text',
    valueName: 'COMMAND',
    env: 'PASSWORD_COMMAND',
    description: 'run a program that prints the password; no shell is involved',
  },
  'insecure-no-password': { kind: 'flag', description: 'the repository has an empty password' },
  'key-hint': { kind: 'text', valueName: 'ID', env: 'KEY_HINT', description: 'try this key first' },
  compression: {
    kind: 'text',
    valueName: 'MODE',
    env: 'COMPRESSION',
    choices: compressionModes,
    description: 'how hard new data is compressed (default: auto)',
  },
  'pack-size': { kind: 'number', valueName: 'MIB', env: 'PACK_SIZE', description: 'size that new pack files aim at, in MiB (default: 16)' },
  'no-lock': { kind: 'flag', description: 'do not lock the repository when it is only read, as one that cannot be written' },
  'retry-lock': {
    kind: 'duration',
    valueName: 'TIME',
    description: 'how long to wait for a lock that another holds, as in 5m (default: 0)',
  },
  'cache-dir': {
    kind: 'text',
    valueName: 'DIR',
    env: 'CACHE_DIR',
    description:
      'folder of the caches (default: holdfast in XDG_CACHE_HOME or ~/.cache); given here, repositories in folders are cached too',
  },
  'no-cache': { kind: 'flag', description: 'use no cache' },
  'cache-size': { kind: 'size', valueName: 'SIZE', env: 'CACHE_SIZE', description: "how large a repository's cache may be (default: 4G)" },
  'cleanup-cache': { kind: 'flag', description: 'remove caches that were not used for 30 days' },
  cacert: {
    kind: 'many',
    valueName: 'FILE',
    env: 'CACERT',
    description: 'trust only servers with a certificate from one of these authorities',
  },
  'tls-client-cert': {
    kind: 'text',
    valueName: 'FILE',
    env: 'TLS_CLIENT_CERT',
    description: 'certificate and key to show to the server, as PEM',
  },
  'insecure-tls': { kind: 'flag', description: 'do not verify certificates of servers: whoever answers can pretend to be the server' },
  'retry-time': {
    kind: 'duration',
    valueName: 'TIME',
    env: 'RETRY_TIME',
    description: 'how long a request that fails is repeated, as in 90s (default: 15m)',
  },
  'stuck-request-timeout': {
    kind: 'duration',
    valueName: 'TIME',
    description: 'how long a request may stand still before it is repeated (default: 5m)',
  },
  'limit-upload': {
    kind: 'number',
    valueName: 'RATE',
    description: 'send no more than so many KiB a second to the repository (default: 0, which is no limit)',
  },
  'limit-download': {
    kind: 'number',
    valueName: 'RATE',
    description: 'fetch no more than so many KiB a second from the repository (default: 0, which is no limit)',
  },
  'tmp-dir': {
    kind: 'text',
    valueName: 'DIR',
    env: 'TMP_DIR',
    description: 'folder for files on their way to a server (default: TMPDIR or /tmp)',
  },
  option: { kind: 'many', short: 'o', valueName: 'KEY=VALUE', description: 'set an extended option, as in -o rest.connections=5' },
  json: { kind: 'flag', description: 'print JSON instead of text' },
  quiet: { kind: 'flag', short: 'q', description: 'print errors and what was asked for, nothing else' },
  verbose: { kind: 'count', short: 'v', description: 'say more; twice, or --verbose=2, names every file' },
  help: { kind: 'flag', short: 'h', description: 'explain the command and its options' },
} as const satisfies OptionTable;

export type GlobalValues = Values<typeof globalOptions>;
