/**
 * Counts ahead what a backup will look at, so that progress can say how long it takes.
 *
 * It walks in short slices on the main thread, which has little else to do, and begins only when the backup has lasted
 * longer than a person waits without asking. What it finds is an estimate: files may change meanwhile.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { AT_FDCWD, S_IFDIR, S_IFMT, S_IFREG, statLikeLstat } from '../posix/constants.ts';
import { libc } from '../posix/libc.ts';
import { cName } from '../posix/names.ts';
import { FileStat } from '../posix/statx.ts';
import { type FileSelection, Selector } from '../selection/selection.ts';
import { DirectoryFrame } from '../workers/archive/directory-frame.ts';
import { nameBytes } from '../workers/archive/entry-names.ts';
import { openPath } from '../workers/archive/entry-paths.ts';
import { openFlags } from '../workers/archive/open-entry.ts';

export interface Totals {
  readonly filesTotal: number;
  readonly bytesTotal: number;
}

/** Progress over less than this is not worth a walk. */
const delayMs = 2_000;
const sliceMs = 4;
const pauseMs = 12;

export class SizeEstimate {
  readonly #selector: Selector | undefined;
  readonly #stat = new FileStat();
  #files = 0;
  #bytes = 0;
  #isComplete = false;

  constructor(selection: FileSelection | undefined, allowedDevices: ReadonlyMap<string, string>) {
    this.#selector = selection === undefined ? undefined : new Selector(selection, { allowedDevices });
  }

  /** Undefined until everything is counted. */
  get totals(): Totals | undefined {
    return this.#isComplete ? { filesTotal: this.#files, bytesTotal: this.#bytes } : undefined;
  }

  /** @param paths absolute. Ends early, without totals, when the signal fires; never fails. */
  async count(paths: readonly Uint8Array[], signal: AbortSignal): Promise<void> {
    try {
      await pause(delayMs, undefined, { signal, ref: false });
      let sliceStart = performance.now();
      for (const _folder of this.#walk(paths)) {
        if (performance.now() - sliceStart < sliceMs) continue;
        await pause(pauseMs, undefined, { signal, ref: false });
        sliceStart = performance.now();
      }
      this.#isComplete = true;
    } catch {
      // The backup ended first, or something cannot be read: that is the backup's to report.
    }
  }

  /** Yields after each folder. */
  *#walk(paths: readonly Uint8Array[]): Generator<undefined> {
    const folders: Uint8Array[] = [];
    for (const path of paths) {
      if (libc().statxAt(AT_FDCWD, cName(path), statLikeLstat, this.#stat.bytes) === 0) this.#take(path, folders);
    }
    for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
      this.#countFolder(folder, folders);
      yield;
    }
  }

  #countFolder(path: Uint8Array, folders: Uint8Array[]): void {
    const fd = openPath(libc(), path, openFlags.directory);
    if (fd < 0) return;
    try {
      const frame = new DirectoryFrame(fd, { path, snapshotPath: path }, 0);
      for (const name of frame.listNames(libc())) {
        if (!frame.isNameSelected(this.#selector, name)) continue;
        if (libc().statxAt(fd, nameBytes(name), statLikeLstat, this.#stat.bytes) < 0) continue;
        if (frame.isEntrySelected(this.#selector, name, this.#stat)) this.#take(frame.pathOf(name), folders);
      }
    } finally {
      libc().close(fd);
    }
  }

  /** Counts the entry that `stat` describes. */
  #take(path: Uint8Array, folders: Uint8Array[]): void {
    const type = this.#stat.mode & S_IFMT;
    if (type === S_IFDIR) folders.push(path);
    if (type !== S_IFREG) return;
    this.#files++;
    this.#bytes += this.#stat.sizeBytes;
  }
}
