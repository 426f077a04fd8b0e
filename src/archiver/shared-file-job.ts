/** A very large file, cut by one worker at a time and stored by all of them. */
import { closeSync } from 'node:fs';
import { fromErrorRecord, HoldfastError } from '../base/errors.ts';
import type { BlobId } from '../base/ids.ts';
import { encodeContent, type NodeFields } from '../format/node-encoder.ts';
import type { Added } from '../workers/archive/counters.ts';
import type { ArchiveNotice, ArchiveRequest, ArchiveResponse, OpenFile } from '../workers/archive/messages.ts';
import { SourceFailure } from '../workers/archive/source-failure.ts';
import type { WorkerPool } from '../workers/pool.ts';

export type ArchivePool = WorkerPool<ArchiveRequest, ArchiveResponse, ArchiveNotice>;

type Batch = Extract<ArchiveResponse, { kind: 'blobs' }>;

/** What a cutter looks through in one request: some 50 chunks, so that the others never wait for it. */
const cutSpanBytes = 64 << 20;
/** Cut but not yet stored: bounds the memory for ids and how far reading runs ahead of storing. */
const maxAheadBytes = 192 << 20;
/** Bytes of chunks in one request: enough work for a message, few enough to share evenly. */
const chunkBatchBytes = 4 << 20;

export interface SharedFile extends OpenFile {
  readonly fields: NodeFields;
}

/** The node that the file gets, and what it cost. */
export interface StoredFile extends Added {
  /** As read: with the size that it had then. */
  readonly fields: NodeFields;
  /** JSON text of the ids. */
  readonly content: string;
}

/**
 * Stores the file's content and closes it.
 * @returns undefined when it became shorter meanwhile and must be read anew
 * @throws SourceFailure when it cannot be read
 */
export async function storeSharedFile(pool: ArchivePool, file: SharedFile): Promise<StoredFile | undefined> {
  try {
    const { ids, sizeBytes, ...added } = await new SharedFileJob(pool, file).run();
    return { fields: { ...file.fields, size: sizeBytes }, content: encodeContent(ids), ...added };
  } catch (error) {
    if (error === shrunk) return undefined;
    throw error;
  } finally {
    closeSync(file.fd);
  }
}

/** Thrown among the functions of this file only. */
const shrunk = new Error('the file became shorter while it was read');

interface StoredContent extends Added {
  readonly ids: readonly BlobId[];
  readonly sizeBytes: number;
}

class SharedFileJob {
  readonly #pool: ArchivePool;
  readonly #file: OpenFile;
  readonly #batches: Promise<Batch>[] = [];
  #hasFailed = false;
  #aheadBytes = 0;
  #wake: (() => void) | undefined;

  constructor(pool: ArchivePool, { fd, path }: OpenFile) {
    this.#pool = pool;
    this.#file = { fd, path };
  }

  async run(): Promise<StoredContent> {
    try {
      const sizeBytes = await this.#cutAll();
      const batches = await Promise.all(this.#batches);
      const sum = (key: keyof Added): number => batches.reduce((total, batch) => total + batch[key], 0);
      return {
        ids: batches.flatMap((batch) => batch.ids),
        sizeBytes,
        addedBytes: sum('addedBytes'),
        addedPackedBytes: sum('addedPackedBytes'),
      };
    } finally {
      // No worker may read from the descriptor once it is closed.
      await Promise.allSettled(this.#batches);
    }
  }

  /** @returns how many bytes there are; fewer when storing them has failed */
  async #cutAll(): Promise<number> {
    for (let offset = 0; ; ) {
      const cuts = accepted('cuts', await this.#pool.run({ kind: 'cut', ...this.#file, offset, spanBytes: cutSpanBytes }, 'urgent'));
      offset = this.#storeAll(offset, cuts.lengths);
      if (cuts.isEnd || this.#hasFailed) return offset;
      while (this.#aheadBytes > maxAheadBytes) await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  #storeAll(start: number, lengths: readonly number[]): number {
    let offset = start;
    let batch: number[] = [];
    let batchBytes = 0;
    for (const length of lengths) {
      batch.push(length);
      batchBytes += length;
      if (batchBytes < chunkBatchBytes) continue;
      this.#start(offset, batch, batchBytes);
      offset += batchBytes;
      batch = [];
      batchBytes = 0;
    }
    if (batch.length > 0) this.#start(offset, batch, batchBytes);
    return offset + batchBytes;
  }

  #start(offset: number, lengths: readonly number[], bytes: number): void {
    const batch = this.#store(offset, lengths, bytes);
    // The failure itself is met where all batches are awaited.
    batch.catch(() => {
      this.#hasFailed = true;
    });
    this.#batches.push(batch);
  }

  async #store(offset: number, lengths: readonly number[], bytes: number): Promise<Batch> {
    this.#aheadBytes += bytes;
    try {
      return accepted('blobs', await this.#pool.run({ kind: 'chunks', ...this.#file, offset, lengths }));
    } finally {
      this.#aheadBytes -= bytes;
      this.#wake?.();
    }
  }
}

/** @throws SourceFailure, `shrunk` */
function accepted<Kind extends ArchiveResponse['kind']>(kind: Kind, answer: ArchiveResponse): Extract<ArchiveResponse, { kind: Kind }> {
  if (answer.kind === 'unreadable') throw new SourceFailure(fromErrorRecord(answer.error));
  if (answer.kind === 'shrunk') throw shrunk;
  if (!isOfKind(kind, answer)) throw new HoldfastError('internal', `a worker answered '${answer.kind}' where '${kind}' belongs`);
  return answer;
}

function isOfKind<Kind extends ArchiveResponse['kind']>(
  kind: Kind,
  answer: ArchiveResponse,
): answer is Extract<ArchiveResponse, { kind: Kind }> {
  return answer.kind === kind;
}
