/**
 * Which entries of the file system a backup takes: restic's options --exclude, --iexclude, --exclude-caches,
 * --exclude-if-present, --exclude-larger-than and --one-file-system, with its meaning (internal/archiver/exclude.go).
 *
 * Paths that were named as targets are taken whatever these rules say; the walker does not ask for them.
 */
import { compilePatterns, type PatternList } from '../patterns/pattern-list.ts';
import { type PathText, pathText } from '../patterns/path-text.ts';
import { DeviceRule } from './devices.ts';
import { type DirectoryTag, hasTag, type TagWarning } from './directory-tags.ts';
import type { DirectoryProbe, SelectableEntry } from './entry.ts';

/** Plain data: it crosses threads, and each compiles it for itself. */
export interface FileSelection {
  readonly excludes: readonly string[];
  readonly iexcludes: readonly string[];
  /** Lines of exclude files (`readPatternFile`): the same as above, but not noted in the snapshot. */
  readonly excludeFileLines: readonly string[];
  readonly iexcludeFileLines: readonly string[];
  /** Skip what lies in a directory beside a valid CACHEDIR.TAG; the tag itself is kept. */
  readonly excludeCaches: boolean;
  readonly excludeIfPresent: readonly DirectoryTag[];
  /** Larger files are skipped, files of just this size are not. */
  readonly excludeLargerThanBytes?: number;
  readonly oneFileSystem: boolean;
}

export const selectEverything: FileSelection = {
  excludes: [],
  iexcludes: [],
  excludeFileLines: [],
  iexcludeFileLines: [],
  excludeCaches: false,
  excludeIfPresent: [],
  oneFileSystem: false,
};

export interface SelectorContext {
  /** Devices of the targets (`targetDevices`), wanted when `oneFileSystem` is set. */
  readonly allowedDevices?: ReadonlyMap<string, string>;
  readonly onWarning?: (message: string) => void;
}

/** CACHEDIR.TAG as https://bford.info/cachedir/ defines it: 43 bytes at the beginning of the file. */
const cacheTag: DirectoryTag = { name: 'CACHEDIR.TAG', header: 'Signature: 8a477f597d28d172789f06886806bc55' };

/** Directories whose tags are remembered: more than are open in a walk. */
const keptDirectories = 1024;

/** Compiled for one thread. Paths are absolute and clean, as the file system has them. */
export class Selector {
  readonly #patterns: readonly PatternList[];
  readonly #tags: readonly DirectoryTag[];
  readonly #largestBytes: number;
  readonly #devices: DeviceRule | undefined;
  readonly #warn: TagWarning;
  readonly #tagsFound = new Map<string, readonly PathText[]>();

  /** @throws HoldfastError `usage` for a malformed pattern */
  constructor(selection: FileSelection, context: SelectorContext = {}) {
    const exact = compilePatterns([...selection.excludes, ...selection.excludeFileLines]);
    const caseless = compilePatterns([...selection.iexcludes, ...selection.iexcludeFileLines], { ignoreCase: true });
    this.#patterns = [exact, caseless].filter((patterns) => !patterns.isEmpty);
    this.#tags = selection.excludeCaches ? [...selection.excludeIfPresent, cacheTag] : selection.excludeIfPresent;
    this.#largestBytes = selection.excludeLargerThanBytes ?? Number.POSITIVE_INFINITY;
    this.#devices = selection.oneFileSystem ? new DeviceRule(context.allowedDevices ?? new Map()) : undefined;
    this.#warn = context.onWarning ?? (() => {});
  }

  /** Whether the path passes the patterns: to be asked before lstat. */
  selectByName(path: PathText): boolean {
    return !this.#patterns.some((patterns) => patterns.isMatch(path));
  }

  /** Whether the entry passes the rules that look at it and at its directory. */
  selectEntry(path: PathText, entry: SelectableEntry, probe: DirectoryProbe): boolean {
    if (!entry.isDirectory && entry.sizeBytes > this.#largestBytes) return false;
    if (this.#devices?.crosses(path, entry, probe) === true) return false;
    return this.#tags.length === 0 || !this.#isTagged(path, probe);
  }

  /** An entry is skipped for the sake of each tag in its directory but itself. */
  #isTagged(path: PathText, probe: DirectoryProbe): boolean {
    const slash = path.lastIndexOf('/');
    const directory = path.slice(0, slash + 1);
    const found = this.#tagsFound.get(directory) ?? this.#findTags(directory, probe);
    const name = path.slice(slash + 1);
    return found.some((tag) => tag !== name);
  }

  #findTags(directory: string, probe: DirectoryProbe): readonly PathText[] {
    const found = this.#tags.filter((tag) => hasTag(tag, directory, probe, this.#warn)).map((tag) => pathText(tag.name));
    if (this.#tagsFound.size >= keptDirectories) this.#tagsFound.clear();
    this.#tagsFound.set(directory, found);
    return found;
  }
}
