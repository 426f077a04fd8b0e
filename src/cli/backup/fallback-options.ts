/** The repository that a backup goes to when the first one cannot be reached. */
import type { OptionTable, Values } from '../options/option.ts';

export const fallbackOptions = {
  'fallback-repo': {
    kind: 'text',
    valueName: 'LOCATION',
    env: 'FALLBACK_REPOSITORY',
    description: 'where the backup goes when the repository cannot be reached; a later backup copies it over',
  },
  'fallback-repository-file': {
    kind: 'text',
    valueName: 'FILE',
    env: 'FALLBACK_REPOSITORY_FILE',
    description: 'read the location of the fallback repository from a file',
  },
  'fallback-password-file': {
    kind: 'text',
    valueName: 'FILE',
    env: 'FALLBACK_PASSWORD_FILE',
    description: 'read the password of the fallback repository from a file (default: the same password)',
  },
  'fallback-password-command': {
    kind: 'text',
    valueName: 'COMMAND',
    env: 'FALLBACK_PASSWORD_COMMAND',
    description: 'run a program that prints the password of the fallback repository',
  },
  'fallback-insecure-no-password': { kind: 'flag', description: 'the fallback repository has an empty password' },
  'fallback-key-hint': {
    kind: 'text',
    valueName: 'ID',
    env: 'FALLBACK_KEY_HINT',
    description: 'try this key of the fallback repository first',
  },
} as const satisfies OptionTable;

export type FallbackValues = Values<typeof fallbackOptions>;
