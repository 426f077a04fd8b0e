/**
 * Where a file stands below the root of a repository: the default layout of restic's design document ("Repository Layout").
 * Packs stand in 256 folders by the first two digits of their ids, so that no folder grows without bounds.
 */
import { assertFileName, type FileKind, type StoredFile } from './backend.ts';

type FolderKind = Exclude<FileKind, 'config'>;

export const layoutFolders: Readonly<Record<FolderKind, string>> = {
  key: 'keys',
  lock: 'locks',
  snapshot: 'snapshots',
  index: 'index',
  pack: 'data',
};

/** Digits of a pack's id that name its folder. */
const packFolderDigits = 2;

/** Folders of an empty repository, parents first: relative, with `/`. */
export function allFolders(): string[] {
  return [...Object.values(layoutFolders), ...packFolders().map((name) => `${layoutFolders.pack}/${name}`)];
}

/** "00" to "ff". */
export function packFolders(): string[] {
  return Array.from({ length: 16 ** packFolderDigits }, (_, index) => index.toString(16).padStart(packFolderDigits, '0'));
}

/** Folders, then the file's own name. @throws HoldfastError `internal` for a name that is no id */
export function pathSegments(file: StoredFile): string[] {
  assertFileName(file);
  if (file.kind === 'config') return ['config'];
  const folder = layoutFolders[file.kind];
  return file.kind === 'pack' ? [folder, file.name.slice(0, packFolderDigits), file.name] : [folder, file.name];
}
