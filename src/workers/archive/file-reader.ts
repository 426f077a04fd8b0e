/** Reads a file to its end, cuts it into chunks and stores those that are new. */
import type { BlobId } from '../../base/ids.ts';
import type { Chunker } from '../../chunker/chunker.ts';
import { posixError } from '../../posix/errno.ts';
import type { Libc } from '../../posix/libc.ts';
import { dataBlob } from '../index-table.ts';
import type { BlobStore } from './blob-store.ts';
import { printablePath } from './entry-paths.ts';
import { SourceFailure } from './source-failure.ts';

export interface StoredContent {
  readonly ids: BlobId[];
  /** What was read, which for a file that changes meanwhile is not what stat said. */
  readonly sizeBytes: number;
}

/** Smallest read: a file that grew since it was looked at is still read with few calls. */
const minReadBytes = 1 << 16;
/** From here on what is left of a chunk moves to the front: pages further back are touched for long chunks only. */
const compactAboveBytes = 4 << 20;
/** Largest read: more would only spread over more memory before the first chunk is cut. */
const maxReadBytes = 1 << 21;

export class FileReader {
  readonly #libc: Libc;
  readonly #chunker: Chunker;
  readonly #store: BlobStore;

  constructor(libc: Libc, chunker: Chunker, store: BlobStore) {
    this.#libc = libc;
    this.#chunker = chunker;
    this.#store = store;
  }

  /**
   * Stores the content from the descriptor's position on.
   * @param expectedBytes the size as it was before; only a hint
   * @throws SourceFailure when a read fails, HoldfastError when the store cannot be written
   */
  store(fd: number, expectedBytes: number, path: () => Uint8Array): StoredContent {
    const { buffer } = this.#chunker;
    const ids: BlobId[] = [];
    let sizeBytes = 0;
    let start = 0;
    let end = 0;
    let seen = 0;
    let isEnd = false;
    do {
      if (!isEnd) {
        if (end > compactAboveBytes && start > 0) {
          buffer.copyWithin(0, start, end);
          end -= start;
          start = 0;
        }
        // One byte more than expected: coming back with less then proves the end without another call.
        const wanted = Math.min(buffer.length - end, maxReadBytes, Math.max(minReadBytes, expectedBytes - sizeBytes - (end - start) + 1));
        const count = this.#read(fd, buffer.subarray(end, end + wanted), path);
        end += count;
        isEnd = count === 0 || (count < wanted && sizeBytes + end - start === expectedBytes);
      }
      for (let cut = this.#cut(start, end, isEnd, seen); cut > 0; cut = this.#cut(start, end, isEnd, 0)) {
        ids.push(this.#store.save(dataBlob, buffer.subarray(start, start + cut)));
        start += cut;
        sizeBytes += cut;
      }
      if (start === end) start = end = 0;
      seen = end - start;
    } while (!isEnd || start < end);
    return { ids, sizeBytes };
  }

  #cut(start: number, end: number, isEnd: boolean, seen: number): number {
    return start === end ? 0 : this.#chunker.nextCut(start, end - start, isEnd, seen);
  }

  #read(fd: number, target: Uint8Array, path: () => Uint8Array): number {
    const count = this.#libc.read(fd, target, target.length);
    if (count < 0) throw new SourceFailure(posixError('read', printablePath(path()), count));
    return count;
  }
}
