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
  copy: { summary: 'copy snapshots from another repository', load: async () => (await import('./copy.ts')).copy },
  forget: { summary: 'remove snapshots by rules that say what to keep', load: async () => (await import('./forget.ts')).forget },
  tag: { summary: 'change the tags of snapshots', load: async () => (await import('./tag.ts')).tag },
  stats: { summary: 'count what the snapshots hold', load: async () => (await import('./stats.ts')).stats },
  prune: { summary: 'remove data that no snapshot uses any more', load: async () => (await import('./prune.ts')).prune },
  check: { summary: 'test the repository for errors', load: async () => (await import('./check.ts')).check },
  list: { summary: 'list the objects of the repository', load: async () => (await import('./list.ts')).list },
  'repair index': {
    summary: 'make the index anew from the packs',
    load: async () => (await import('./repair-index.ts')).repairIndexCommand,
  },
  'repair packs': {
    summary: 'save what is whole in damaged packs',
    load: async () => (await import('./repair-packs.ts')).repairPacksCommand,
  },
  'repair snapshots': {
    summary: 'take what is lost out of the snapshots',
    load: async () => (await import('./repair-snapshots.ts')).repairSnapshotsCommand,
  },
  recover: { summary: 'find what removed snapshots had', load: async () => (await import('./recover.ts')).recover },
  rewrite: {
    summary: 'make snapshots anew without some files, or with another host or time',
    load: async () => (await import('./rewrite.ts')).rewrite,
  },
  cat: { summary: 'print an object of the repository', load: async () => (await import('./cat.ts')).cat },
  'key list': { summary: 'list the keys (passwords) of the repository', load: async () => (await import('./key-list.ts')).keyList },
  'key add': { summary: 'add a password', load: async () => (await import('./key-add.ts')).keyAdd },
  'key remove': { summary: 'remove a key', load: async () => (await import('./key-remove.ts')).keyRemove },
  'key passwd': { summary: 'change the password', load: async () => (await import('./key-passwd.ts')).keyPasswd },
  unlock: { summary: 'remove locks that nobody holds any more', load: async () => (await import('./unlock.ts')).unlock },
  cache: { summary: 'list or remove the caches of this machine', load: async () => (await import('./cache.ts')).cache },
  preflight: {
    summary: 'test whether a place is fit for a repository',
    load: async () => (await import('./preflight.ts')).preflight,
  },
  migrate: { summary: 'upgrade the format of the repository', load: async () => (await import('./migrate.ts')).migrate },
  serve: { summary: 'serve repositories to restic, rustic and Holdfast', load: async () => (await import('./serve.ts')).serve },
  'serve password': {
    summary: "make the hash of a client's password",
    load: async () => (await import('./serve-password.ts')).servePassword,
  },
  'serve trash list': {
    summary: 'list what clients removed',
    load: async () => (await import('./serve-trash-list.ts')).serveTrashList,
  },
  'serve trash restore': {
    summary: 'bring back what clients removed',
    load: async () => (await import('./serve-trash-restore.ts')).serveTrashRestore,
  },
  'serve trash empty': {
    summary: 'remove for good what clients removed',
    load: async () => (await import('./serve-trash-empty.ts')).serveTrashEmpty,
  },
  version: { summary: 'print version information', load: async () => (await import('./version.ts')).version },
};

export function isCommand(name: string): boolean {
  return Object.hasOwn(commandTable, name);
}

/** First words of commands of two words: `key`. */
export function isCommandGroup(word: string): boolean {
  return Object.keys(commandTable).some((name) => name.startsWith(`${word} `));
}
