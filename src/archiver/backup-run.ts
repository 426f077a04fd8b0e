/** The course of one backup: what is asked of the workers, and what becomes of their answers. */
import { cancellationOf, throwIfCancelled } from '../base/cancellation.ts';
import { asHoldfastError, type ErrorRecord, HoldfastError, toErrorRecord } from '../base/errors.ts';
import type { IndexId } from '../base/ids.ts';
import { encodeNodeFields } from '../format/node-encoder.ts';
import { PackLedger } from '../repository/index/pack-ledger.ts';
import { targetDevices } from '../selection/devices.ts';
import type { FileSelection } from '../selection/selection.ts';
import { Counter, type Counters, type FileChange } from '../workers/archive/counters.ts';
import { printablePath } from '../workers/archive/entry-paths.ts';
import {
  type ArchiveNotice,
  type ArchiveResponse,
  type BeginRequest,
  type FileRequest,
  type UnfinishedPack,
} from '../workers/archive/messages.ts';
import { changeOf } from '../workers/archive/node-fields.ts';
import { SourceFailure } from '../workers/archive/source-failure.ts';
import { dataBlob, type IndexTable, treeBlob } from '../workers/index-table.ts';
import { maxStagedBytes } from '../workers/archive/upload-room.ts';
import { ArchiveProgress } from './archive-progress.ts';
import type { ArchiveRepository, BackupOptions, BackupResult } from './backup-options.ts';
import { groupUnfinished } from '../repository/index/merge-plan.ts';
import { FarRepository, type FarMemory } from './far-repository.ts';
import { type ArchivePool, type StoredFile, storeSharedFile } from './shared-file-job.ts';
import { SizeEstimate, type Totals } from './size-estimate.ts';
import { saveStream } from './stream-source.ts';
import { summaryOf } from './summary.ts';
import { absolute, saveTargets } from './target-saver.ts';
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
  readonly far: FarMemory;
  readonly signal: AbortSignal | undefined;
}

