/** What all parts of one archive worker share, made when main says `begin`. */
import { threadId } from 'node:worker_threads';
import { systemRandomness } from '../../base/clock.ts';
import { HoldfastError, toErrorRecord } from '../../base/errors.ts';
import { Chunker } from '../../chunker/chunker.ts';
import { Compressor } from '../../compression/compressor.ts';
import { Sealer } from '../../crypto/sealer.ts';
import { libc, type Libc } from '../../posix/libc.ts';
import { FileStat } from '../../posix/statx.ts';
import { Selector } from '../../selection/selection.ts';
import { BlobReader } from '../blob-reader.ts';
import { type BlobType, dataBlob, IndexTable, treeBlob } from '../index-table.ts';
import { notify } from '../protocol.ts';
import { BlobStore } from './blob-store.ts';
import { Counters } from './counters.ts';
import { FileReader } from './file-reader.ts';
import { MainTrees } from './main-trees.ts';
import {
  type ArchiveNotice,
  type ArchiveWorkerData,
  type BeginRequest,
  type FinishedPack,
  type HoleToken,
  tokenStride,
} from './messages.ts';
import { PackWriter } from './pack-writer.ts';
import { ParentTrees, type TreeReader } from './parent-tree.ts';
import { UploadRoom } from './upload-room.ts';

export class WorkerContext {
  readonly begin: BeginRequest;
  readonly index: IndexTable;
  readonly sealer: Sealer;
  readonly libc: Libc = libc();
  readonly stat = new FileStat();
  readonly counters: Counters;
  readonly store: BlobStore;
  readonly chunker: Chunker;
  readonly files: FileReader;
  readonly parents: ParentTrees;
  readonly selector: Selector | undefined;
  readonly packs: { readonly data: PackWriter; readonly tree: PackWriter } | undefined;
  readonly #hunger: Int32Array;
  readonly #stop: Int32Array;
  readonly #worker: number;
  readonly #room: UploadRoom | undefined;
  #nextToken = 1;
  #nextWriter = 0;

  constructor(data: ArchiveWorkerData, begin: BeginRequest) {
    this.begin = begin;
    this.#worker = data.worker;
    this.#hunger = new Int32Array(data.hunger);
    this.#stop = new Int32Array(data.stop);
    this.#room = begin.maxStagedBytes === undefined ? undefined : new UploadRoom(data.staged, begin.maxStagedBytes);
    this.index = IndexTable.attach(begin.index);
    this.sealer = new Sealer(begin.key, systemRandomness);
    this.counters = Counters.row(data.counters, data.worker);
    this.packs = begin.isDryRun ? undefined : { data: this.packWriter(dataBlob, 'data'), tree: this.packWriter(treeBlob, 'tree') };
    this.store = this.#blobStore();
    this.chunker = new Chunker(begin.polynomial);
    this.files = new FileReader(this.libc, this.chunker, this.store);
    this.parents = new ParentTrees(this.index, this.#treeReader(data.mailbox), (error) => this.#failParent(error));
    const onWarning = (message: string): void => this.tell({ kind: 'warning', message });
    const { selection, allowedDevices } = begin;
    this.selector = selection === undefined ? undefined : new Selector(selection, { allowedDevices, onWarning });
  }

  packWriter(type: BlobType, name: string): PackWriter {
    const { index, sealer, begin } = this;
    // The staging folder is this process's, and a thread's number is never used twice in it.
    const unique = `${threadId}-${this.#nextWriter++}`;
    return new PackWriter({
      type,
      index,
      sealer,
      stagingFolder: begin.stagingFolder,
      name: `${name}-${unique}`,
      packSizeBytes: begin.packSizeBytes,
      onFinished: (pack) => this.#handOver(pack),
    });
  }

  /** True when main could use more requests; taking the place at the same time, so that workers do not all offer at once. */
  takesOffer(): boolean {
    return Atomics.load(this.#hunger, 0) > 0 && Atomics.sub(this.#hunger, 0, 1) > 0;
  }

  /** True when main has less work waiting than workers. */
  get isWorkScarce(): boolean {
    return Atomics.load(this.#hunger, 0) > 0;
  }

  /** A walk may take hours, and must leave no descriptor open: it looks often whether anybody still waits. @throws HoldfastError */
  throwIfStopped(): void {
    if (Atomics.load(this.#stop, 0) !== 0) throw new HoldfastError('cancelled', 'the backup has ended');
  }

  newToken(): HoleToken {
    return this.#nextToken++ * tokenStride + this.#worker;
  }

  tell(notice: ArchiveNotice): void {
    notify(notice);
  }

  /** Reports an item that is left out of the snapshot because of an error. */
  fail(path: string, error: HoldfastError): void {
    this.tell({ kind: 'failure', path, error: toErrorRecord(error) });
  }

  #failParent(error: HoldfastError): void {
    // A repository that may be written and not read: main has said so, once for all trees, and nothing is left out.
    if (this.begin.packFolder === undefined && error.code === 'storage-denied') return;
    this.fail('parent snapshot', error);
  }

  #handOver(pack: FinishedPack): void {
    this.#room?.add(pack);
    this.tell({ kind: 'pack', pack });
    this.#room?.wait(() => Atomics.load(this.#stop, 0) !== 0);
  }

  #treeReader(mailbox: SharedArrayBuffer): TreeReader {
    const { index, sealer, begin } = this;
    if (begin.packFolder !== undefined) return new BlobReader(index, sealer, begin.packFolder);
    const ask = (id: string): void => this.tell({ kind: 'tree-wanted', worker: this.#worker, id });
    return new MainTrees(mailbox, index, ask, () => this.throwIfStopped());
  }

  #blobStore(): BlobStore {
    const { begin, index, sealer, counters, packs } = this;
    const mode = begin.compression === 'off' ? 'auto' : begin.compression;
    const compressor = begin.isCompressed ? new Compressor(mode) : undefined;
    const dataCompressor = begin.compression === 'off' ? undefined : compressor;
    const throwIfStopped = (): void => this.throwIfStopped();
    return new BlobStore({ index, sealer, counters, packs, treeCompressor: compressor, dataCompressor, throwIfStopped });
  }
}
