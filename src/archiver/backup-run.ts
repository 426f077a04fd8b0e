/** The course of one backup: what is asked of the workers, and what becomes of their answers. */
import { posix } from 'node:path';
import { HoldfastError } from '../base/errors.ts';
import type { IndexId } from '../base/ids.ts';
import { PackLedger } from '../repository/index/pack-ledger.ts';
import { targetDevices } from '../selection/devices.ts';
import type { FileSelection } from '../selection/selection.ts';
import { Counter, type Counters } from '../workers/archive/counters.ts';
import {
  type ArchiveNotice,
  type ArchiveResponse,
  type BeginRequest,
  type FileRequest,
  sharedFileBytes,
  type UnfinishedPack,
} from '../workers/archive/messages.ts';
import { dataBlob, type IndexTable, treeBlob } from '../workers/index-table.ts';
import { ArchiveProgress } from './archive-progress.ts';
import type { ArchiveRepository, BackupOptions, BackupResult } from './backup-options.ts';
import { groupUnfinished } from './merge-plan.ts';
import { type ArchivePool, storeSharedFile } from './shared-file-job.ts';
import { SizeEstimate, type Totals } from './size-estimate.ts';
import { saveStream } from './stream-source.ts';
import { summaryOf } from './summary.ts';
import { saveTargets } from './target-saver.ts';
import { TreeAssembly } from './tree-assembly.ts';
import { Turnstile } from './turnstile.ts';

type Offer = Extract<ArchiveNotice, { kind: 'offer' }>['request'];

/** While the last chunks of one are stored, the next is cut already. */
const sharedFilesAtOnce = 2;

export interface RunParts {
  readonly pool: ArchivePool;
  readonly repository: ArchiveRepository;
  readonly index: IndexTable;
  readonly options: BackupOptions;
  /** Main's own row of the counters, and all rows. */
  readonly counters: Counters;
  readonly counterMemory: SharedArrayBuffer;
  readonly signal: AbortSignal | undefined;
}

export class BackupRun {
  readonly #parts: RunParts;
  readonly #assembly: TreeAssembly;
  readonly #ledger: PackLedger;
  readonly #sharedFiles = new Turnstile(sharedFilesAtOnce);
  readonly #fatal = Promise.withResolvers<never>();
  #failureCount = 0;
  #isStopped = false;

