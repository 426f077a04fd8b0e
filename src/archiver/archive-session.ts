/**
 * One backup, from targets to snapshot. The workers start when the session is made, so that their start overlaps with
 * opening the repository.
 */
import { availableParallelism } from 'node:os';
import { extname } from 'node:path';
import { HoldfastError } from '../base/errors.ts';
import type { IndexId } from '../base/ids.ts';
import type { IndexFileReader } from '../repository/index/load-index.ts';
import { PackLedger } from '../repository/index/pack-ledger.ts';
import { targetDevices } from '../sources/files/devices.ts';
import type { FileSelection } from '../sources/files/selection.ts';
import type { ArchiveNotice, ArchiveRequest, ArchiveResponse, BeginRequest, FileRequest, UnfinishedPack } from '../workers/archive/messages.ts';
import { Counter, Counters } from '../workers/archive/counters.ts';
import { dataBlob, type IndexTable, treeBlob } from '../workers/index-table.ts';
import { WorkerPool } from '../workers/pool.ts';
import type { ArchiveRepository, BackupOptions, BackupResult } from './backup-options.ts';
import { ArchiveProgress } from './archive-progress.ts';
import { groupUnfinished } from './merge-plan.ts';
import { type ArchivePool, storeSharedFile } from './shared-file-job.ts';
import { saveStream } from './stream-source.ts';
import { summaryOf } from './summary.ts';
import { saveTargets } from './target-saver.ts';
import { TreeAssembly } from './tree-assembly.ts';

export interface SessionOptions {
  /** One a core unless told. */
  readonly workerCount?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export class ArchiveSession implements AsyncDisposable {
  readonly pool: ArchivePool;
  readonly #counterMemory: SharedArrayBuffer;
  readonly #counters: Counters;
  readonly #signal: AbortSignal | undefined;
  #run: BackupRun | undefined;

  constructor({ workerCount = availableParallelism(), signal }: SessionOptions = {}) {
    const hunger = new SharedArrayBuffer(4);
    const counters = Counters.memoryFor(workerCount + 1);
    this.#counterMemory = counters;
    this.#counters = Counters.row(counters, workerCount);
    this.#signal = signal;
    this.pool = new WorkerPool<ArchiveRequest, ArchiveResponse, ArchiveNotice>({
      entry: new URL(`../workers/archive/archive.worker${extname(import.meta.url)}`, import.meta.url),
      workerCount,
      workerData: (worker) => ({ worker, counters, hunger }),
      onNotice: (notice) => this.#run?.receive(notice),
      depth: 1,
      hunger: new Int32Array(hunger),
      signal,
    });
  }

  /** Lets the workers, which have nothing to do yet, read the repository's index. */
  readonly readIndexFile: IndexFileReader = async (file, key, index) => {
    const answer = await this.pool.run({ kind: 'index-file', ...file, key, index: index.memory });
    if (answer.kind !== 'packs') throw new HoldfastError('internal', `a worker answered '${answer.kind}' to an index file`);
    return answer.packs;
  };

  /**
   * Saves the source as a snapshot.
   * @throws HoldfastError; then there is no snapshot, and what was stored is found again by the next backup
   */
  async run(repository: ArchiveRepository, index: IndexTable, options: BackupOptions): Promise<BackupResult> {
    const run = new BackupRun(this.pool, repository, index, options, this.#counterMemory, this.#counters, this.#signal);
    this.#run = run;
    return await run.run();
  }

  /** Ends the running backup with this error, before it writes anything else that others can see. */
  stop(error: unknown): void {
    this.#run?.stop(error);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.pool.close();
  }
}

class BackupRun {
  readonly #pool: ArchivePool;
  readonly #repository: ArchiveRepository;
  readonly #index: IndexTable;
  readonly #options: BackupOptions;
  readonly #counters: Counters;
  readonly #counterMemory: SharedArrayBuffer;
  readonly #signal: AbortSignal | undefined;
  readonly #assembly: TreeAssembly;
  readonly #ledger: PackLedger;
  readonly #fatal = Promise.withResolvers<never>();
  #failureCount = 0;
  #isStopped = false;

  constructor(
    pool: ArchivePool,
    repository: ArchiveRepository,
    index: IndexTable,
    options: BackupOptions,
    counterMemory: SharedArrayBuffer,
    counters: Counters,
    signal: AbortSignal | undefined,
  ) {
    this.#pool = pool;
    this.#repository = repository;
    this.#index = index;
    this.#options = options;
    this.#counters = counters;
    this.#counterMemory = counterMemory;
    this.#signal = signal;
    // Awaited together with the work; alone it is no unhandled rejection.
    this.#fatal.promise.catch(() => {});
    this.#assembly = new TreeAssembly({
      saveTree: (nodes) => this.#saveTree(nodes),
      onDirectory: (directory, tree) => this.#countDirectory(directory.isNew, directory.isSameMetadata && directory.previousTree === tree),
      onError: this.#fatal.reject,
    });
    const { clock } = options;
    this.#ledger = new PackLedger({ backend: repository.backend, index, saveIndex: (json) => this.#saveIndex(json), monotonicMs: clock.monotonicMs, signal });
  }

