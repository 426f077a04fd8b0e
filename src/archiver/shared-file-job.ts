/** A very large file, cut by one worker at a time and stored by all of them. */
import { closeSync } from 'node:fs';
import { HoldfastError } from '../base/errors.ts';
import { encodeContent, encodeNodeFields, type NodeFields } from '../format/node-encoder.ts';
import type { BlobId } from '../base/ids.ts';
import type { ArchiveRequest, ArchiveResponse } from '../workers/archive/messages.ts';
import type { WorkerPool } from '../workers/pool.ts';
import type { ArchiveNotice } from '../workers/archive/messages.ts';

export type ArchivePool = WorkerPool<ArchiveRequest, ArchiveResponse, ArchiveNotice>;

/** What a cutter looks through in one request: some 50 chunks, so that the others never wait for it. */
const cutSpanBytes = 64 << 20;
/** Cut but not yet stored: bounds the memory for ids and how far reading runs ahead of storing. */
const maxAheadBytes = 192 << 20;
/** Bytes of chunks in one request: enough work for a message, few enough to share evenly. */
const chunkBatchBytes = 4 << 20;

export interface SharedFile {
  readonly fd: number;
  readonly fields: NodeFields;
}

/**
 * Stores the file's content and closes it.
 * @returns the text of its node and its size as read; undefined when it became shorter meanwhile and must be read anew
 */
export async function storeSharedFile(pool: ArchivePool, file: SharedFile): Promise<{ text: string; sizeBytes: number } | undefined> {
  try {
    const content = await new SharedFileJob(pool, file.fd).run();
    const text = encodeNodeFields({ ...file.fields, size: content.sizeBytes }, encodeContent(content.ids));
    return { text, sizeBytes: content.sizeBytes };
  } catch (error) {
    if (error instanceof HoldfastError && error.code === 'partial') return undefined;
    throw error;
  } finally {
    closeSync(file.fd);
  }
}

class SharedFileJob {
  readonly #pool: ArchivePool;
  readonly #fd: number;
  readonly #batches: Promise<readonly BlobId[]>[] = [];
  #aheadBytes = 0;
  #wake: (() => void) | undefined;

  constructor(pool: ArchivePool, fd: number) {
    this.#pool = pool;
    this.#fd = fd;
  }

  async run(): Promise<{ ids: BlobId[]; sizeBytes: number }> {
    try {
      const sizeBytes = await this.#cutAll();
      const ids = (await Promise.all(this.#batches)).flat();
      return { ids, sizeBytes };
    } finally {
      // No worker may read from the descriptor once it is closed.
      await Promise.allSettled(this.#batches);
    }
  }

  async #cutAll(): Promise<number> {
    for (let offset = 0; ; ) {
      const cuts = await this.#pool.run({ kind: 'cut', fd: this.#fd, offset, spanBytes: cutSpanBytes }, 'urgent');
      if (cuts.kind !== 'cuts') throw new HoldfastError('internal', `a cutter answered '${cuts.kind}'`);
      offset = this.#storeAll(offset, cuts.lengths);
      if (cuts.isEnd) return offset;
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
    // A failure is met where all batches are awaited; until then it is nobody's.
    batch.catch(() => {});
    this.#batches.push(batch);
  }

  async #store(offset: number, lengths: readonly number[], bytes: number): Promise<readonly BlobId[]> {
    this.#aheadBytes += bytes;
    try {
      const stored = await this.#pool.run({ kind: 'chunks', fd: this.#fd, offset, lengths }, 'in-turn');
      return stored.kind === 'blobs' ? stored.ids : [];
    } finally {
      this.#aheadBytes -= bytes;
      this.#wake?.();
    }
  }
}