  constructor(parts: RunParts) {
    this.#parts = parts;
    const { repository, index, options, signal } = parts;
    // Awaited together with the work; alone it is no unhandled rejection.
    this.#fatal.promise.catch(() => {});
    this.#assembly = new TreeAssembly({
      saveTree: (nodes) => this.#saveTree(nodes),
      onDirectory: (directory, tree) => this.#countDirectory(directory.isNew, directory.isSameMetadata && directory.previousTree === tree),
      onError: this.#fatal.reject,
    });
    const { clock } = options;
    this.#ledger = new PackLedger({
      backend: repository.backend,
      index,
      saveIndex: (json) => this.#saveIndex(json),
      monotonicMs: clock.monotonicMs,
      signal,
    });
  }

  async run(): Promise<BackupResult> {
    const { clock, events, isDryRun, parent, skipIfUnchanged } = this.#parts.options;
    const startNs = clock.nowNs();
    const estimate = this.#startEstimate();
    using _progress = new ArchiveProgress(
      this.#parts.counterMemory,
      events,
      () => this.#failureCount,
      () => estimate.totals,
    );
    const tree = await Promise.race([this.#saveAll(), this.#fatal.promise]).finally(estimate.stop);
    const summary = summaryOf(this.#parts.counterMemory, startNs, clock.nowNs());
    await this.#parts.options.permission;
    if (this.#isStopped) await this.#fatal.promise;
    const isSkipped = isDryRun || (skipIfUnchanged && parent?.tree === tree);
    const snapshotId = isSkipped ? undefined : await this.#parts.options.saveSnapshot(tree, summary);
    return { snapshotId, tree, summary, failureCount: this.#failureCount, index: this.#parts.index };
  }

  #startEstimate(): { readonly totals: Totals | undefined; readonly stop: () => void } {
    const { source, estimateTotals } = this.#parts.options;
    if (source.kind !== 'files' || !estimateTotals) return { totals: undefined, stop: () => {} };
    const ended = new AbortController();
    const estimate = new SizeEstimate(neededSelection(source.selection), new Map());
    const paths = source.paths.map((path) => Buffer.from(posix.resolve(process.cwd(), path.toString('latin1')), 'latin1'));
    void estimate.count(paths, ended.signal);
    return {
      get totals() {
        return estimate.totals;
      },
      stop: () => ended.abort(),
    };
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
        return this.#parts.options.events({ kind: 'failure', operation: 'backup', path: notice.path, error: notice.error });
      case 'warning':
        return this.#parts.options.events({ kind: 'warning', message: notice.message });
      case 'items':
        for (const item of notice.items) this.#parts.options.events({ kind: 'item', ...item });
    }
  }

  /** @returns the id of the root tree, when everything is durable and indexed */
  async #saveAll(): Promise<string> {
    await this.#parts.pool.setUp(await this.#beginRequest());
    const tree = await this.#saveSource();
    this.#parts.signal?.throwIfAborted();
    await this.#flush();
    return tree;
  }

  async #saveSource(): Promise<string> {
    const { source, parent } = this.#parts.options;
    const services = {
      pool: this.#parts.pool,
      assembly: this.#assembly,
      saveTree: (nodes: readonly string[]) => this.#saveTree(nodes),
      countDirectory: (isNew: boolean, isSame: boolean) => this.#countDirectory(isNew, isSame),
      countFile: (sizeBytes: number) => this.#countFile(true, sizeBytes),
      timeNs: this.#parts.options.timeNs,
      polynomial: this.#parts.repository.config.polynomial,
    };
    return source.kind === 'files' ? await saveTargets(services, source.paths, parent?.tree) : await saveStream(services, source);
  }

  async #beginRequest(): Promise<BeginRequest> {
    const { backend, masterKey, config } = this.#parts.repository;
    const { compression, packSizeBytes, isDryRun, withAtime, reportItems, changes, source } = this.#parts.options;
    return {
      kind: 'begin',
      key: masterKey,
      polynomial: config.polynomial,
      index: this.#parts.index.memory,
      packFolder: packFolderOf(backend),
      stagingFolder: isDryRun ? '' : await backend.stagingFolder({ signal: this.#parts.signal }),
      packSizeBytes,
      compression,
      isCompressed: config.version > 1,
      isDryRun,
      withAtime,
      reportItems,
      changes,
      selection: source.kind === 'files' ? neededSelection(source.selection) : undefined,
      allowedDevices:
        source.kind === 'files' && source.selection.oneFileSystem ? await targetDevices(source.paths, process.cwd()) : new Map(),
    };
  }

  async #takeOffer(request: Offer): Promise<void> {
    // Such a file holds a descriptor and keeps all workers busy: a few at a time, however many there are.
    if (request.kind !== 'file' || request.sizeBytes < sharedFileBytes) return await this.#saveOffer(request);
    await this.#sharedFiles.run(() => this.#saveOffer(request));
  }

  async #saveOffer(request: Offer): Promise<void> {
    const answer = await this.#parts.pool.run(request);
    if (answer.kind === 'large' && request.kind === 'file') return await this.#saveShared(request, answer);
    // A directory that is itself pending has announced that, under its own token.
    if (answer.kind === 'filled' && typeof answer.part !== 'number') this.#assembly.fill(request.token, answer.part);
  }

  async #saveShared(request: FileRequest, answer: Extract<ArchiveResponse, { kind: 'large' }>): Promise<void> {
    const stored = await storeSharedFile(this.#parts.pool, answer);
    if (stored === undefined) return await this.#saveOffer({ ...request, isSequential: true });
    this.#countFile(request.previous === undefined, stored.sizeBytes);
    this.#assembly.fill(request.token, stored.text);
  }

  async #saveTree(nodes: readonly string[]): Promise<string> {
    const answer = await this.#parts.pool.run({ kind: 'tree', nodes }, 'urgent');
    if (answer.kind !== 'tree') throw new HoldfastError('internal', `a worker answered '${answer.kind}' to a tree`);
    return answer.id;
  }

  async #saveIndex(json: Uint8Array): Promise<IndexId> {
    await this.#parts.options.permission;
    if (this.#isStopped) await this.#fatal.promise;
    return await this.#parts.repository.saveIndex(json);
  }

  #countDirectory(isNew: boolean, isSame: boolean): void {
    this.#parts.counters.add(isNew ? Counter.dirsNew : isSame ? Counter.dirsUnmodified : Counter.dirsChanged, 1);
  }

  #countFile(isNew: boolean, sizeBytes: number): void {
    this.#parts.counters.add(isNew ? Counter.filesNew : Counter.filesChanged, 1);
    this.#parts.counters.add(Counter.processedBytes, sizeBytes);
  }

  /** Ends the packs that are not full, several workers' in one where they fit, and waits until all is durable. */
  async #flush(): Promise<void> {
    const answers = await this.#parts.pool.runOnUsed({ kind: 'flush' });
    const unfinished: UnfinishedPack[] = answers.flatMap((answer) => (answer.kind === 'unfinished' ? [...answer.packs] : []));
    const { packSizeBytes } = this.#parts.options;
    const groups = [...groupUnfinished(unfinished, dataBlob, packSizeBytes), ...groupUnfinished(unfinished, treeBlob, packSizeBytes)];
    await Promise.all(groups.map((parts) => this.#parts.pool.run({ kind: 'merge', type: parts[0]?.type ?? dataBlob, parts })));
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
