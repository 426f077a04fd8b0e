/** What the steps of one restore share: the plan, the workers, the place to report to. */
import { cancellationOf } from '../base/cancellation.ts';
import type { ErrorRecord } from '../base/errors.ts';
import type { EventSink } from '../base/events.ts';
import type { IndexTable } from '../workers/index-table.ts';
import type { MasterKey } from '../crypto/master-key.ts';
import type { RestoreNotice, RestoreRules } from '../workers/restore/messages.ts';
import { filePath, readablePath } from '../workers/restore/plan/plan-paths.ts';
import { fileFlag, fileWord, RestorePlan } from '../workers/restore/plan/restore-plan.ts';
import { drainInFlight, forEachInFlight } from './in-flight.ts';
import { PackSource } from './pack-source.ts';
import type { RestoreRepository } from './restore-options.ts';
import { RestoreProgress } from './restore-progress.ts';
import type { RestoreWorkers } from './restore-workers.ts';

export interface CrewOptions {
  readonly rules: RestoreRules;
  /** The target's descriptor; minus one in a dry run when it does not exist. */
  readonly targetFd: number;
  readonly signal?: AbortSignal | undefined;
  readonly events: EventSink;
}

export class RestoreCrew implements Disposable {
  readonly plan = RestorePlan.create();
  readonly index: IndexTable;
  readonly rules: RestoreRules;
  readonly targetFd: number;
  readonly source: PackSource;
  readonly progress: RestoreProgress;
  readonly #workers: RestoreWorkers;
  readonly #masterKey: MasterKey;
  readonly #events: EventSink;
  readonly #signal: AbortSignal | undefined;
  /** Ends loads from the storage. */
  readonly #stopLoads = new AbortController();

  constructor(workers: RestoreWorkers, { backend, masterKey }: RestoreRepository, index: IndexTable, options: CrewOptions) {
    this.index = index;
    this.rules = options.rules;
    this.targetFd = options.targetFd;
    this.source = new PackSource(backend, index, this.#stopLoads.signal);
    this.progress = new RestoreProgress(workers, options.events);
    this.#workers = workers;
    this.#masterKey = masterKey;
    this.#events = options.events;
    this.#signal = options.signal;
    options.signal?.addEventListener('abort', this.stop, { once: true });
    if (options.signal?.aborted === true) this.stop();
  }

  get workerCount(): number {
    return this.#workers.count;
  }

  async begin(): Promise<void> {
    const { index, plan, source, targetFd, rules } = this;
    const shared = { index: index.memory, plan: plan.memory, packFolder: source.localFolder, targetFd, rules };
    await this.#workers.begin({ kind: 'begin', key: this.#masterKey, ...shared }, (notice) => this.#receive(notice));
  }

  /** @throws HoldfastError when the restore cannot go on */
  readonly ask: RestoreWorkers['ask'] = async (kind, request) => await this.#workers.ask(kind, request);

  /** Works on as many items at a time as keep all workers busy. Stops at the first failure. */
  async forEach<Item>(items: Iterable<Item>, work: (item: Item) => Promise<void>): Promise<void> {
    await forEachInFlight(items, this.#workers.requestLimit, this.#stopping(work));
  }

  /** The same for a list that `work` may add to. */
  async drain<Item>(waiting: Item[], maxGroup: number, work: (items: Item[]) => Promise<void>): Promise<void> {
    await drainInFlight(waiting, { limit: this.#workers.requestLimit, maxGroup }, this.#stopping(work));
  }

  /** Reports what goes wrong with one entry; the restore goes on. */
  fail(path: string, error: ErrorRecord): void {
    this.progress.noteFailure();
    this.#events({ kind: 'failure', operation: 'restore', path, error });
  }

  /** The same for a file, which is named once however much of it fails. */
  failFile(file: number, error: ErrorRecord): void {
    const before = this.plan.files.setBits(file, fileWord.flags, fileFlag.failed);
    if ((before & fileFlag.failed) === 0) this.fail(readablePath(filePath(this.plan, file)), error);
  }

  warn(message: string): void {
    this.#events({ kind: 'warning', message });
  }

  /** Workers leave off at the next entry or blob. */
  readonly stop = (): void => {
    this.#workers.stop();
    this.#stopLoads.abort();
  };

  [Symbol.dispose](): void {
    this.#signal?.removeEventListener('abort', this.stop);
    this.progress[Symbol.dispose]();
  }

  /** A failure stops at once what else is under way: otherwise that would go on to its end, for nothing. */
  #stopping<Item>(work: (item: Item) => Promise<void>): (item: Item) => Promise<void> {
    return async (item) => {
      try {
        await work(item);
      } catch (error) {
        this.stop();
        throw this.#signal?.aborted === true ? cancellationOf(this.#signal) : error;
      }
    };
  }

  #receive(notice: RestoreNotice): void {
    if (notice.kind === 'failure') this.fail(notice.path, notice.error);
    else if (notice.kind === 'warning') this.warn(notice.message);
    else for (const item of notice.items) this.#events(item);
  }
}
