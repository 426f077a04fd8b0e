/** What tests of restores share: a repository in this process, and restores with all that they said. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { HoldfastEvent } from '../../src/base/events.ts';
import type { BlobId } from '../../src/base/ids.ts';
import { Repository } from '../../src/repository/repository.ts';
import { restore } from '../../src/restorer/restore.ts';
import type { RestoreOptions, RestoreRepository, RestoreSummary } from '../../src/restorer/restore-options.ts';
import { LocalBackend } from '../../src/storage/local/local-backend.ts';
import type { Backend } from '../../src/storage/backend.ts';
import { ForwardingBackend } from '../../src/storage/forwarding-backend.ts';
import { holdfast, snapshotOf } from './holdfast.ts';
import { localRepository, testPassword } from './new-repository.ts';
import { type CleansUp, temporaryFolder } from './temporary-folder.ts';
import type { SnapshotId } from '../../src/base/ids.ts';

export interface RestoreOutcome {
  readonly summary: RestoreSummary;
  readonly events: readonly HoldfastEvent[];
  /** Path and message of each failure. */
  readonly failures: readonly string[];
  readonly warnings: readonly string[];
  /** Action and path of each item, in the order of the text. */
  readonly items: readonly string[];
}

/** Restores with two workers, however many the machine would have. */
export async function restoreInto(
  repository: RestoreRepository,
  tree: BlobId,
  target: string | Uint8Array,
  options: Partial<RestoreOptions> = {},
): Promise<RestoreOutcome> {
  const events: HoldfastEvent[] = [];
  const sink = (event: HoldfastEvent): void => {
    events.push(event);
    options.events?.(event);
  };
  const summary = await restore(repository, { workerCount: 2, ...options, snapshot: { tree }, target, events: sink });
  const failures = events.flatMap((event) => (event.kind === 'failure' ? [`${event.path}: ${event.error.message}`] : []));
  const warnings = events.flatMap((event) => (event.kind === 'warning' ? [event.message] : []));
  const items = events.flatMap((event) => (event.kind === 'item' ? [`${event.action} ${event.path}`] : [])).toSorted();
  return { summary, events, failures, warnings, items };
}

/** A folder with a source to back up, and a repository beside it. */
export class RestoreSetting {
  readonly folder: string;
  readonly source: string;
  readonly target: string;
  readonly repositoryPath: string;
  readonly #cleansUp: CleansUp;

  private constructor(t: CleansUp) {
    this.#cleansUp = t;
    this.folder = temporaryFolder(t);
    this.source = join(this.folder, 'source');
    this.target = join(this.folder, 'target');
    this.repositoryPath = join(this.folder, 'repository');
  }

  static async create(t: CleansUp): Promise<RestoreSetting> {
    const setting = new RestoreSetting(t);
    mkdirSync(setting.source);
    await using _repository = await localRepository(setting.repositoryPath);
    return setting;
  }

  /** Saves the content of the source. @returns the tree of the source itself */
  async backUp(...args: readonly string[]): Promise<BlobId> {
    const result = await holdfast(this.repositoryPath, ['backup', ...args, '.'], { cwd: this.source });
    await using repository = await this.#open(new LocalBackend({ path: this.repositoryPath }));
    return (await repository.snapshots.load(snapshotOf(result) as SnapshotId)).tree;
  }

  /** The repository, closed after the test. */
  async open(): Promise<Repository> {
    const repository = await this.#open(new LocalBackend({ path: this.repositoryPath }));
    this.#cleansUp.after(() => void repository.close());
    return repository;
  }

  /** The same as if its files could not be opened on this machine. */
  async openRemotely(): Promise<Repository> {
    const repository = await this.#open(new DistantBackend(new LocalBackend({ path: this.repositoryPath })));
    this.#cleansUp.after(() => void repository.close());
    return repository;
  }

  async restore(tree: BlobId, options: Partial<RestoreOptions> = {}): Promise<RestoreOutcome> {
    return await restoreInto(await this.open(), tree, options.target ?? this.target, options);
  }

  async #open(backend: Backend): Promise<Repository> {
    return await Repository.open(backend, { password: testPassword });
  }
}

class DistantBackend extends ForwardingBackend {
  override get capabilities() {
    return { ...super.capabilities, localFiles: false };
  }

  override pathOf(): undefined {
    return undefined;
  }
}
