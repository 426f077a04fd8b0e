/** What all parts of one restore worker share. */
import { systemRandomness } from '../../base/clock.ts';
import { HoldfastError, toErrorRecord } from '../../base/errors.ts';
import type { ItemEvent } from '../../base/events.ts';
import { Sealer } from '../../crypto/sealer.ts';
import { compilePatterns, type PatternList } from '../../patterns/pattern-list.ts';
import type { PathText } from '../../patterns/path-text.ts';
import { libc, type Libc } from '../../posix/libc.ts';
import { FileStat } from '../../posix/statx.ts';
import { BlobDecoder } from '../blob-decoder.ts';
import { BlobReader } from '../blob-reader.ts';
import { IndexTable } from '../index-table.ts';
import { notify } from '../protocol.ts';
import { type RestoreCounter, restoreCounter, RestoreCounters } from './counters.ts';
import { FolderDescriptors } from './folder-descriptors.ts';
import type { BeginRequest, RestoreNotice, RestoreRules, RestoreWorkerData } from './messages.ts';
import { attributeRule, type MetadataRules } from './metadata.ts';
import { MetadataSetter } from './metadata-setter.ts';
import { fileFlag, fileWord, RestorePlan } from './plan/restore-plan.ts';
import { filePath, readablePath } from './plan/plan-paths.ts';
import { compileRestoreSelection, type Selector } from './selection.ts';

/** Item events travel in groups: one message costs as much as creating a file. */
const itemsPerNotice = 128;

export class WorkerContext {
  readonly rules: RestoreRules;
  readonly index: IndexTable;
  readonly plan: RestorePlan;
  readonly libc: Libc = libc();
  readonly stat = new FileStat();
  readonly decoder: BlobDecoder;
  /** Reads from packs on this machine. */
  readonly reader: BlobReader | undefined;
  readonly folders: FolderDescriptors;
  readonly setter: MetadataSetter;
  readonly metadataRules: MetadataRules;
  /** Undefined when everything is selected. */
  readonly selector: Selector | undefined;
  readonly packFolder: string | undefined;
  readonly targetFd: number;
  readonly #counters: RestoreCounters;
  readonly #stop: Int32Array;
  #items: ItemEvent[] = [];

  constructor(data: RestoreWorkerData, begin: BeginRequest) {
    const { rules } = begin;
    const sealer = new Sealer(begin.key, systemRandomness);
    this.rules = rules;
    this.index = IndexTable.attach(begin.index);
    this.plan = RestorePlan.attach(begin.plan);
    this.decoder = new BlobDecoder(sealer);
    this.reader = begin.packFolder === undefined ? undefined : new BlobReader(this.index, sealer, begin.packFolder);
    this.packFolder = begin.packFolder;
    this.targetFd = begin.targetFd;
    this.folders = new FolderDescriptors(this.libc, this.plan, begin.targetFd);
    const selectsAttribute = attributeRule(compileNames(rules.excludeAttributes), compileNames(rules.includeAttributes));
    this.metadataRules = { ownershipByName: rules.ownershipByName, selectsAttribute };
    this.selector = compileRestoreSelection(rules.selection);
    this.#counters = RestoreCounters.row(data.counters, data.worker);
    this.setter = new MetadataSetter(this.libc, selectsAttribute, this.count);
    this.#stop = new Int32Array(data.stop);
  }

  readonly count = (counter: RestoreCounter, amount: number): void => {
    this.#counters.add(counter, amount);
  };

  /** To be called between two entries: main may have given up meanwhile. */
  throwIfStopped(): void {
    if (Atomics.load(this.#stop, 0) !== 0) throw new HoldfastError('cancelled', 'the restore was stopped');
  }

  /** Reports what goes wrong with one entry; what ends the whole restore is thrown on. */
  fail(path: PathText, error: unknown): void {
    const record = toErrorRecord(error);
    if (record.code === 'storage-full' || record.code === 'cancelled') throw error;
    this.#tell({ kind: 'failure', path: readablePath(path), error: record });
  }

  /** The same for a file of the plan, which is named once however many of its blobs fail. */
  failFile(file: number, error: unknown): void {
    const before = this.plan.files.setBits(file, fileWord.flags, fileFlag.failed);
    if ((before & fileFlag.failed) === 0) this.fail(filePath(this.plan, file), error);
  }

  /** Something about an entry that does not keep it from being restored. */
  warnOf(path: PathText, message: string): void {
    this.#tell({ kind: 'warning', message: `${readablePath(path)}: ${message}` });
  }

  /** Counts something that is restored, and tells so when that is wanted. */
  countRestored(action: 'restored' | 'updated', path: () => PathText, sizeBytes: number): void {
    this.count(restoreCounter.restored, 1);
    this.tellItem(action, path, sizeBytes);
  }

  countSkipped(path: () => PathText, sizeBytes: number): void {
    this.count(restoreCounter.skipped, 1);
    this.count(restoreCounter.skippedBytes, sizeBytes);
    this.tellItem('skipped', path, sizeBytes);
  }

  tellItem(action: ItemEvent['action'], path: () => PathText, sizeBytes: number): void {
    if (!this.rules.reportItems) return;
    this.#items.push({ kind: 'item', action, path: readablePath(path()), sizeBytes });
    if (this.#items.length >= itemsPerNotice) this.flushItems();
  }

  flushItems(): void {
    if (this.#items.length === 0) return;
    this.#tell({ kind: 'items', items: this.#items });
    this.#items = [];
  }

  close(): void {
    this.folders.close();
    this.reader?.[Symbol.dispose]();
  }

  #tell(notice: RestoreNotice): void {
    notify(notice);
  }
}

function compileNames(patterns: readonly string[]): PatternList | undefined {
  return patterns.length === 0 ? undefined : compilePatterns(patterns);
}
