/** Has the blobs of a batch moved by the workers, span by span. */
import { throwIfCancelled } from '../../base/cancellation.ts';
import { asHoldfastError, toErrorRecord } from '../../base/errors.ts';
import { type BlobId, idToBytes } from '../../base/ids.ts';
import type { CopyRequest, LostBlob } from '../../workers/copy/messages.ts';
import { releaseBytes } from '../../workers/reused-buffer.ts';
import { localPackFolder } from '../blobs/blob-loader.ts';
import type { CopyParts } from './copy-session.ts';
import type { LostBlobs } from './lost-blobs.ts';
import type { TransferOrder } from './transfer-order.ts';

/** One at work, and one in wait for the time that this thread is busy itself. */
const requestsPerWorker = 2;
/** Spans that are fetched at once from a storage that is not local: each is in memory as a whole, twice. */
const fetchesAtOnce = 4;
/** What is between two blobs is fetched with them when it is less than this: a further request takes longer. restic's figure. */
const maxGapBytes = 1 << 20;
/** restic's figure for what one request fetches at most is larger, but it takes it in as a stream. */
const fetchedSpan = { maxBytes: 4 << 20, maxGapBytes };

export class BlobMovement {
  readonly #parts: CopyParts;
  readonly #order: TransferOrder;
  readonly #lost: LostBlobs;

  constructor(parts: CopyParts, order: TransferOrder, lost: LostBlobs) {
    this.#parts = parts;
    this.#order = order;
    this.#lost = lost;
  }

  /** What cannot be read is noted as lost. @throws HoldfastError when the destination cannot be written, `cancelled` */
  async run(batch: number): Promise<void> {
    const { source, workers, options } = this.#parts;
    // Then workers open the packs themselves.
    const isLocal = localPackFolder(source.backend) !== undefined;
    const spans = isLocal ? this.#order.spans(batch) : this.#order.spans(batch, fetchedSpan);
    const lane = async (): Promise<void> => {
      for (const entries of spans) {
        throwIfCancelled(options.signal);
        this.#note(await (isLocal ? this.#ask({ kind: 'transfer', entries }) : this.#moveFetched(entries)));
      }
    };
    await Promise.all(Array.from({ length: isLocal ? workers.pool.workerCount * requestsPerWorker : fetchesAtOnce }, lane));
  }

  #note(lost: readonly LostBlob[]): void {
    for (const { entry, error } of lost) this.#lost.add(this.#parts.sourceIndex.idHex(entry) as BlobId, error);
  }

  async #ask(request: CopyRequest): Promise<readonly LostBlob[]> {
    const answer = await this.#parts.workers.pool.run(request);
    return answer.kind === 'transferred' ? answer.lost : [];
  }

  /** Bytes that are wrong are fetched once more, from another place too where there is one: only then is a blob lost. */
  async #moveFetched(entries: Uint32Array): Promise<LostBlob[]> {
    const lost: LostBlob[] = [];
    for (const first of await this.#fetchAndMove(entries)) if (!(await this.#moveOther(first.entry))) lost.push(first);
    return lost;
  }

  async #moveOther(entry: number): Promise<boolean> {
    const { sourceIndex } = this.#parts;
    for (const copy of sourceIndex.findAll(idToBytes(sourceIndex.idHex(entry) as BlobId), sourceIndex.typeOf(entry))) {
      if ((await this.#fetchAndMove(Uint32Array.of(copy))).length === 0) return true;
    }
    return false;
  }

  async #fetchAndMove(entries: Uint32Array): Promise<readonly LostBlob[]> {
    const { source, sourceIndex: index, options } = this.#parts;
    const first = entries[0] ?? 0;
    const last = entries.at(-1) ?? 0;
    const offset = index.offsetOf(first);
    const length = index.offsetOf(last) + index.lengthOf(last) - offset;
    const pack = { kind: 'pack', name: index.packIdHex(index.packOf(first)) } as const;
    let bytes: Buffer;
    try {
      bytes = await source.backend.load(pack, { offset, length, signal: options.signal });
    } catch (thrown) {
      const error = asHoldfastError(thrown);
      if (error.code === 'cancelled' || error.code === 'internal') throw error;
      return Array.from(entries, (entry) => ({ entry, error: toErrorRecord(error) }));
    }
    try {
      return await this.#ask({ kind: 'transfer', entries, span: { bytes, offset } });
    } finally {
      releaseBytes(bytes);
    }
  }
}
