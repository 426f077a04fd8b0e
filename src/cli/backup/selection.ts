/** From the options of `backup` to the rules that decide what is left out. */
import { parseDirectoryTag } from '../../selection/directory-tags.ts';
import { readPatternFile } from '../../selection/pattern-file.ts';
import { type FileSelection, Selector } from '../../selection/selection.ts';
import type { BackupValues } from './backup-options.ts';

/** @throws HoldfastError `usage` for a malformed pattern, here and not after hours in a worker */
export async function readSelection(values: BackupValues): Promise<FileSelection> {
  const largest = values['exclude-larger-than'];
  const selection: FileSelection = {
    excludes: values.exclude,
    iexcludes: values.iexclude,
    excludeFileLines: await readPatternFiles(values['exclude-file'], '--exclude-file'),
    iexcludeFileLines: await readPatternFiles(values['iexclude-file'], '--iexclude-file'),
    excludeCaches: values['exclude-caches'],
    excludeIfPresent: values['exclude-if-present'].map(parseDirectoryTag),
    oneFileSystem: values['one-file-system'],
    ...(largest === undefined ? {} : { excludeLargerThanBytes: largest }),
  };
  new Selector(selection);
  return selection;
}

export async function readPatternFiles(paths: readonly string[], option: string): Promise<string[]> {
  const lists = await Promise.all(paths.map((path) => readPatternFile(path, process.env, option)));
  return lists.flat();
}
