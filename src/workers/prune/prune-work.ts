/** Answers the requests of a prune, or of a rebuild of the index, with blocking calls. */
import { threadId } from 'node:worker_threads';
import { systemRandomness } from '../../base/clock.ts';
import { asHoldfastError, HoldfastError } from '../../base/errors.ts';
import { Sealer } from '../../crypto/sealer.ts';
import type { MergeRequest } from '../archive/messages.ts';
import { PackWriter } from '../archive/pack-writer.ts';
import { BlobReader } from '../blob-reader.ts';
import { loadIndexPath } from '../index-loading.ts';
import { type BlobType, dataBlob, IndexTable, treeBlob } from '../index-table.ts';
import { notify } from '../protocol.ts';
import { BlobCopier } from './blob-copier.ts';
import { HeaderIndexer } from './header-indexer.ts';
import { IndexWriter } from './index-writer.ts';
import type { BeginRequest, PackingTask, PruneNotice, PruneRequest, PruneResponse, PruneWorkerData, TreesRequest } from './messages.ts';
import { Survey } from './survey.ts';
import { unreadableTree, UsedTrees } from './used-trees.ts';

export class PruneWork {
  readonly #data: PruneWorkerData;
  readonly #sealer: Sealer;
  readonly #indexWriter: IndexWriter;
  #step: PruneStep | undefined;

  constructor(data: PruneWorkerData) {
    this.#data = data;
    this.#sealer = new Sealer(data.key, systemRandomness);
    this.#indexWriter = new IndexWriter(this.#sealer);
  }

  handle(request: PruneRequest): PruneResponse {
    switch (request.kind) {
      case 'index':
        return { kind: 'index', packs: loadIndexPath(request.path, request.id, this.#sealer, IndexTable.attach(request.memory)) };
      case 'begin':
        this.#step?.close();
        this.#step = new PruneStep(this.#data, this.#sealer, request);
        return { kind: 'done' };
      case 'headers': {
        const indexer = new HeaderIndexer(IndexTable.attach(request.memory), this.#sealer);
        return indexer.readAll(request.packs, this.#data.packFolder ?? '');
      }
      case 'write-index':
        return { kind: 'written', id: this.#indexWriter.write(request) };
      default:
        if (this.#step === undefined) throw new HoldfastError('internal', `a worker was asked for '${request.kind}' before it began`);
        return this.#step.handle(request);
    }
  }
}

/** What can be done with what main has found out so far. */
class PruneStep {
  readonly #index: IndexTable;
  readonly #sealer: Sealer;
  /** Made for the first tree: later steps read none, and its buffers take megabytes. */
  readonly #newReader: () => BlobReader;
  #reader: BlobReader | undefined;
  readonly #trees: UsedTrees;
  readonly #survey: Survey | undefined;
  readonly #packing: Packing | undefined;

  constructor({ packFolder }: PruneWorkerData, sealer: Sealer, { usage, survey, packing }: BeginRequest) {
    this.#index = IndexTable.attach(usage.index);
    this.#sealer = sealer;
    this.#newReader = () => {
      if (packFolder === undefined) throw tooEarly('trees');
      return new BlobReader(this.#index, sealer, packFolder);
    };
    this.#trees = new UsedTrees(this.#index, usage);
    this.#survey = survey && new Survey(this.#index, usage, survey);
    this.#packing = packing && new Packing(this.#index, this.#sealer, packFolder, packing);
  }

  handle(request: Exclude<PruneRequest, { kind: 'index' | 'begin' | 'headers' | 'write-index' }>): PruneResponse {
    if (request.kind === 'trees') return this.#readTrees(request);
    if (request.kind === 'survey' && this.#survey !== undefined) return { kind: 'survey', found: this.#survey.run(request) };
    if (this.#packing === undefined || request.kind === 'survey') throw tooEarly(request.kind);
    if (request.kind === 'flush') return this.#packing.flush();
    if (request.kind === 'merge') this.#packing.merge(request);
    else this.#packing.copier.copy(request);
    return { kind: 'done' };
  }

  close(): void {
    this.#reader?.[Symbol.dispose]();
  }

  #readTrees({ entries }: TreesRequest): PruneResponse {
    this.#reader ??= this.#newReader();
    const subtrees: number[] = [];
    for (const entry of entries) {
      this.#readTree(entry, this.#reader, subtrees);
    }
    const { missing, missingCount } = this.#trees;
    [this.#trees.missing, this.#trees.missingCount] = [[], 0];
    return { kind: 'trees', subtrees: Uint32Array.from(subtrees), missing, missingCount };
  }

  /** From the first of its copies that is whole. */
  #readTree(entry: number, reader: BlobReader, subtrees: number[]): void {
    const tree = this.#index.idHex(entry);
    let first: unknown;
    for (const copy of this.#index.findAll(Buffer.from(tree, 'hex'), treeBlob)) {
      try {
        return this.#trees.scan(tree, reader.read(copy), subtrees);
      } catch (error) {
        first ??= error;
      }
    }
    throw unreadableTree(tree, asHoldfastError(first));
  }
}

/** Makes new packs of what is kept of old ones. */
class Packing {
  readonly copier: BlobCopier;
  readonly #writers: { readonly data: PackWriter; readonly tree: PackWriter };
  readonly #newWriter: (type: BlobType) => PackWriter;
  #writerCount = 0;

  constructor(
    index: IndexTable,
    sealer: Sealer,
    packFolder: string | undefined,
    { stagingFolder, packSizeBytes, compression }: PackingTask,
  ) {
    const onFinished = (pack: PruneNotice['pack']): void => notify<PruneNotice>({ kind: 'pack', pack });
    this.#newWriter = (type) => {
      // The staging folder is this process's, and a thread's number is never used twice in it.
      const name = `repacked-${threadId}-${this.#writerCount++}`;
      return new PackWriter({ type, index, sealer, stagingFolder, name, packSizeBytes, onFinished });
    };
    this.#writers = { data: this.#newWriter(dataBlob), tree: this.#newWriter(treeBlob) };
    this.copier = new BlobCopier({ index, sealer, packFolder, compression, writers: this.#writers });
  }

  flush(): PruneResponse {
    const unfinished = [this.#writers.data.takeUnfinished(), this.#writers.tree.takeUnfinished()];
    return { kind: 'unfinished', packs: unfinished.filter((pack) => pack !== undefined) };
  }

  merge({ type, parts }: MergeRequest): void {
    const writer = this.#newWriter(type);
    for (const part of parts) writer.append(part);
    writer.finish();
  }
}

function tooEarly(kind: string): HoldfastError {
  return new HoldfastError('internal', `a worker was asked for '${kind}' before it could do that`);
}
