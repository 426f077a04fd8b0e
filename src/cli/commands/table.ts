/** All commands, in the order of the help. Nothing here loads a command's code before it is called. */
import type { AnyCommand } from './command.ts';

export interface CommandEntry {
  readonly summary: string;
  load(): Promise<AnyCommand>;
}

export const commandTable: Readonly<Record<string, CommandEntry>> = {
  init: { summary: 'create a new repository', load: async () => (await import('./init.ts')).init },
  backup: { summary: 'save files, directories or a stream as a new snapshot', load: async () => (await import('./backup.ts')).backup },
  snapshots: { summary: 'list the snapshots', load: async () => (await import('./snapshots.ts')).snapshots },
  ls: { summary: 'list the files of a snapshot', load: async () => (await import('./ls.ts')).ls },
  find: { summary: 'search the snapshots for files or objects', load: async () => (await import('./find.ts')).find },
  restore: { summary: 'write the files of a snapshot into a directory', load: async () => (await import('./restore.ts')).restore },
  dump: { summary: 'print a file of a snapshot, or a folder as tar or zip', load: async () => (await import('./dump.ts')).dump },
  diff: { summary: 'show what changed between two snapshots', load: async () => (await import('./diff.ts')).diff },
  stats: { summary: 'count what the snapshots hold', load: async () => (await import('./stats.ts')).stats },
  check: { summary: 'test the repository for errors', load: async () => (await import('./check.ts')).check },
  cat: { summary: 'print an object of the repository', load: async () => (await import('./cat.ts')).cat },
  'key list': { summary: 'list the keys (passwords) of the repository', load: async () => (await import('./key-list.ts')).keyList },
  'key add': { summary: 'add a password', load: async () => (await import('./key-add.ts')).keyAdd },
  'key remove': { summary: 'remove a key', load: async () => (await import('./key-remove.ts')).keyRemove },
  'key passwd': { summary: 'change the password', load: async () => (await import('./key-passwd.ts')).keyPasswd },
  unlock: { summary: 'remove locks that nobody holds any more', load: async () => (await import('./unlock.ts')).unlock },
  version: { summary: 'print version information', load: async () => (await import('./version.ts')).version },
};

export function isCommand(name: string): boolean {
  return Object.hasOwn(commandTable, name);
}

/** First words of commands of two words: `key`. */
export function isCommandGroup(word: string): boolean {
  return Object.keys(commandTable).some((name) => name.startsWith(`${word} `));
}
