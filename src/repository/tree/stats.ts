/** What snapshots hold, counted in one of four ways; the meanings are those of `restic stats --mode`. */
import { createHash } from 'node:crypto';
import { HoldfastError } from '../../base/errors.ts';
import { type BlobId, idToBytes } from '../../base/ids.ts';
import { sealOverhead } from '../../crypto/sealer.ts';
import type { TreeNode } from '../../format/node.ts';
import { dataBlob, type IndexTable, treeBlob } from '../../workers/index-table.ts';
import { BlobMarks, plainLengthOf } from './blob-marks.ts';
import type { TreePath } from './tree-path.ts';
import type { TreeSource } from './tree-source.ts';
import { walkTree } from './walk.ts';

export const statsModes = ['restore-size', 'files-by-contents', 'blobs-per-file', 'raw-data'] as const;
/**
 * restore-size: all files as a restore would write them · files-by-contents: files of the same content count once ·
 * blobs-per-file: each blob once for every path that uses it · raw-data: each blob once, as stored
 */
export type StatsMode = (typeof statsModes)[number];

export interface SnapshotStats {
  readonly totalSizeBytes: number;
  readonly totalFileCount: number;
  readonly totalBlobCount: number;
  readonly snapshotsCount: number;
  /** Only for raw-data. */
  readonly compression: CompressionStats | undefined;
}

export interface CompressionStats {
  readonly uncompressedSizeBytes: number;
  /** By how much the compressed blobs shrank; 0 when none is compressed. */
  readonly ratio: number;
  /** Percentage of the data that is compressed. */
  readonly progress: number;
  /** Percentage of space saved. */
  readonly spaceSaving: number;
}

export interface StatsOptions {
  readonly source: TreeSource;
  readonly index: IndexTable;
  readonly mode: StatsMode;
  readonly signal?: AbortSignal;
  readonly onProgress?: (filesDone: number, bytesDone: number) => void;
}

/** Feed it the root trees of snapshots, then ask for the result. */
export class StatsCounter {
  readonly #options: StatsOptions;
  readonly #blobs: BlobMarks;
  readonly #contents = new Set<string>();
  /** For blobs-per-file: the index entries counted for a path, in whichever snapshot it was met. */
  readonly #blobsOfPath = new Map<TreePath, Set<number>>();
  #snapshots = 0;
  #files = 0;
  #blobCount = 0;
  #bytes = 0;

  constructor(options: StatsOptions) {
    this.#options = options;
    this.#blobs = new BlobMarks(options.index);
  }

  async addSnapshot(root: BlobId): Promise<void> {
    this.#snapshots += 1;
    const isRaw = this.#options.mode === 'raw-data';
    if (isRaw && !this.#blobs.add(root, treeBlob)) return;
    const hardLinks = new Set<string>();
    await walkTree(
      this.#options.source,
      root,
      {
        onEntry: ({ path, node }) => {
          if (isRaw) return this.#markBlobs(node) ? 'enter' : 'skip';
          this.#countNode(path, node, hardLinks);
          this.#options.onProgress?.(this.#files, this.#bytes);
          return 'enter';
        },
      },
      this.#options.signal === undefined ? {} : { signal: this.#options.signal },
    );
  }

  result(): SnapshotStats {
    const raw = this.#options.mode === 'raw-data' ? this.#sumBlobs() : undefined;
    return {
      totalSizeBytes: raw?.storedBytes ?? this.#bytes,
      totalFileCount: this.#files,
      totalBlobCount: raw?.count ?? this.#blobCount,
      snapshotsCount: this.#snapshots,
      compression: raw === undefined ? undefined : compressionOf(raw),
    };
  }

  /** @returns whether what is below has not been seen */
  #markBlobs(node: TreeNode): boolean {
    if (node.type === 'file') for (const id of node.content ?? []) this.#blobs.add(id, dataBlob);
    return node.subtree !== undefined && this.#blobs.add(node.subtree, treeBlob);
  }

