/** What a copy worker does, with blocking calls: marks what is needed, moves blobs, writes packs, reads them back. */
import { threadId } from 'node:worker_threads';
import { systemRandomness } from '../../base/clock.ts';
import { asHoldfastError, HoldfastError } from '../../base/errors.ts';
import { idToBytes, type BlobId } from '../../base/ids.ts';
import { Sealer, sealOverhead } from '../../crypto/sealer.ts';
import { Counters } from '../archive/counters.ts';
import type { MergeRequest, UnfinishedPack } from '../archive/messages.ts';
import { PackWriter } from '../archive/pack-writer.ts';
import { BlobDecoder, type OpenedBlob } from '../blob-decoder.ts';
import { BlobReader, damagedBlob } from '../blob-reader.ts';
import { type BlobType, dataBlob, IndexTable, treeBlob } from '../index-table.ts';
import { IndexWriter } from '../prune/index-writer.ts';
import type { WriteIndexRequest } from '../prune/messages.ts';
import { notify } from '../protocol.ts';
import { releaseBytes } from '../reused-buffer.ts';
import { BlobTransfer } from './blob-transfer.ts';
import type {
  CopyBeginRequest,
  CopyNotice,
  CopyRequest,
  CopyResponse,
  CopyWorkerData,
  CopyWriting,
  MarkRequest,
  MarkResponse,
  ProofRequest,
  TransferRequest,
} from './messages.ts';
import { PackProof } from './pack-proof.ts';
import { TreeMarking } from './tree-marking.ts';

type ContentRequest = Exclude<CopyRequest, CopyBeginRequest | { kind: 'index-file' }>;

/** As long as the largest chunk, sealed. Only what is met takes memory. */
const keptBytes = (8 << 20) + sealOverhead;

/** What can be done once both indexes are complete. */
export class CopyWork {
  readonly #source: IndexTable;
  readonly #marking: TreeMarking;
  readonly #reader: BlobReader | undefined;
  readonly #decoder: BlobDecoder;
  readonly #writing: DestinationWork | undefined;

  constructor(data: CopyWorkerData, begin: CopyBeginRequest) {
    const { source, destination, marks, writing } = begin;
    this.#source = IndexTable.attach(source.index);
    const destinationIndex = IndexTable.attach(destination.index);
    this.#marking = new TreeMarking(this.#source, destinationIndex, marks);
    const sealer = new Sealer(source.key, systemRandomness);
    this.#decoder = new BlobDecoder(sealer);
    this.#reader = source.packFolder === undefined ? undefined : new BlobReader(this.#source, sealer, source.packFolder, keptBytes);
    this.#writing = writing === undefined ? undefined : new DestinationWork(data, begin, writing, this.#source, destinationIndex);
  }

  handle(request: ContentRequest): CopyResponse {
    if (request.kind === 'mark') return this.#mark(request);
    if (this.#writing === undefined) throw new HoldfastError('internal', `a dry run asked for '${request.kind}'`);
    if (request.kind !== 'transfer') return this.#writing.handle(request);
    const lost = this.#writing.transfer.transfer(request.entries, this.#opener(request));
    if (request.span !== undefined) releaseBytes(request.span.bytes);
    return { kind: 'transferred', lost };
  }

  #mark({ entries, batch }: MarkRequest): MarkResponse {
    for (const entry of entries) {
      try {
        this.#marking.mark(this.#openFile(entry).plain, batch);
      } catch (error) {
        if (asHoldfastError(error).code === 'internal') throw error;
        this.#marking.addProblem();
      }
    }
    const { subtrees, ...counts } = this.#marking.take();
    return { kind: 'marked', subtrees: Uint32Array.from(subtrees), ...counts };
  }