  async run(): Promise<BackupResult> {
    const { clock, events, isDryRun, parent, skipIfUnchanged } = this.#options;
    const startNs = clock.nowNs();
    using _progress = new ArchiveProgress(this.#counterMemory, events, () => this.#failureCount);
    const tree = await Promise.race([this.#saveAll(), this.#fatal.promise]);
    const summary = summaryOf(this.#counterMemory, startNs, clock.nowNs());
    await this.#options.permission;
    if (this.#isStopped) await this.#fatal.promise;
    const isSkipped = isDryRun || (skipIfUnchanged && parent?.tree === tree);
    const snapshotId = isSkipped ? undefined : await this.#options.saveSnapshot(tree, summary);
    return { snapshotId, tree, summary, failureCount: this.#failureCount, index: this.#index };
  }

  stop(error: unknown): void {
    this.#isStopped = true;
    this.#fatal.reject(error);
  }

  receive(notice: ArchiveNotice): void {
    switch (notice.kind) {
      case 'pack':
        return this.#ledger.add(notice.pack, this.#fatal.reject);
      case 'pending':
        return this.#assembly.add(notice);
      case 'offer':
        this.#takeOffer(notice.request).catch(this.#fatal.reject);
        return;
      case 'failure':
        this.#failureCount++;
        return this.#options.events({ kind: 'failure', operation: 'backup', path: notice.path, error: notice.error });
      case 'warning':
        return this.#options.events({ kind: 'warning', message: notice.message });
      case 'items':
        for (const item of notice.items) this.#options.events({ kind: 'item', ...item });
    }
  }

  /** @returns the id of the root tree, when everything is durable and indexed */
  async #saveAll(): Promise<string> {
    await this.#pool.runOnAll(await this.#beginRequest());
    const tree = await this.#saveSource();
    this.#signal?.throwIfAborted();
    await this.#flush();
    return tree;
  }

  async #saveSource(): Promise<string> {
    const { source, parent } = this.#options;
    const services = {
      pool: this.#pool,
      assembly: this.#assembly,
      saveTree: (nodes: readonly string[]) => this.#saveTree(nodes),
      countDirectory: (isNew: boolean, isSame: boolean) => this.#countDirectory(isNew, isSame),
      countFile: (sizeBytes: number) => this.#countFile(true, sizeBytes),
      clock: this.#options.clock,
      polynomial: this.#repository.config.polynomial,
    };
    return source.kind === 'files' ? await saveTargets(services, source.paths, parent?.tree) : await saveStream(services, source);
  }

  async #beginRequest(): Promise<BeginRequest> {
    const { backend, masterKey, config } = this.#repository;
    const { compression, packSizeBytes, isDryRun, withAtime, reportItems, changes, source } = this.#options;
    return {
      kind: 'begin',
      key: masterKey,
      polynomial: config.polynomial,
      index: this.#index.memory,
      packFolder: packFolderOf(backend),
      stagingFolder: isDryRun ? '' : await backend.stagingFolder({ signal: this.#signal }),
      packSizeBytes,
      compression,
      isCompressed: config.version > 1,
      isDryRun,
      withAtime,
      reportItems,
      changes,
      selection: source.kind === 'files' ? neededSelection(source.selection) : undefined,
      allowedDevices: source.kind === 'files' && source.selection.oneFileSystem ? await targetDevices(source.paths, process.cwd()) : new Map(),
    };
  }

  async #takeOffer(request: Extract<ArchiveNotice, { kind: 'offer' }>['request']): Promise<void> {
    const answer = await this.#pool.run(request);
    if (answer.kind === 'large' && request.kind === 'file') return await this.#saveShared(request, answer);
    // A directory that is itself pending has announced that, under its own token.
    if (answer.kind === 'filled' && typeof answer.part !== 'number') this.#assembly.fill(request.token, answer.part);
  }

  async #saveShared(request: FileRequest, answer: Extract<ArchiveResponse, { kind: 'large' }>): Promise<void> {
    const stored = await storeSharedFile(this.#pool, answer);
    if (stored === undefined) return await this.#takeOffer({ ...request, isSequential: true });
    this.#countFile(request.previous === undefined, stored.sizeBytes);
    this.#assembly.fill(request.token, stored.text);
  }

  async #saveTree(nodes: readonly string[]): Promise<string> {
    const answer = await this.#pool.run({ kind: 'tree', nodes }, 'urgent');
    if (answer.kind !== 'tree') throw new HoldfastError('internal', `a worker answered '${answer.kind}' to a tree`);
    return answer.id;
  }

  async #saveIndex(json: Uint8Array): Promise<IndexId> {
    await this.#options.permission;
    if (this.#isStopped) await this.#fatal.promise;
    return await this.#repository.saveIndex(json);
  }

  #countDirectory(isNew: boolean, isSame: boolean): void {
    this.#counters.add(isNew ? Counter.dirsNew : isSame ? Counter.dirsUnmodified : Counter.dirsChanged, 1);
  }

  #countFile(isNew: boolean, sizeBytes: number): void {
    this.#counters.add(isNew ? Counter.filesNew : Counter.filesChanged, 1);
    this.#counters.add(Counter.processedBytes, sizeBytes);
  }

  /** Ends the packs that are not full, several workers' in one where they fit, and waits until all is durable. */
  async #flush(): Promise<void> {
    const answers = await this.#pool.runOnAll({ kind: 'flush' });
    const unfinished: UnfinishedPack[] = answers.flatMap((answer) => (answer.kind === 'unfinished' ? [...answer.packs] : []));
    const { packSizeBytes } = this.#options;
    const groups = [...groupUnfinished(unfinished, dataBlob, packSizeBytes), ...groupUnfinished(unfinished, treeBlob, packSizeBytes)];
    await Promise.all(groups.map((parts) => this.#pool.run({ kind: 'merge', type: parts[0]?.type ?? dataBlob, parts })));
    await this.#ledger.settle();
  }
}

/** Undefined where no rule says anything: then no path needs to be put together. */
function neededSelection(selection: FileSelection): FileSelection | undefined {
  const { excludes, iexcludes, excludeFileLines, iexcludeFileLines, excludeIfPresent } = selection;
  const lists = [excludes, iexcludes, excludeFileLines, iexcludeFileLines, excludeIfPresent];
  const hasRules = lists.some((list) => list.length > 0) || selection.excludeCaches || selection.oneFileSystem;
  return hasRules || selection.excludeLargerThanBytes !== undefined ? selection : undefined;
}

/** Workers find packs by their ids below this folder: every local layout has them in `data/<two digits>/`. */
function packFolderOf(backend: ArchiveRepository['backend']): string | undefined {
  const probe = '0'.repeat(64);
  return backend.pathOf({ kind: 'pack', name: probe })?.slice(0, -(probe.length + '/00/'.length));
}
