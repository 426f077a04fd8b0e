/** The options of `backup`; names, letters and meanings are restic's. */
import { fallbackOptions } from './fallback-options.ts';
import type { OptionTable, Values } from '../options/option.ts';

export const backupOptions = {
  exclude: { kind: 'many', short: 'e', valueName: 'PATTERN', description: 'leave out what matches' },
  iexclude: { kind: 'many', valueName: 'PATTERN', description: 'like --exclude, upper and lower case alike' },
  'exclude-file': { kind: 'many', valueName: 'FILE', description: 'read exclude patterns from a file' },
  'iexclude-file': { kind: 'many', valueName: 'FILE', description: 'like --exclude-file, upper and lower case alike' },
  'exclude-caches': { kind: 'flag', description: 'leave out the contents of directories with a CACHEDIR.TAG' },
  'exclude-if-present': {
    kind: 'many',
    valueName: 'NAME[:HEADER]',
    description: 'leave out the contents of directories that hold a file of this name, beginning with HEADER',
  },
  'exclude-larger-than': { kind: 'size', valueName: 'SIZE', description: 'leave out larger files; 100k, 20M, 3G, 1T' },
  'one-file-system': { kind: 'flag', short: 'x', description: 'stay on the file systems of the paths given' },
  'files-from': { kind: 'many', valueName: 'FILE', description: 'read what to save from a file: patterns, # begins a comment' },
  'files-from-verbatim': { kind: 'many', valueName: 'FILE', description: 'read what to save from a file: one path a line, as it stands' },
  'files-from-raw': { kind: 'many', valueName: 'FILE', description: 'read what to save from a file: paths ended by NUL, as find -print0' },
  stdin: { kind: 'flag', description: 'save standard input as a file' },
  'stdin-filename': { kind: 'text', valueName: 'NAME', description: 'its name in the snapshot (default: stdin)' },
  'stdin-from-command': {
    kind: 'flag',
    description: 'the arguments are a command whose output is saved; if it fails, no snapshot is made',
  },
  tag: { kind: 'many', valueName: 'TAG[,TAG...]', description: 'tag the snapshot' },
  host: {
    kind: 'text',
    short: 'H',
    valueName: 'NAME',
    env: 'HOST',
    description: 'host name for the snapshot (default: that of this machine)',
  },
  hostname: { kind: 'text', valueName: 'NAME', description: 'older name of --host', isHidden: true },
  time: { kind: 'text', valueName: 'TIME', description: "time of the snapshot, as in '2026-11-21 10:00:00' (default: now)" },
  parent: {
    kind: 'text',
    valueName: 'SNAPSHOT',
    description: 'compare with this snapshot (default: the last one of this host and these paths)',
  },
  'group-by': { kind: 'text', short: 'g', valueName: 'LIST', description: 'find the parent by host, paths, tags (default: host,paths)' },
  force: { kind: 'flag', short: 'f', description: 'read every file again, whatever the parent says' },
  'ignore-inode': { kind: 'flag', env: 'IGNORE_INODE', description: 'a file with another inode number or ctime may be unchanged' },
  'ignore-ctime': { kind: 'flag', env: 'IGNORE_CTIME', description: 'a file with another ctime may be unchanged' },
  'with-atime': { kind: 'flag', description: 'save access times too' },
  'dry-run': { kind: 'flag', short: 'n', description: 'say what would be done, write nothing' },
  'skip-if-unchanged': { kind: 'flag', description: 'make no snapshot if it were equal to its parent' },
  'read-concurrency': {
    kind: 'number',
    valueName: 'N',
    env: 'READ_CONCURRENCY',
    description: 'how many workers read at once (default: one per core)',
  },
  ...fallbackOptions,
  'no-scan': { kind: 'flag', description: 'accepted for scripts made for restic: no separate scan is made' },
} as const satisfies OptionTable;

export type BackupValues = Values<typeof backupOptions>;