export class BackupRun {
  readonly #parts: RunParts;
  readonly #assembly: TreeAssembly;
  readonly #ledger: PackLedger;
  readonly #far: FarRepository;
  readonly #sharedFiles = new Turnstile(sharedFilesAtOnce);
  readonly #fatal = Promise.withResolvers<never>();
  #devices: ReadonlyMap<string, string> = new Map();
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
    this.#far = new FarRepository(parts.far, repository, index, { signal, events: options.events });
    this.#ledger = new PackLedger({
      backend: repository.backend,
      index,
      saveIndex: (json) => this.#saveIndex(json),
      monotonicMs: () => clock.monotonicMs(),
      signal,
      onTakenOver: packFolderOf(repository.backend) === undefined ? this.#far.noteSent : undefined,
    });
  }

  /** @throws HoldfastError; then nothing is under way any more that others could see */
  async run(): Promise<BackupResult> {
    const { signal, options } = this.#parts;
    const onAbort = (): void => this.stop(signal === undefined ? undefined : cancellationOf(signal));
    signal?.addEventListener('abort', onAbort, { once: true });
    // Met at once, and not only when the first index is due.
    options.permission.catch((error: unknown) => this.stop(error));
    try {
      return await this.#saveSnapshot();
    } catch (error) {
      await this.#abandon(error);
      throw asHoldfastError(error);
    } finally {
      signal?.removeEventListener('abort', onAbort);
    }
  }

  /** Afterwards the lock may be released: an index that came later could name packs that somebody has removed meanwhile. */
  async #abandon(error: unknown): Promise<void> {
    this.stop(error);
    await this.#parts.pool.close();
    await this.#ledger.quiesce();
  }

  async #saveSnapshot(): Promise<BackupResult> {
    const { clock, events, isDryRun, parent, skipIfUnchanged } = this.#parts.options;
    const startNs = clock.nowNs();
    this.#devices = await allowedDevices(this.#parts.options.source);
    const estimate = this.#startEstimate();
    using _progress = new ArchiveProgress(
      this.#parts.counterMemory,
      events,
      () => this.#failureCount,
      () => estimate.totals,
    );
    const tree = await Promise.race([this.#saveAll(), this.#fatal.promise]).finally(estimate.stop);
    const summary = summaryOf(this.#parts.counterMemory, startNs, clock.nowNs());
    await Promise.race([this.#parts.options.permission, this.#fatal.promise]);
    if (this.#isStopped) await this.#fatal.promise;
    const isSkipped = isDryRun || (skipIfUnchanged && parent?.tree === tree);
    const snapshotId = isSkipped ? undefined : await this.#parts.options.saveSnapshot(tree, summary);
    return { snapshotId, tree, summary, failureCount: this.#failureCount, index: this.#parts.index };
  }

  #startEstimate(): { readonly totals: Totals | undefined; readonly stop: () => void } {
    const { source, estimateTotals } = this.#parts.options;
    if (source.kind !== 'files' || !estimateTotals) return { totals: undefined, stop: () => {} };
    const ended = new AbortController();
    const estimate = new SizeEstimate(neededSelection(source.selection), this.#devices);
    void estimate.count(source.paths.map(absolute), ended.signal);
    return {
      get totals() {
        return estimate.totals;
      },
      stop: () => ended.abort(),
    };
  }

  /** Ends the run with this error, before it writes anything else that others can see. */
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
      case 'tree-wanted':
        return void this.#far.answer(notice.worker, notice.id);
      case 'offer':
        this.#saveOffer(notice.request).catch(this.#fatal.reject);
        return;
      case 'failure':
        return this.#reportFailure(notice.path, notice.error);
      case 'warning':
        return this.#parts.options.events({ kind: 'warning', message: notice.message });
      case 'items':
        for (const item of notice.items) this.#parts.options.events({ kind: 'item', ...item });
    }
  }

  #reportFailure(path: string, error: ErrorRecord): void {
    this.#failureCount++;
    this.#parts.options.events({ kind: 'failure', operation: 'backup', path, error });
  }

  /** @returns the id of the root tree, when everything is durable and indexed */
  async #saveAll(): Promise<string> {
    await this.#parts.pool.setUp(await this.#beginRequest());
    const tree = await this.#saveSource();
    throwIfCancelled(this.#parts.signal);
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
      countFile: (sizeBytes: number) => this.#parts.counters.countFile('new', sizeBytes),
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
      maxStagedBytes: packFolderOf(backend) === undefined ? maxStagedBytes(packSizeBytes) : undefined,
      compression,
      isCompressed: config.version > 1,
      isDryRun,
      withAtime,
      reportItems,
      changes,
      selection: source.kind === 'files' ? neededSelection(source.selection) : undefined,
      allowedDevices: this.#devices,
    };
  }

  async #saveOffer(request: Offer): Promise<void> {
    const answer = await this.#parts.pool.run(request);
    if (answer.kind === 'large' && request.kind === 'file') return await this.#saveShared(request, answer);
    // A directory that is itself pending has announced that, under its own token.
    if (answer.kind === 'filled' && typeof answer.part !== 'number') this.#assembly.fill(request.token, answer.part);
  }

  async #saveShared(request: FileRequest, { fd, fields }: Extract<ArchiveResponse, { kind: 'large' }>): Promise<void> {
    const { path, token, previous } = request;
    try {
      const stored = await this.#sharedFiles.run(() => storeSharedFile(this.#parts.pool, { fd, path, fields }));
      if (stored === undefined) return await this.#saveOffer({ ...request, isSequential: true });
      this.#countFile(path, stored, changeOf(stored.fields, stored.content, previous));
      this.#assembly.fill(token, encodeNodeFields(stored.fields, stored.content));
    } catch (error) {
      if (!(error instanceof SourceFailure)) throw error;
      this.#reportFailure(printablePath(path), toErrorRecord(error.failure));
      this.#assembly.fill(token, undefined);
    }
  }

  #countFile(path: Uint8Array, { fields, addedBytes, addedPackedBytes }: StoredFile, change: FileChange): void {
    const { counters, options } = this.#parts;
    const sizeBytes = Number(fields.size);
    counters.countFile(change, sizeBytes);
    if (!options.reportItems) return;
    options.events({ kind: 'item', action: change, path: printablePath(path), sizeBytes, addedBytes, addedPackedBytes });
  }

  async #saveTree(nodes: readonly string[]): Promise<string> {
    const answer = await this.#parts.pool.run({ kind: 'tree', nodes }, 'urgent');
    if (answer.kind !== 'tree') throw new HoldfastError('internal', `a worker answered '${answer.kind}' to a tree`);
    return answer.id;
  }

  async #saveIndex(json: Uint8Array): Promise<IndexId> {
    await Promise.race([this.#parts.options.permission, this.#fatal.promise]);
    if (this.#isStopped) await this.#fatal.promise;
    return await this.#parts.repository.saveIndex(json);
  }

  #countDirectory(isNew: boolean, isSame: boolean): void {
    this.#parts.counters.add(isNew ? Counter.dirsNew : isSame ? Counter.dirsUnmodified : Counter.dirsChanged, 1);
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

/** For `oneFileSystem`. */
async function allowedDevices(source: BackupOptions['source']): Promise<ReadonlyMap<string, string>> {
  if (source.kind !== 'files' || !source.selection.oneFileSystem) return new Map();
  return await targetDevices(source.paths, process.cwd());
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