  #opener({ span }: TransferRequest): (entry: number) => OpenedBlob {
    return span === undefined ? (entry) => this.#openFile(entry) : (entry) => this.#openBytes(entry, span);
  }

  /** The first copy of the blob that is whole. */
  #openFile(entry: number): OpenedBlob {
    if (this.#reader === undefined) throw new HoldfastError('internal', 'a worker was asked for a pack that it cannot open');
    try {
      return this.#reader.open(entry);
    } catch (error) {
      return this.#openOther(this.#reader, entry, asHoldfastError(error));
    }
  }

  #openOther(reader: BlobReader, entry: number, error: HoldfastError): OpenedBlob {
    const id = idToBytes(this.#source.idHex(entry) as BlobId);
    for (const copy of this.#source.findAll(id, this.#source.typeOf(entry))) {
      if (copy === entry) continue;
      try {
        return reader.open(copy);
      } catch {
        // What is said of the first is enough.
      }
    }
    throw error;
  }

  #openBytes(entry: number, { bytes, offset }: NonNullable<TransferRequest['span']>): OpenedBlob {
    const index = this.#source;
    const start = index.offsetOf(entry) - offset;
    const id = index.idHex(entry);
    try {
      return this.#decoder.open(bytes.subarray(start, start + index.lengthOf(entry)), index.plainLengthOf(entry), id);
    } catch (error) {
      throw damagedBlob(id, index.packIdHex(index.packOf(entry)), asHoldfastError(error));
    }
  }
}

/** The part that writes. */
class DestinationWork {
  readonly transfer: BlobTransfer;
  readonly #index: IndexTable;
  readonly #sealer: Sealer;
  readonly #writing: CopyWriting;
  readonly #packs: { readonly data: PackWriter; readonly tree: PackWriter };
  readonly #packFolder: string | undefined;
  /** Made when something is to be proved: it holds buffers of some megabytes. */
  #proof: PackProof | undefined;
  readonly #indexes: IndexWriter;
  #writerCount = 0;

  constructor(data: CopyWorkerData, { destination }: CopyBeginRequest, writing: CopyWriting, source: IndexTable, index: IndexTable) {
    this.#index = index;
    this.#writing = writing;
    this.#sealer = new Sealer(destination.key, systemRandomness);
    this.#packs = { data: this.#packWriter(dataBlob), tree: this.#packWriter(treeBlob) };
    this.#packFolder = destination.packFolder;
    this.#indexes = new IndexWriter(this.#sealer);
    const counters = Counters.row(data.counters, data.worker);
    this.transfer = new BlobTransfer({ source, destination: index, sealer: this.#sealer, packs: this.#packs, counters, writing });
  }

  handle(request: ProofRequest | MergeRequest | WriteIndexRequest | { readonly kind: 'flush' }): CopyResponse {
    if (request.kind === 'flush') return { kind: 'unfinished', packs: this.#flush() };
    if (request.kind === 'write-index') return { kind: 'written', id: this.#indexes.write(request) };
    if (request.kind === 'prove') this.#prove(request);
    else this.#merge(request);
    return { kind: 'done' };
  }

  #prove(request: ProofRequest): void {
    this.#proof ??= new PackProof(this.#index, this.#sealer, this.#packFolder);
    this.#proof.prove(request);
    if (request.bytes !== undefined) releaseBytes(request.bytes);
  }

  #flush(): UnfinishedPack[] {
    return [this.#packs.data.takeUnfinished(), this.#packs.tree.takeUnfinished()].filter((pack) => pack !== undefined);
  }

  #merge({ type, parts }: MergeRequest): void {
    const writer = this.#packWriter(type);
    for (const part of parts) writer.append(part);
    writer.finish();
  }

  #packWriter(type: BlobType): PackWriter {
    const { stagingFolder, packSizeBytes } = this.#writing;
    return new PackWriter({
      type,
      index: this.#index,
      sealer: this.#sealer,
      stagingFolder,
      // The staging folder is this process's, and a thread's number is never used twice in it.
      name: `copied-${type}-${threadId}-${this.#writerCount++}`,
      packSizeBytes,
      onFinished: (pack) => notify<CopyNotice>({ kind: 'pack', pack }),
    });
  }
}