  #countNode(path: TreePath, node: TreeNode, hardLinks: Set<string>): void {
    const sizeBytes = Number(node.size ?? 0);
    if (this.#options.mode === 'restore-size') {
      this.#files += 1;
      if (isFirstLink(node, hardLinks)) this.#bytes += sizeBytes;
      return;
    }
    const content = contentKey(node);
    if (this.#contents.has(content)) return;
    this.#contents.add(content);
    if (this.#options.mode === 'blobs-per-file') return this.#countFileBlobs(path, node);
    this.#files += 1;
    this.#bytes += sizeBytes;
  }

  #countFileBlobs(path: TreePath, node: TreeNode): void {
    const { index } = this.#options;
    for (const id of node.content ?? []) {
      const entry = index.find(idToBytes(id), dataBlob);
      if (entry < 0) throw missingBlob(id, path);
      const counted = this.#blobsOfPath.get(path) ?? this.#beginPath(path);
      if (counted.has(entry)) continue;
      counted.add(entry);
      this.#blobCount += 1;
      this.#bytes += plainLengthOf(index, entry);
    }
  }

  #beginPath(path: TreePath): Set<number> {
    const counted = new Set<number>();
    this.#blobsOfPath.set(path, counted);
    this.#files += 1;
    return counted;
  }

  #sumBlobs(): RawSums {
    const { index } = this.#options;
    const [missing] = this.#blobs.unknown.keys();
    if (missing !== undefined) throw missingBlob(missing);
    const sums = { count: 0, storedBytes: 0, plainBytes: 0, compressedBytes: 0, compressedPlainBytes: 0 };
    for (const entry of this.#blobs.entries()) {
      const storedBytes = index.lengthOf(entry);
      const plainBytes = plainLengthOf(index, entry) + sealOverhead;
      sums.count += 1;
      sums.storedBytes += storedBytes;
      sums.plainBytes += plainBytes;
      if (index.plainLengthOf(entry) === 0) continue;
      sums.compressedBytes += storedBytes;
      sums.compressedPlainBytes += plainBytes;
    }
    return sums;
  }
}

interface RawSums {
  readonly count: number;
  readonly storedBytes: number;
  readonly plainBytes: number;
  readonly compressedBytes: number;
  readonly compressedPlainBytes: number;
}

function compressionOf(sums: RawSums): CompressionStats {
  return {
    uncompressedSizeBytes: sums.plainBytes,
    ratio: sums.compressedBytes === 0 ? 0 : sums.compressedPlainBytes / sums.compressedBytes,
    progress: sums.plainBytes === 0 ? 0 : (sums.compressedPlainBytes / sums.plainBytes) * 100,
    spaceSaving: sums.plainBytes === 0 ? 0 : (1 - sums.storedBytes / sums.plainBytes) * 100,
  };
}

/** Of files that are hard links to each other, only one takes space in a restore. */
function isFirstLink(node: TreeNode, seen: Set<string>): boolean {
  const inode = node.inode ?? 0;
  if (node.type === 'dir' || Number(node.links ?? 0) <= 1 || Number(inode) === 0) return true;
  const key = `${node.deviceId ?? 0}:${inode}`;
  if (seen.has(key)) return false;
  seen.add(key);
  return true;
}

/** Nodes without content are all the same content, as for restic. The digest keeps a large file's key small. */
function contentKey(node: TreeNode): string {
  const hash = createHash('sha256');
  for (const id of node.content ?? []) hash.update(id);
  return hash.digest('base64');
}

function missingBlob(id: BlobId, path?: TreePath): HoldfastError {
  return new HoldfastError('damaged', `the blob ${id} is in no index`, {
    hint: 'Run a check of the repository to see what is lost.',
    context: { blob: id, ...(path === undefined ? {} : { path }) },
  });
}
